"""Token arrays: what is written is read back, and every kind of damage is found and named."""

import csv
import gzip
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens import TokenArrays, arrays, read_manifest, verify, write_tokens
from dolma_pipe.tokens.rows import read_borders, read_rows, records
from tests.token_arrays import EOS, write_arrays
from tests.token_arrays import SMALL as DOCUMENTS

U16 = np.dtype("<u2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of two sources with a vocabulary of ten."""
    write_arrays(tmp_path, DOCUMENTS)
    return tmp_path


def test_arrays_are_raw_and_rows_name_their_documents(folder: Path) -> None:
    raw = np.memmap(folder / "web/part-00000.npy", U16, "r")
    assert raw.tolist() == [1, 2, 9, 9, 3, 9]
    with gzip.open(folder / "web/part-00000.csv.gz", "rt", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["0", "3", 'web "0"', "in.zst", "1"]
    assert rows[2][:2] == ["4", "6"]
    header = (folder / "web/part-00000.csv.gz").read_bytes()[:10]
    assert header[4:8] == bytes(4)  # no time
    assert header[3] == 0  # no file name


def test_documents_are_numbered_in_the_order_of_the_manifest(folder: Path) -> None:
    arrays = TokenArrays(folder)
    flat = [ids for files in DOCUMENTS.values() for documents in files for ids in documents]
    assert [arrays.document(i).tolist() for i in range(5)] == flat
    assert arrays.document(0, "code").tolist() == [7, 9]
    assert arrays.token_bytes().tolist() == [2] * 9 + [0]
    assert arrays.span(4, 5).tolist() == [3, 9, 4, 5, 6]
    assert arrays.span(1, 9, "code").tolist() == [9]
    for start in (-1, 12):
        with pytest.raises(TokensError, match=f"no token {start}"):
            arrays.span(start, 1)
    for number, source in ((5, None), (-1, None), (1, "code"), (0, "docs")):
        with pytest.raises(TokensError):
            arrays.document(number, source)


def test_whole_arrays_have_no_problem(folder: Path) -> None:
    assert verify(folder) == []


def test_every_problem_is_found_in_chunks_of_any_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(folder / "web/part-00000.npy", 4)  # 1 2 9 9 3 9 -> 1 2 8 9 3 9
    told = verify(folder)
    assert len(told) == 2
    assert told[1].startswith("web/part-00000.npy: ends of documents and end-of-text tokens")
    assert told[1].endswith("from document 0 on")
    for chunk in (1, 2, 3, 5):
        monkeypatch.setattr(arrays, "CHUNK_TOKENS", chunk)
        assert verify(folder, workers=3) == told


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("web/part-00001.npy", lambda path: flip(path, 2)),
        ("web/part-00001.npy", lambda path: path.write_bytes(path.read_bytes()[:-2])),
        ("web/part-00001.npy", lambda path: path.unlink()),
        ("web/part-00000.offsets.u64", lambda path: flip(path, 8)),
        ("web/part-00000.offsets.u64", lambda path: path.write_bytes(b"")),
        ("web/part-00000.csv.gz", lambda path: path.write_bytes(path.read_bytes()[:-9])),
        ("web/part-00000.csv.gz", lambda path: flip(path, 15)),
        ("web/part-00000.csv.gz", lambda path: path.unlink()),
        ("web/part-00000.csv.gz", lambda path: path.write_bytes(gzip.compress(b'0,3,"a,b,1\n'))),
        ("web/part-00000.csv.gz", lambda path: path.write_bytes(gzip.compress(b"0,3e,a,b,1\n"))),
        ("web/part-00000.csv.gz", lambda path: path.write_bytes(gzip.compress(b"0,3,a,b,1\n"))),
        ("token_bytes.u16", lambda path: flip(path, 0)),
        ("tokenizer.json", lambda path: path.write_bytes(b"another")),
        ("code/part-00009.npy", lambda path: path.write_bytes(b"12")),
    ],
)
def test_damage_is_found_and_named(folder: Path, file: str, damage: Callable[[Path], None]) -> None:
    damage(folder / file)
    problems = verify(folder)
    assert problems
    stem = file.split(".")[0]
    assert all(stem in problem for problem in problems)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TokensError, match=r"manifest.json: cannot be read: No such file or dir"):
        read_manifest(tmp_path / "none")


