"""Parquet and Arrow: rows become documents, columns metadata, damage stays where it is."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.errors import InputError
from dolma_pipe.formats.parquet import _dictionary_bytes, _shared_bytes
from dolma_pipe.formats.reading import FormatName
from dolma_pipe.formats.source import Source
from tests.formats.reading import Told, read

TABLES: tuple[FormatName, ...] = ("parquet", "arrow")


def stored(table: pa.Table, kind: FormatName, rows: int = 10, **options: Any) -> bytes:
    """The table as a file of this format, so many rows a group or batch."""
    sink = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink, row_group_size=rows, **options)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def put(folder: Path, content: bytes) -> Path:
    path = folder / "a.table"
    path.write_bytes(content)
    return path


def told(folder: Path, kind: FormatName, table: pa.Table, **more: Any) -> Told:
    return read(put(folder, stored(table, kind)), kind, **more)


def texts(count: int = 40, **more: Any) -> pa.Table:
    return pa.table(
        {
            "id": [f"d{i}" for i in range(count)],
            "text": [f"text {i}" for i in range(count)],
            **more,
        }
    )


@pytest.mark.parametrize("kind", TABLES)
def test_rows_come_in_order_with_their_numbers(tmp_path: Path, kind: FormatName) -> None:
    found = told(tmp_path, kind, texts(), batch_bytes=100)
    assert [(row["id"], row["text"], row["line"]) for row in found.rows] == [
        (f"d{i}", f"text {i}", i + 1) for i in range(40)
    ]
    assert json.loads(found.rows[3]["raw"]) == {"id": "d3", "text": "text 3"}


def test_arrow_files_with_a_footer_are_read_like_streams(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, texts().schema) as writer:
        writer.write_table(texts(), max_chunksize=7)
    assert len(read(put(tmp_path, sink.getvalue()), "arrow").rows) == 40


@pytest.mark.parametrize("kind", TABLES)
def test_columns_are_mapped_and_all_others_are_metadata(tmp_path: Path, kind: FormatName) -> None:
    table = pa.table(
        {
            "content": ["one"],
            "doc_id": [17],
            "date": pa.array([1704067200123], pa.timestamp("ms", "Europe/Berlin")),
            "site": ["news"],
            "id": ["not this"],
            "url": ["https://example.org"],
        }
    )
    names = {"text": "content", "id": "doc_id", "created": "date", "source": "site"}
    row = told(tmp_path, kind, table, columns=names).rows[0]
    assert (row["id"], row["text"], row["source"]) == ("17", "one", "news")
    assert row["created"] == "2024-01-01T00:00:00.123Z"
    assert list(json.loads(row["raw"])) == ["id", "text", "source", "created", "metadata"]
    assert json.loads(row["raw"])["metadata"] == {"id": "not this", "url": "https://example.org"}


@pytest.mark.parametrize("kind", TABLES)
def test_a_row_without_id_is_shard_and_row(tmp_path: Path, kind: FormatName) -> None:
    table = texts(12)
    assert told(tmp_path, kind, table.drop(["id"])).ids == [f"web/a:{i + 1}" for i in range(12)]
    found = told(tmp_path, kind, table, columns={"id": None})
    assert found.ids[0] == "web/a:1"
    assert json.loads(found.rows[0]["raw"])["metadata"] == {"id": "d0"}


METADATA = [
    (pa.array([{"url": "u", "n": 1}]), {"url": "u", "n": 1, "lang": "en"}),
    (pa.array(['{"url": "u", "n": 1.50}']), {"url": "u", "n": 1.5, "lang": "en"}),
    (pa.array(["no json"]), {"metadata": "no json", "lang": "en"}),
    (pa.array(["[1]"]), {"metadata": "[1]", "lang": "en"}),
    (pa.array([None], pa.string()), {"lang": "en"}),
    (pa.array([7]), {"metadata": 7, "lang": "en"}),
]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(("column", "expected"), METADATA)
def test_a_column_called_metadata_is_merged(
    tmp_path: Path, kind: FormatName, column: pa.Array, expected: dict[str, Any]
) -> None:
    table = texts(1).append_column("lang", pa.array(["en"])).append_column("metadata", column)
    raw = told(tmp_path, kind, table).rows[0]["raw"]
    assert json.loads(raw)["metadata"] == expected


def with_bad_utf8(rows: list[bytes]) -> pa.Array:
    values = pa.array(rows, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), values.buffers())


@pytest.mark.parametrize("kind", TABLES)
def test_a_bad_row_is_quarantined_and_the_rest_goes_on(tmp_path: Path, kind: FormatName) -> None:
    rows = [b"one", b"caf\xe9", b"three", b"x" * 300, b"five"]
    table = pa.table({"text": with_bad_utf8(rows), "n": [1, 2, 3, 4, 5]})
    found = told(tmp_path, kind, table, max_document_bytes=100)
    assert [row["text"] for row in found.rows] == ["one", "three", "five"]
    assert found.reasons == [(2, "invalid UTF-8"), (4, "longer than 100 bytes")]
    table = pa.table({"id": ["a", "b", "a"], "text": ["one", None, "three"]})
    assert told(tmp_path, kind, table).reasons == [
        (2, "no text"),
        (3, "id repeated in its shard"),
    ]


@pytest.mark.parametrize("kind", TABLES)
def test_invalid_utf8_in_metadata_is_quarantined(tmp_path: Path, kind: FormatName) -> None:
    table = texts(3).append_column("url", with_bad_utf8([b"a", b"\xff", b"c"]))
    found = told(tmp_path, kind, table)
    assert (found.ids, found.reasons) == (["d0", "d2"], [(2, "invalid UTF-8")])


def test_text_in_bytes_and_in_a_dictionary_is_text(tmp_path: Path) -> None:
    table = pa.table({"text": pa.array([b"one", b"\xff", None], pa.binary())})
    found = told(tmp_path, "parquet", table)
    assert found.reasons == [(2, "invalid UTF-8"), (3, "no text")]
    for column in (
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array(["a", None, "a"], pa.string_view()),
    ):
        found = told(tmp_path, "arrow", pa.table({"text": column}))
        assert [row["text"] for row in found.rows] == ["a", "a"]
    assert told(tmp_path, "arrow", pa.table({"text": pa.nulls(2)})).reasons == [
        (1, "no text"),
        (2, "no text"),
    ]


def test_a_large_row_does_not_hang_on_its_neighbours(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "x" * (12 << 20), "b"]})
    found = told(tmp_path, "parquet", table)
    assert [len(row["text"]) for row in found.rows] == [1, 12 << 20, 1]


@pytest.mark.parametrize("kind", TABLES)
def test_a_column_that_is_not_there_is_told(tmp_path: Path, kind: FormatName) -> None:
    with pytest.raises(InputError, match=r"columns\.text: no column 'txt' \(did you mean 'text'"):
        told(tmp_path, kind, texts(), columns={"text": "txt"})
    with pytest.raises(InputError, match=r"columns\.text: the column 'n' is int64, text is needed"):
        told(tmp_path, kind, pa.table({"n": [1]}), columns={"text": "n"})


@pytest.mark.parametrize("kind", TABLES)
def test_an_empty_table_has_no_documents(tmp_path: Path, kind: FormatName) -> None:
    assert told(tmp_path, kind, texts(0)) == ([], [], {})


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("size", [0, 3, 100, 0.5, 0.97, -1])
def test_a_truncated_file_is_told(tmp_path: Path, kind: FormatName, size: float) -> None:
    whole = stored(texts(), kind)
    cut = whole[: int(size * len(whole)) if 0 < size < 1 else int(size)]
    found = read(put(tmp_path, cut), kind)
    assert len(found.bad) == 1
    assert "truncated" in found.bad[0].reason


def test_a_damaged_row_group_is_one_record_and_the_others_go_on(tmp_path: Path) -> None:
    table = texts(40, url=[f"https://example.org/{i}" for i in range(40)])
    content = bytearray(stored(table, "parquet", compression="zstd", use_dictionary=False))
    group = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1)
    at = group.column(1).data_page_offset
    content[at + 40 : at + 60] = b"\0" * 20
    found = read(put(tmp_path, bytes(content)), "parquet")
    assert found.ids == [f"d{i}" for i in (*range(10), *range(20, 40))]
    assert found.reasons == [(11, "damaged row group")]
    assert found.bad[0].excerpt.startswith("row group 1, rows 11 to 20: ")


def test_a_page_with_another_checksum_is_damaged(tmp_path: Path) -> None:
    content = stored(texts(), "parquet", compression="none", write_page_checksum=True)
    found = read(put(tmp_path, content.replace(b"text 25", b"text xx", 1)), "parquet")
    assert (21, "damaged row group") in found.reasons


@pytest.mark.parametrize("kind", TABLES)
def test_no_flipped_byte_crashes_or_hides_a_row(tmp_path: Path, kind: FormatName) -> None:
    """Where nothing is a checksum a changed letter is not seen; a lost row always is."""
    whole = stored(texts(20, tags=[["a"]] * 20), kind)
    rng = np.random.default_rng(7)
    for at in rng.integers(0, len(whole), 150):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << int(rng.integers(8))
        try:
            found = read(put(tmp_path, bytes(flipped)), kind)
        except InputError as error:
            assert "columns" in str(error)  # noqa: PT017  the name of a column was hit
            continue
        assert len(found.rows) == 20 or found.bad


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_memory_does_not_follow_the_row_group(tmp_path: Path, compression: str) -> None:
    """200 MB in one row group; 8 MB a batch are held."""
    make = """
