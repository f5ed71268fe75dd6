"""What other trainers read of our arrays, by readers written from their formats."""

from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.errors import TokensError, WorkError
from dolma_pipe.tokens import TokenArrays, arrays, export_arrays
from tests.token_arrays import EOS, SMALL, documents_of, read_llmc, read_megatron, write_arrays

LARGE = {"web": [[[70_000, 3, 9], [9]], [[5, 9]]]}
WEB = [ids for documents in SMALL["web"] for ids in documents]


@pytest.fixture
def small(tmp_path: Path) -> TokenArrays:
    return write_arrays(tmp_path / "tokens", {"none": [], **SMALL})


def test_olmo_core_and_nanogpt_read_the_arrays_as_they_are(small: TokenArrays) -> None:
    """OLMo-core: windows by np.memmap, documents by their EOS; nanoGPT: random windows."""
    path = small.folder / "web/part-00000.npy"
    flat = [i for ids in SMALL["web"][0] for i in ids]
    size = path.stat().st_size // np.uint16(0).itemsize
    windows = [np.memmap(path, np.uint16, "r", offset=2 * i, shape=(3,)) for i in (0, 3)]
    assert np.concatenate(windows).tolist() == flat
    assert len(flat) == size
    data = np.memmap(path, dtype=np.uint16, mode="r")
    assert data[2 : 2 + 3].astype(np.int64).tolist() == flat[2:5]
    assert (np.flatnonzero(data == EOS) + 1).tolist() == [3, 4, 6]


@pytest.mark.parametrize("chunk", [2, 1 << 20])
def test_megatron_reads_each_source(
    small: TokenArrays, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "CHUNK_TOKENS", chunk)
    monkeypatch.setattr("dolma_pipe.tokens.exporting.CHUNK_TOKENS", chunk)
    files = export_arrays(small, tmp_path / "out", "megatron")
    assert files == ["web.bin", "web.idx", "code.bin", "code.idx"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(files)
    assert read_megatron(tmp_path / "out/web") == WEB
    assert read_megatron(tmp_path / "out/code") == SMALL["code"][0]
    assert export_arrays(small, tmp_path / "whole", "megatron", whole=True) == [
        "all.bin",
        "all.idx",
    ]
    assert read_megatron(tmp_path / "whole/all") == documents_of(small)
    assert export_arrays(small, tmp_path / "one", "megatron", source="code") == [
        "code.bin",
        "code.idx",
    ]


def test_megatron_has_int32_where_uint16_is_too_small(tmp_path: Path) -> None:
    export_arrays(write_arrays(tmp_path / "tokens", LARGE, 70_001), tmp_path / "out", "megatron")
    assert (tmp_path / "out/web.idx").read_bytes()[17] == 4
    assert read_megatron(tmp_path / "out/web") == [[70_000, 3, 9], [9], [5, 9]]


@pytest.mark.parametrize("chunk", [1, 2, 1 << 20])
def test_llmc_has_the_end_of_text_before_each_document(
    small: TokenArrays, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "CHUNK_TOKENS", chunk)
    files = export_arrays(small, tmp_path / "out", "llmc")
    assert files == ["web/part-00000.bin", "web/part-00001.bin", "code/part-00000.bin"]
    assert [read_llmc(tmp_path / "out" / file) for file in files] == [
        [9, 1, 2, 9, 9, 3],
        [9, 4, 5, 6],
        [9, 7],
    ]


def test_nanogpt_reads_one_file(small: TokenArrays, tmp_path: Path) -> None:
    assert export_arrays(small, tmp_path / "out", "nanogpt") == ["train.bin"]
    data = np.memmap(tmp_path / "out/train.bin", dtype=np.uint16, mode="r")
    assert data.tolist() == [i for ids in documents_of(small) for i in ids]


@pytest.mark.parametrize("to", ["llmc", "nanogpt"])
def test_ids_beyond_uint16_are_refused(tmp_path: Path, to: str) -> None:
    large = write_arrays(tmp_path / "tokens", LARGE, 70_001)
    with pytest.raises(TokensError, match=r"part-00000\.npy: id 70000 does not fit into uint16"):
        export_arrays(large, tmp_path / "out", to)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens"]
    fits = write_arrays(tmp_path / "fits", {"web": [[[3, 9]]]}, 70_001)
    export_arrays(fits, tmp_path / "out", to)


@pytest.mark.parametrize("to", ["megatron", "llmc", "nanogpt"])
def test_a_flipped_byte_is_found_and_nothing_is_written(
    small: TokenArrays, tmp_path: Path, to: str
) -> None:
    path = small.folder / "web/part-00001.npy"
    path.write_bytes(b"\x01" + path.read_bytes()[1:])
    with pytest.raises(TokensError, match=r"web/part-00001\.npy: its bytes"):
        export_arrays(small, tmp_path / "out", to)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens"]


def test_megatron_gets_no_index_of_documents_that_end_elsewhere(
    small: TokenArrays, tmp_path: Path
) -> None:
    np.array([0, 2, 4, 6], "<u8").tofile(small.folder / "web/part-00000.offsets.u64")
    with pytest.raises(TokensError, match=r"web/part-00000\.npy: offsets are not where its doc"):
        export_arrays(small, tmp_path / "out", "megatron")
    assert [path.name for path in tmp_path.iterdir()] == ["tokens"]


@pytest.mark.parametrize("to", ["megatron", "llmc"])
def test_what_an_int32_cannot_count_is_refused(
    small: TokenArrays, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dolma_pipe.tokens.exporting.LARGEST", 2)
    with pytest.raises(TokensError, match=r"web/part-00000\.npy: .* 2"):
        export_arrays(small, tmp_path / "out", to)


def test_what_is_there_stays(small: TokenArrays, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / ".out.dolma-pipe-tmp").mkdir()  # a killed run's
    (tmp_path / ".out.dolma-pipe-tmp" / "half.bin").touch()
    export_arrays(small, out, "nanogpt")
    assert [path.name for path in out.iterdir()] == ["train.bin"]
    with pytest.raises(WorkError, match="out is there already"):
        export_arrays(small, out, "megatron")
    assert [path.name for path in out.iterdir()] == ["train.bin"]


def test_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(TokensError, match="no tokens in"):
        export_arrays(write_arrays(tmp_path / "tokens", {"none": []}), tmp_path / "out", "llmc")
