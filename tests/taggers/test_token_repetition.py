from pathlib import Path

import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.errors import AssetError
from dolma_pipe.tokenizer import EncoderFailed, Tokenizer
from tests.small_tokenizer import write_small_tokenizer
from tests.taggers.shelf import tagger, values


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    return write_small_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("tokens", "in the", 2),
        ("repeated_sequences", "x" * 31, 0),
        ("repeated_sequences", "x" * 32, 1),
        ("repeated_sequences", "x" * 40 + "wzq" + "zq" * 32, 2),
        ("longest_repeated_sequence", "xyq" + "zq" * 32, 65),
        ("repeated_tokens", "x" * 32 + "zqvkbjmw", 0.8),
        ("repeated_tokens", "", 0),
    ],
)
def test_values_at_the_published_border(
    column: str, text: str, value: float, tokenizer: str
) -> None:
    found = values("token_repetition", column, [text, "q"], tokenizer=tokenizer)
    assert found[0] == pytest.approx(value)


def test_columns_and_assets(tokenizer: str) -> None:
    made = tagger("token_repetition", tokenizer=tokenizer, max_period=2, min_times=3)
    columns = made.tag(batch_of(["xyxyxy", "xyzxyzxyz"]))
    assert tuple(columns) == made.columns()
    assert list(columns["repeated_sequences"]) == [1, 0]
    assert made.assets() == (tokenizer,)
    assert tagger("token_repetition").assets() == ("gpt-neox-olmo",)


def test_the_reference_encodes_where_gigatoken_fails(
    tokenizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EncoderFailed("broken")

    expected = values("token_repetition", "tokens", ["the x" * 9], tokenizer=tokenizer)
    monkeypatch.setattr(Tokenizer, "encode", fail)
    assert values("token_repetition", "tokens", ["the x" * 9], tokenizer=tokenizer) == expected


def test_a_missing_tokenizer_is_named() -> None:
    with pytest.raises(AssetError, match="nowhere"):
        tagger("token_repetition", tokenizer="nowhere.json").check()