def test_sums_that_do_not_add_up(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"tokens": 12', '"tokens": 13'))
    assert verify(folder) == ["manifest.json: tokens are not the sum of the sources"]


@pytest.mark.parametrize(
    "content", ["", "{}", '{"format": "other", "version": 1}', "[1]", "not json"]
)
def test_no_manifest_no_arrays(tmp_path: Path, content: str) -> None:
    with pytest.raises(TokensError):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(TokensError):
        verify(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ('"dtype": "uint16"', '"dtype": "uint1"', "Invalid enum value 'uint1'"),
        ('"vocab_size": 10', '"vocab_size": 0', r"`int` >= 1 .* `\$\.vocab_size`"),
        ('"documents": 3', '"documents": -1', r"`int` >= 1 .* `\$\.sources"),
    ],
)
def test_what_no_manifest_can_say_is_told(folder: Path, field: str, value: str, told: str) -> None:
    content = (folder / "manifest.json").read_text()
    assert field in content
    (folder / "manifest.json").write_text(content.replace(field, value, 1))
    with pytest.raises(TokensError, match=told):
        read_manifest(folder)


def test_the_trainer_needs_numpy_and_msgspec_only() -> None:
    """What `import dolma_pipe.tokens` loads beside the standard library."""
    code = (
        "import sys, numpy, msgspec; before = set(sys.modules); import dolma_pipe.tokens;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - sys.stdlib_module_names - {'numpy', 'msgspec'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['dolma_pipe']\n"


def test_another_version_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(TokensError, match="dolma-pipe tokens 2, not dolma-pipe tokens 1"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [([[1, 10, 9]], "token id 10"), ([[1, 2]], "does not end"), ([[]], "does not"), ([], "no doc")],
)
def test_what_must_not_be_written_leaves_no_file(
    tmp_path: Path, ids: list[list[int]], reason: str
) -> None:
    with pytest.raises(TokensError, match=reason):
        write(tmp_path / "part", ids, 10)
    assert list(tmp_path.iterdir()) == []


def test_large_ids_never_wrap(tmp_path: Path) -> None:
    with pytest.raises(TokensError, match="70000"):
        write(tmp_path / "part", [[70_000, EOS]], 1 << 16)


def write(prefix: Path, documents: list[list[int]], vocab_size: int) -> None:
    with write_tokens(prefix, U16, vocab_size, EOS) as writer:
        for ids in documents:
            writer.add(np.array(ids, np.uint32), "id", "src", 1)


@pytest.mark.parametrize("name", ["a\rb", "a\nb", 'a"b', "a,b", "x" * 200_000, ""])
def test_any_id_is_read_back(tmp_path: Path, name: str) -> None:
    with write_tokens(tmp_path / "web" / "part-00000", np.dtype("<u2"), 10, 9) as writer:
        writer.add(np.array([1, 9], "<u2"), name, "web/a.jsonl", 1)
        writer.add(np.array([2, 3, 9], "<u2"), "next", "web/a.jsonl", 2)
    offsets = np.fromfile(tmp_path / "web" / "part-00000.offsets.u64", np.uint64)
    borders = np.concatenate([*read_borders(tmp_path / "web" / "part-00000.csv.gz")])
    assert borders.tolist() == [[0, 2], [2, 5]] == np.stack([offsets[:-1], offsets[1:]], 1).tolist()
    assert [row.id for row in read_rows(tmp_path / "web" / "part-00000.csv.gz")] == [name, "next"]
    with gzip.open(tmp_path / "web" / "part-00000.csv.gz", "rt", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["0", "2", name, "web/a.jsonl", "1"], ["2", "5", "next", "web/a.jsonl", "2"]]


def test_a_quote_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'0,3,a,b,1\n3,5,"a\n' + b"5,6,a,b,1\n" * 100))
    monkeypatch.setattr("dolma_pipe.tokens.rows.LONGEST_ROW", 100)
    rows = records(path)
    assert next(rows) == b"0,3,a,b,1\n"
    with pytest.raises(TokensError, match="a quoted field has no end"):
        next(rows)


def test_long_ids_do_not_add_up_in_memory(tmp_path: Path) -> None:
    rows = [b"%d,%d,%s,s,1\n" % (i, i + 1, b"x" * 300_000) for i in range(100)]
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"".join(rows), 1))
    del rows
    tracemalloc.start()
    borders = np.concatenate([*read_borders(tmp_path / "a.csv.gz")])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert borders[:, 0].tolist() == [*range(100)]
    assert peak < 10 << 20


def test_a_line_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"0,3,a,b,1\n3,5," + b"a" * 100))
    monkeypatch.setattr("dolma_pipe.tokens.rows.LONGEST_ROW", 100)
    rows = records(path)
    assert next(rows) == b"0,3,a,b,1\n"
    with pytest.raises(TokensError, match="a row has no end"):
        next(rows)
