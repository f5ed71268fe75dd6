"""Arrays of other tools become ours: the same documents, and every defect is one line."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens import (
    ImportSettings,
    Manifest,
    TokenArrays,
    Vocabulary,
    export_arrays,
    find_arrays,
    find_document,
    import_arrays,
    verify,
)
from tests.token_arrays import (
    SMALL,
    documents_of,
    vocabulary,
    write_arrays,
    write_dolma,
    write_llmc,
    write_megatron,
)

DOCUMENTS = [[1, 2, 9], [9], [3, 9]]
RAW = ImportSettings(dtype="uint16")


def take(
    root: Path, settings: ImportSettings = RAW, words: Vocabulary | None = None
) -> tuple[TokenArrays, list[str]]:
    """Import root/old to root/new, which is verified."""
    found = find_arrays([root / "old"])
    _, notes = import_arrays(found, root / "new", words or vocabulary(), settings)
    assert verify(root / "new") == []
    return TokenArrays(root / "new"), [note.removeprefix(f"{root}/old/") for note in notes]


@pytest.mark.parametrize(
    ("to", "sources"), [("megatron", SMALL), ("llmc", SMALL), ("nanogpt", ["old"])]
)
def test_there_and_back(tmp_path: Path, to: str, sources: dict[str, object]) -> None:
    ours = write_arrays(tmp_path / "tokens", SMALL)
    export_arrays(ours, tmp_path / "old", to)
    back, notes = take(tmp_path)
    assert {source.name for source in back.manifest.sources} == set(sources)
    for name in sources:
        expected = documents_of(ours, None if to == "nanogpt" else name)
        assert documents_of(back, name) == expected
    assert notes == []


@settings(max_examples=30, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(0, 8)), min_size=1),
    to=st.sampled_from(["llmc", "megatron"]),
)
def test_any_documents_come_back(
    documents: list[list[int]], to: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("back")
    ended = [[*ids, 9] for ids in documents]
    export_arrays(write_arrays(root / "tokens", {"web": [ended]}), root / "old", to)
    assert documents_of(take(root)[0]) == ended


@pytest.mark.parametrize("chunk", [1, 2, 1 << 20])
@pytest.mark.parametrize("rows", [True, False])
def test_dolma_arrays(
    tmp_path: Path, rows: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dolma_pipe.tokens.documents.CHUNK_TOKENS", chunk)
    write_dolma(tmp_path / "old/web/part-0-00000.npy", DOCUMENTS, rows=rows)
    write_dolma(tmp_path / "old/web/part-1-00000.npy", [[4, 9]], rows=rows)
    write_dolma(tmp_path / "old/code/deep/part-0-00000.npy", [[7, 9]], rows=rows)
    arrays, notes = take(tmp_path)
    assert notes == []
    assert {s.name: documents_of(arrays, s.name) for s in arrays.manifest.sources} == {
        "code": [[7, 9]],
        "web": [*DOCUMENTS, [4, 9]],
    }
    place = find_document(arrays, 3)
    old = tmp_path / "old/web/part-0-00000.npy"
    expected = ("id-2", "old/a.gz") if rows else ("part-0-00000:3", str(old))
    assert (place.id, place.src, place.line) == (*expected, 3)
    assert arrays.manifest.counts["imported"]["web/part-00000.npy"] == str(old)


@pytest.mark.parametrize("rows", [True, False])
def test_zeros_that_dolma_did_not_fill_are_left_out(tmp_path: Path, rows: bool) -> None:
    write_dolma(tmp_path / "old/a.npy", DOCUMENTS, zeros=2, rows=rows)
    write_dolma(tmp_path / "old/b.npy", [], zeros=1000, rows=rows)
    arrays, notes = take(tmp_path)
    assert documents_of(arrays) == DOCUMENTS
    assert notes == [
        "a.npy: 2 zero tokens after the last document are left out",
        "b.npy: no documents in its 1,000 tokens: left out",
    ]


@pytest.mark.parametrize(("rows", "zeros"), [(True, 3), (False, 3)])
def test_zeros_behind_an_end_of_text_that_is_zero(tmp_path: Path, rows: bool, zeros: int) -> None:
    write_dolma(tmp_path / "old/a.npy", [[1, 5, 0], [2, 0]], zeros=zeros, rows=rows)
    arrays, notes = take(tmp_path, words=vocabulary(eos=0))
    assert documents_of(arrays) == [[1, 5, 0], [2, 0]]
    assert notes == ["a.npy: 3 zero tokens after the last document are left out"]


def test_a_text_that_ends_with_id_zero_keeps_it(tmp_path: Path) -> None:
    write_llmc(tmp_path / "old/a.bin", [9, 1, 9, 2, 0, 0])
    assert documents_of(take(tmp_path)[0]) == [[1, 9], [2, 0, 0, 9]]


def test_an_end_of_text_inside_a_document_ends_it(tmp_path: Path) -> None:
    write_dolma(tmp_path / "old/a.npy", [[1, 9, 2, 9, 3, 9], [4, 9]])
    arrays, notes = take(tmp_path)
    assert documents_of(arrays) == [[1, 9], [2, 9], [3, 9], [4, 9]]
    assert [find_document(arrays, i).line for i in range(4)] == [1, 1, 1, 2]
    assert notes == ["a.npy: 1 documents have an end of text inside: each piece is a document"]


def test_an_end_of_text_that_lacks_is_added_on_demand_only(tmp_path: Path) -> None:
    write_dolma(tmp_path / "old/a.npy", [[1, 2], [3], [4, 9, 5]])
    with pytest.raises(TokensError, match="document id-0 ends with token 2, not with 9"):
        take(tmp_path)
    arrays, notes = take(tmp_path, ImportSettings(dtype="uint16", add_eos=True))
    assert documents_of(arrays) == [[1, 2, 9], [3, 9], [4, 9], [5, 9]]
    assert notes[1] == "a.npy: 3 documents had no end of text: it is added"


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i8"])
def test_an_end_of_text_that_the_type_of_the_ids_cannot_hold_is_added(
    tmp_path: Path, dtype: str
) -> None:
    (tmp_path / "old").mkdir()
    np.save(tmp_path / "old/a.npy", np.array([1, 2], dtype))
    arrays, _ = take(tmp_path, ImportSettings(add_eos=True), vocabulary(70_001, 70_000))
    assert documents_of(arrays) == [[1, 2, 70_000]]


def test_llmc_arrays_that_cut_a_document(tmp_path: Path) -> None:
    write_llmc(tmp_path / "old/web_000.bin", [9, 1, 9, 9, 2])
    write_llmc(tmp_path / "old/web_001.bin", [3, 9, 4])
    arrays, _ = take(tmp_path, ImportSettings())
    assert documents_of(arrays) == [[1, 9], [9], [2, 9], [3, 9], [4, 9]]


def test_raw_arrays_with_the_end_of_text_first(tmp_path: Path) -> None:
    write_dolma(tmp_path / "old/a.npy", [[9, 1], [9], [9, 2, 3]], rows=False)
    first = ImportSettings(dtype="uint16", eos_first=True)
    arrays, notes = take(tmp_path, first)
    assert (documents_of(arrays), notes) == ([[1, 9], [9], [2, 3, 9]], [])
    write_dolma(tmp_path / "old/a.npy", [[9, 1]])
    with pytest.raises(TokensError, match="for arrays without"):
        import_arrays(find_arrays([tmp_path / "old"]), tmp_path / "x", vocabulary(), first)


def test_megatron_arrays_of_several_sequences_a_document(tmp_path: Path) -> None:
    write_megatron(tmp_path / "old/web", [[[1, 2], [3, 9]], [[4, 9]], [[9]]], code=4)
    arrays, notes = take(tmp_path, ImportSettings())
    assert (documents_of(arrays), notes) == ([[1, 2, 3, 9], [4, 9], [9]], [])
    place = find_document(arrays, 1)
    assert (place.source, place.id, place.line) == ("web", "web:2", 2)


@pytest.mark.parametrize("dtype", ["<u2", "<u4", "<i4", "<i8", "u1"])
def test_real_npy_arrays(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "old").mkdir()
    np.save(tmp_path / "old/a.npy", np.array([1, 2, 9, 9, 3, 9], dtype))
    assert documents_of(take(tmp_path, ImportSettings())[0]) == DOCUMENTS


def test_large_vocabularies_have_uint32(tmp_path: Path) -> None:
    write_dolma(tmp_path / "old/a.npy", [[70_000, 9]], dtype="<u4")
    arrays, _ = take(tmp_path, ImportSettings(dtype="uint32"), vocabulary(70_001))
    assert (arrays.manifest.dtype, documents_of(arrays)) == ("uint32", [[70_000, 9]])


def test_arrays_are_cut_where_they_would_be_too_large(tmp_path: Path) -> None:
    write_dolma(tmp_path / "old/a.npy", [[1, 9], [2, 9], [1, 2, 3, 4, 5, 9], [3, 9]])
    write_dolma(tmp_path / "old/b.npy", [[1, 9]])
    arrays, _ = take(tmp_path, ImportSettings(dtype="uint16", max_shard_tokens=4))
    files = [(s.file, s.tokens) for s in arrays.shards()]
    assert files == [(f"old/part-0000{i}.npy", n) for i, n in enumerate((4, 6, 2, 2))]


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def pack(path: Path, rows: bytes) -> None:
    path.write_bytes(gzip.compress(rows))


def patch(path: Path, at: int, content: bytes) -> None:
    old = path.read_bytes()
    at %= len(old)
    path.write_bytes(old[:at] + content + old[at + len(content) :])


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + bytes(8)


DEFECTS: list[tuple[str, Callable[[Path], object], str]] = [
    ("dolma.npy", lambda p: cut(p, 9), "9 bytes are no whole number of uint16 ids"),
    ("dolma.npy", lambda p: cut(p, 8), "document id-2 is said .* the array at 4"),
    ("dolma.npy", lambda p: patch(p, 0, b"\x0a"), "token id 10 in a vocabulary of 10"),
    ("dolma.csv.gz", lambda p: cut(p, -9), r"dolma\.csv\.gz is cut off"),
    ("dolma.csv.gz", lambda p: patch(p, -8, b"\0\0\0"), r"gz cannot be read: CRC"),
    ("dolma.csv.gz", lambda p: pack(p, b"0,3,a,b,1\r\n"), "6 tokens, its rows end at 3"),
    ("dolma.csv.gz", lambda p: pack(p, b"0,3,a,b,1\n4,6,a,b,1\n"), "one before ends at 3"),
    ("dolma.csv.gz", lambda p: pack(p, b"0,2,a,b,1\n2,6,a,b,1\n"), "a ends with token 2, not"),
    ("dolma.csv.gz", lambda p: pack(p, b"start,end,id,src,loc\n"), "cannot be read: invalid lit"),
    ("dolma.csv.gz", lambda p: pack(p, b"0,3,a\n"), "cannot be read: not enough values"),
    ("raw.bin", lambda p: cut(p, 10), "raw:3 ends with token 3, not with 9"),
    ("llmc.bin", lambda p: cut(p, 1028), "its header says 12: cut off"),
    ("llmc.bin", lambda p: cut(p, 1000), "cut off in its header"),
    ("llmc.bin", lambda p: patch(p, 4, b"\x02"), "version 2 of llm.c's arrays, 1 is known"),
    ("mega.bin", lambda p: cut(p, 10), "10 bytes of ids, its header says 12"),
    ("mega.idx", lambda p: cut(p, 40), "40 bytes, its header says 102"),
    ("mega.idx", lambda p: cut(p, 20), "is no index of Megatron"),
    ("mega.idx", lambda p: patch(p, 17, b"\x07"), "version 1, type 7: not known"),
    ("mega.idx", lambda p: patch(p, 34, b"\x02"), "do not lie side by side"),
    ("mega.idx", lambda p: patch(p, -8, struct.pack("<q", 7)), "sequences that are not there"),
    ("mega.bin", lambda p: p.unlink(), "mega.bin: No such file"),
    ("real.npy", lambda p: cut(p, 130), "2 bytes of ids, its header says 12"),
    ("real.npy", lambda p: np.save(p, np.ones(3)), "holds float64 of shape"),
    ("real.npy", lambda p: np.save(p, np.ones((3, 9), "u2")), r"of shape \(3, 9\)"),
    ("real.npy", lambda p: np.save(p, np.array([-1, 9], "<i2")), "token id 65535 in a voc"),
    ("real.npy", lambda p: p.write_bytes(b"\x93NUMPY\x01\x00"), "its header is not one of np"),
    *[
        ("real.npy", lambda p, h=header: p.write_bytes(npy(h)), "its header is not one of np")
        for header in ("", "{[]: 1}", "{'descr': (", "if:\n  x\n y", "-" * 9000 + "1", " " * 60_000)
    ],
]


def write_all(folder: Path) -> None:
    """The same documents in every format."""
    flat = [i for ids in DOCUMENTS for i in ids]
    write_dolma(folder / "dolma.npy", DOCUMENTS)
    write_dolma(folder / "raw.bin", DOCUMENTS, rows=False)
    write_llmc(folder / "llmc.bin", [9, *flat[:-1]])
    write_megatron(folder / "mega", [[ids] for ids in DOCUMENTS])
    np.save(folder / "real.npy", np.array(flat, np.uint16))


@pytest.mark.parametrize(("file", "damage", "reason"), DEFECTS)
def test_a_defect_is_one_line_and_nothing_is_written(
    tmp_path: Path, file: str, damage: Callable[[Path], object], reason: str
) -> None:
    write_all(tmp_path / "old")
    path = tmp_path / "old" / file
    damage(path)
    with pytest.raises(TokensError, match=reason) as caught:
        take(tmp_path)
    assert str(path).split(".")[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_all_formats_at_once_and_nothing_of_them_changes(tmp_path: Path) -> None:
    write_all(tmp_path / "old")
    before = {p: hashlib.sha256(p.read_bytes()).digest() for p in (tmp_path / "old").iterdir()}
    arrays, notes = take(tmp_path)
    assert (documents_of(arrays), notes) == (DOCUMENTS * 5, [])
    assert {p: hashlib.sha256(p.read_bytes()).digest() for p in before} == before
    assert len([*(tmp_path / "old").iterdir()]) == len(before)


@pytest.mark.parametrize(
    ("dtype", "said", "reason"),
    [
        ("<u4", "uint16", "every second id is 0: --dtype uint32"),
        ("<u2", "uint32", "not below 10: --dtype uint16"),
        ("<u2", None, "say what its ids are"),
    ],
)
@pytest.mark.parametrize("rows", [True, False])
def test_another_type_of_ids_is_noticed(
    tmp_path: Path, dtype: str, said: str | None, reason: str, rows: bool
) -> None:
    write_dolma(tmp_path / "old/a.npy", [[1, 2, 9], [3, 4, 9]] * 10, dtype=dtype, rows=rows)
    with pytest.raises(TokensError, match=reason):
        take(tmp_path, ImportSettings(dtype=said))


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize(("written", "believed"), [(0, 9), (9, 0)])
def test_the_end_of_text_of_another_json_is_noticed(
    tmp_path: Path, written: int, believed: int, rows: bool
) -> None:
    """GPT-NeoX for OLMo: 0 in one published json, 50279 in the other."""
    write_dolma(tmp_path / "old/a.npy", [[1, 2, written], [3, written]], rows=rows)
    with pytest.raises(TokensError, match=f"not with {believed} .*--eos"):
        take(tmp_path, words=vocabulary(eos=believed))
    assert not (tmp_path / "new").exists()


def test_what_is_taken_from_folders_and_globs(tmp_path: Path) -> None:
    write_all(tmp_path / "old")
    names = {path.name: source for source, path in find_arrays([tmp_path / "old"])}
    assert names == dict.fromkeys(("dolma.npy", "raw.bin", "llmc.bin", "real.npy"), "old") | {
        "mega.bin": "mega"
    }
    assert {p.name: s for s, p in find_arrays(sorted((tmp_path / "old").iterdir()))} == names
    assert {s for s, _ in find_arrays([tmp_path / "old"], "web")} == {"web"}
    for path, reason in ((tmp_path / "no", "is not there"), (tmp_path / "empty", "no arrays")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(TokensError, match=reason):
            find_arrays([path])


def test_nothing_but_zeros(tmp_path: Path) -> None:
    write_dolma(tmp_path / "old/a.npy", [], zeros=10)
    with pytest.raises(TokensError, match="no documents in its 10 tokens"):
        take(tmp_path)
    with pytest.raises(TokensError, match="end of text 10 in a vocabulary of 10"):
        import_arrays([], tmp_path / "new", vocabulary()._replace(eos_id=10), RAW)


def test_the_manifest_says_what_was_imported(tmp_path: Path) -> None:
    write_all(tmp_path / "old")
    manifest: Manifest = take(tmp_path)[0].manifest
    assert (manifest.documents, manifest.tokens, manifest.eos_id) == (15, 30, 9)
    assert manifest.tokenizer.name == "small"
    assert len(manifest.fingerprint) == 32