import sys, pyarrow as pa, pyarrow.parquet as pq
text = pa.array([f"{i} " + chr(97 + i % 26) * 4000 for i in range(50000)])
pq.write_table(pa.table({"text": text}), sys.argv[1], row_group_size=50000,
               compression=sys.argv[2], use_dictionary=False)
"""
    path = tmp_path / "a.parquet"
    subprocess.run([sys.executable, "-c", make, str(path), compression], check=True)
    described = pq.ParquetFile(path).metadata
    assert described.num_row_groups == 1
    assert described.row_group(0).total_byte_size > 200e6
    count = """
import resource, sys
from dolma_pipe.formats.reading import Reading
from dolma_pipe.shard import ShardReader
unit = 1 if sys.platform == "darwin" else 1024
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
before = peak()
print(sum(len(b) for b in ShardReader(sys.argv[1], reading=Reading("parquet"))), peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", count, str(path)], check=True, capture_output=True, text=True
    )
    rows, grown = map(int, done.stdout.split())
    assert rows == 50000
    assert grown < 180e6


@pytest.mark.parametrize(
    ("kind", "column"),
    [("parquet", "text"), ("parquet", "other"), ("arrow", "text"), ("arrow", "other")],
)
def test_one_long_value_of_many_rows_does_not_fill_the_memory(
    tmp_path: Path, kind: FormatName, column: str
) -> None:
    """A dictionary of 7 MB, which 256 rows at once would make 1.8 GB."""
    make = """
import sys, pyarrow as pa, pyarrow.parquet as pq
rows = 300
shared = pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array(["x" * (7 << 20)]))
table = pa.table({"text": pa.array(["short"] * rows)})
place = table.schema.get_field_index(sys.argv[2])
table = table.append_column("other", shared) if place < 0 else pa.table({"text": shared})
if sys.argv[1].endswith(".parquet"):
    pq.write_table(table, sys.argv[1], store_schema=False, dictionary_pagesize_limit=1 << 30)
else:
    with pa.ipc.new_stream(sys.argv[1], table.schema) as stream:
        stream.write_table(table)
"""
    path = tmp_path / f"a.{kind}"
    subprocess.run([sys.executable, "-c", make, str(path), column], check=True)
    count = """
import itertools, resource, sys
from dolma_pipe.formats.reading import Reading
from dolma_pipe.shard import ShardReader
unit = 1 if sys.platform == "darwin" else 1024
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
before = peak()
reader = ShardReader(sys.argv[1], reading=Reading(sys.argv[2]))
print(sum(len(b) for b in itertools.islice(reader, 3)), peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", count, str(path), kind], check=True, capture_output=True, text=True
    )
    rows, grown = map(int, done.stdout.split())
    assert rows >= 3
    assert grown < 800e6


def test_the_size_of_a_dictionary_is_read_off_its_page(tmp_path: Path) -> None:
    table = pa.table({"text": ["a" * 5000, "b" * 70000] * 50, "more": [str(i) for i in range(100)]})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    described = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0)
    with Source(str(tmp_path / "a.parquet")) as source:
        found = [_dictionary_bytes(source, described.column(k)) for k in range(2)]
        assert _shared_bytes(source, described, 0) == sum(found)
    assert found == [75008, 590]  # four bytes of length before each value
