"""Statistics of token arrays against counting by hand."""

import gzip
import math
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import TokensError
from dolma_pipe.report.token_stats import token_stats, with_texts
from dolma_pipe.report.token_stats_table import stats_table
from dolma_pipe.tokens import arrays as arrays_module
from dolma_pipe.tokens import export_arrays
from tests.token_arrays import EOS, SMALL, write_arrays


@pytest.mark.parametrize("chunk", [2, 1 << 20])
def test_each_source_and_the_whole(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays_module, "CHUNK_TOKENS", chunk)
    web, code, whole = token_stats(write_arrays(tmp_path, {"none": [], **SMALL}))
    assert (web.name, code.name, whole.name) == ("web", "code", "all")
    flat = [i for files in SMALL.values() for file in files for ids in file for i in ids]
    counts = Counter(flat)
    assert (whole.documents, whole.tokens, whole.share) == (5, 12, 1.0)
    assert (web.documents, web.tokens, web.share) == (4, 10, 10 / 12)
    assert (whole.bytes, whole.bytes_per_token) == (14, 14 / 12)  # two bytes but for the EOS
    bits = -sum(n / 12 * math.log2(n / 12) for n in counts.values())
    assert whole.bits_per_token == pytest.approx(bits, abs=1e-12)
    assert whole.bits_per_byte == pytest.approx(bits * 12 / 14, abs=1e-12)
    assert (whole.unused_ids, code.unused_ids) == (2, 8)  # 0 and 8
    assert [(f.id, f.tokens) for f in whole.most_frequent][:3] == [(9, 5), (1, 1), (2, 1)]
    assert sum(f.tokens for f in whole.most_frequent) == 12


def test_a_repeat_is_the_same_line_of_the_same_file(tmp_path: Path) -> None:
    """Documents of both shards of web come from lines 1 to 3: one of the four is a repeat."""
    web, code, whole = token_stats(write_arrays(tmp_path, SMALL))
    assert (web.unique, code.unique, whole.unique) == (3, 1, 4)
    assert token_stats(write_arrays(tmp_path, SMALL), repeats=False)[0].unique is None


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=50))
def test_percentiles_are_the_nearest_ranks(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    documents = [[1] * (length - 1) + [9] for length in lengths]
    half = len(documents) // 2
    files = [file for file in (documents[:half], documents[half:]) if file]
    arrays = write_arrays(tmp_path_factory.mktemp("stats"), {"web": files})
    found = token_stats(arrays)[0].lengths
    expected = np.percentile(lengths, [0, 50, 90, 99, 100], method="inverted_cdf").tolist()
    assert [found.min, found.median, found.p90, found.p99, found.max] == expected
    assert found.mean == pytest.approx(np.mean(lengths))
    powers = Counter(int(math.log2(length)) for length in lengths)
    assert found.by_power == [powers[k] for k in range(max(powers) + 1)]


def test_a_single_document_of_nothing_but_its_end(tmp_path: Path) -> None:
    stats = token_stats(write_arrays(tmp_path, {"none": [], "web": [[[EOS]]]}, 1_000_000))
    (only,) = stats
    assert (only.tokens, only.bytes, only.bits_per_byte, only.unused_ids) == (1, 0, None, 999_999)
    assert stats_table(stats).splitlines()[1].endswith(" 100.0%        0.000        0.000")


def test_the_table_and_the_texts(tmp_path: Path) -> None:
    stats = with_texts(
        token_stats(write_arrays(tmp_path, SMALL), top=1), lambda ids: f"<{ids[0]}>\n"
    )
    lines = stats_table(stats).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["web", "code", "all"]
    assert lines[3].split() == ["all", "5", "4", "12", "100.0%", "1.167", "2.617", "2.244"]
    assert f"{EOS:>8} {5:>14} {5 / 12:>7.2%}  '<9>\\n'" in lines
    assert lines[-1] == "2 ids of the vocabulary do not occur"
    assert [line.split()[:4] for line in lines if " - " in line] == [
        ["1", "-", "1", "1"],
        ["2", "-", "3", "3"],
        ["4", "-", "7", "1"],
    ]
    assert msgspec.json.decode(msgspec.json.encode(stats))[2]["lengths"]["max"] == 4


@pytest.mark.parametrize("borders", [[0, 4, 3, 6], [0, 3, 3, 6], [1, 3, 4, 6], [0, 3, 4, 5]])
def test_offsets_that_cannot_be_are_told(tmp_path: Path, borders: list[int]) -> None:
    arrays = write_arrays(tmp_path / "tokens", SMALL)
    np.array(borders, "<u8").tofile(arrays.folder / "web/part-00000.offsets.u64")
    with pytest.raises(TokensError, match=r"web/part-00000\.npy: offsets do not"):
        token_stats(arrays, repeats=False)
    with pytest.raises(TokensError, match=r"web/part-00000\.npy: offsets do not"):
        export_arrays(arrays, tmp_path / "out", "megatron")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rows", [b"0,3,a,b,1\n3,4,a,b,2\n", b"x\n" * 4])
def test_rows_of_other_documents_are_told(tmp_path: Path, rows: bytes) -> None:
    arrays = write_arrays(tmp_path, SMALL)
    (tmp_path / "web/part-00000.csv.gz").write_bytes(gzip.compress(rows))
    with pytest.raises(TokensError, match=r"part-00000\.npy: its csv\.gz has other documents"):
        token_stats(arrays)


def test_damage_is_told(tmp_path: Path) -> None:
    arrays = write_arrays(tmp_path, SMALL)
    path = tmp_path / "code/part-00000.npy"
    path.write_bytes(b"\x0b" + path.read_bytes()[1:])
    with pytest.raises(TokensError, match=r"code/part-00000\.npy: id 11 in a vocabulary of 10"):
        token_stats(arrays)
    large = write_arrays(tmp_path / "large", {"web": [[[1, 9]]]}, 70_000)
    np.array([0xFFFFFFFF, 9], "<u4").tofile(large.folder / "web/part-00000.npy")
    with pytest.raises(TokensError, match="id 4294967295 in a vocabulary of 70000"):
        token_stats(large)  # without a table of 4 billion counts
    with pytest.raises(TokensError, match="no tokens in"):
        token_stats(write_arrays(tmp_path / "none", {"none": []}))


def test_the_entropy_of_one_id_is_no_negative_zero(tmp_path: Path) -> None:
    whole = token_stats(write_arrays(tmp_path, {"web": [[[EOS], [EOS]]]}))[-1]
    assert math.copysign(1, whole.bits_per_token) == 1.0
