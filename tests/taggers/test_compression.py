import random
import string

import msgspec
import pytest
import zstandard

from tests.taggers.shelf import tagger, values

PROSE = (
    "The harbour was quiet when the last boat came in, and nobody saw who carried the lamp. "
    "By morning the nets had been mended, the fish sold, and the story told in four versions. "
)


def test_the_ratio_is_that_of_one_frame() -> None:
    [ratio] = values("compression", "zstd_ratio", [PROSE])
    frame = zstandard.ZstdCompressor(3, write_checksum=False).compress(PROSE.encode())
    assert ratio == len(frame) / len(PROSE)
    assert values("compression", "zstd_ratio", ["é" + PROSE, PROSE])[1] == ratio


def test_repetition_compresses_too_well_and_noise_hardly() -> None:
    letters = random.Random(3).choices(string.ascii_letters + string.digits, k=2000)
    repeated, prose, noise = values(
        "compression", "zstd_ratio", [PROSE * 50, PROSE, "".join(letters)]
    )
    assert repeated < 0.1 < 0.3 < prose < 0.8
    assert 0.7 < noise <= 1


@pytest.mark.parametrize("text", ["", "a", "é", "abc"])
def test_short_texts_are_1(text: str) -> None:
    assert values("compression", "zstd_ratio", [text]) == [1]


def test_the_level_is_a_setting() -> None:
    best = values("compression", "zstd_ratio", [PROSE * 3], level=19)
    assert best < values("compression", "zstd_ratio", [PROSE * 3], level=1)
    with pytest.raises(msgspec.ValidationError):
        tagger("compression", level=20)
