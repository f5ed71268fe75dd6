"""Small files that would be large: told by their headers, or given out in pieces that are not held.

Bombs in lines, in bodies of HTTP and in dictionaries are tested with their formats.
"""

import gzip
import hashlib
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from dolma_pipe import assets
from dolma_pipe.assets import Asset, File, Place
from dolma_pipe.document import parse
from dolma_pipe.errors import AssetError
from dolma_pipe.formats import arrow, pages, parquet
from dolma_pipe.formats.elements import elements
from dolma_pipe.formats.messages import batch_sizes
from dolma_pipe.formats.pages import NoPage
from dolma_pipe.formats.source import Source
from dolma_pipe.formats.warc_records import warc_records
from dolma_pipe.stream import ByteStream, read_lines
from tests.formats.reading import read

RECORD = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n"
MB = 1 << 20


def peak(bomb: Any) -> int:
    """Bytes of Python objects that running it holds at once."""
    tracemalloc.start()
    try:
        bomb()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_line_ends_behind_a_record_are_not_held() -> None:
    stored = gzip.compress(RECORD) + gzip.compress(b"\r\n" * (32 * MB), 1) + gzip.compress(RECORD)
    found: list[Any] = []
    held = peak(lambda: found.extend(warc_records(iter([stored]), "a.warc.gz", MB)))
    assert [record.content.content for record in found] == [b"hello", b"hello"]
    assert held < 16 * MB


def test_a_record_that_says_it_is_endless_is_not_held() -> None:
    stored = RECORD.replace(b"5", b"9" * 18) + bytes(64 * MB)
    pieces = (stored[at : at + MB] for at in range(0, len(stored), MB))
    found: list[Any] = []
    assert peak(lambda: found.extend(warc_records(pieces, "a.warc", MB))) < 16 * MB
    assert [record.fault for record in found] == ["truncated: the last WARC record does not end"]


def test_blank_lines_are_counted_and_not_split(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"".join(gzip.compress(x, 1) for x in (b"a\n", b"\n" * (32 * MB), b"b\n")))
    found: list[Any] = []
    held = peak(lambda: found.extend(read_lines(ByteStream(str(path)), MB)))
    assert [(record.number, record.content) for record in found] == [
        (1, b"a"),
        (32 * MB + 2, b"b"),
    ]
    assert held < 16 * MB


def test_a_line_that_is_repaired_is_held_once() -> None:
    line = b'{"text": "a", "x": [NaN' + b", {}" * (MB // 16) + b"]}"
    assert peak(lambda: parse(line)) < 7 * MB


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


TEXTS = [f"text {i} " * 200 for i in range(1000)]
WRITTEN: dict[str, dict[str, Any]] = {
    "plain": {"use_dictionary": False, "data_page_size": 10_000, "write_batch_size": 10},
    "dictionary": {},
    "second version": {"data_page_version": "2.0", "compression": "zstd"},
    "checksums": {"write_page_checksum": True, "compression": "gzip"},
    "page index": {"write_page_index": True, "write_statistics": True, "compression": "none"},
    "nested": {"store_schema": False, "data_page_size": 1000, "write_batch_size": 10},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_pages_are_what_the_footer_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.parquet"
    nested = {"more": [[i, None] * (i % 5) for i in range(1000)]} if name == "nested" else {}
    pq.write_table(table(text=TEXTS, n=list(range(1000)), **nested), path, **WRITTEN[name])
    group = pq.ParquetFile(path).metadata.row_group(0)
    count = 0
    for column in map(group.column, range(group.num_columns)):
        begin = column.dictionary_page_offset or column.data_page_offset
        with Source(str(path)) as source:
            found = list(pages.pages(source, begin, begin + column.total_compressed_size))
        assert sum(p.header + p.stored for p in found) == column.total_compressed_size
        assert sum(p.header + p.size for p in found) == column.total_uncompressed_size
        assert any(p.is_dictionary for p in found) == column.has_dictionary_page
        assert sum(p.values for p in found) == column.num_values
        count += len(found)
    assert count > 2 * group.num_columns or name not in ("plain", "nested")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\x00",
        b"\x15\x00\x15\x02",
        b"\x15\x00\x15\x02\x00",
        b"\x15\x00\x15\x02\x15\x01\x00",
        b"\x15" + b"\xff" * 20,
        b"\x18\xff\xff\xff\x7f",
        b"\x1b\x00",
        b"\x1c" * 5000,
    ],
)
def test_what_is_no_header_of_a_page_is_told(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a").write_bytes(header)
    with Source(str(tmp_path / "a")) as source, pytest.raises(NoPage):
        list(pages.pages(source, 0, 1 << 20))
    with Source(str(tmp_path / "a")) as source, pytest.raises(NoPage):
        list(pages.pages(source, -5, 10))


def test_large_pages_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    large = table(text=["small"] * 8, other=["a" * MB] * 8)
    pq.write_table(large, path, row_group_size=4, compression="zstd", use_dictionary=False)
    assert len(read(path, "parquet").rows) == 8
    monkeypatch.setattr(parquet, "LARGEST_PAGES", 2 * MB)
    assert len(read(path, "parquet").rows) == 8  # 16 documents are more
    found = read(path, "parquet", max_document_bytes=MB // 8)
    assert found.reasons == [(1, "damaged row group"), (5, "damaged row group")]
    assert "rows 5 to 8: pages of 4,1" in found.bad[1].excerpt


def test_lists_of_nothing_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    rows = table(text=["small"] * 2, more=[[None] * 100_000, [0.5] * 10])
    pq.write_table(rows, path, compression="none")
    assert path.stat().st_size < 4000
    assert len(read(path, "parquet").rows) == 2
    monkeypatch.setattr(parquet, "LARGEST_PAGES", MB)
    found = read(path, "parquet", max_document_bytes=MB // 16)
    assert found.reasons == [(1, "damaged row group")]
    values = table(text=["small"], more=[[i / 7 for i in range(100_000)]])
    pq.write_table(values, path, use_dictionary=False)
    assert read(path, "parquet", max_document_bytes=3 * MB).ids == ["web/a:1"]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_pages_and_batches_of_real_text_may_be_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Pages of 100 MB, and batches of 65,536 documents, as pandas writes them (Feather)."""
    path = tmp_path / f"a.{kind}"
    texts = table(text=[random.Random(i).randbytes(4000).hex() for i in range(100)])
    if kind == "parquet":
        pq.write_table(texts, path, use_dictionary=False, compression="zstd")
    else:
        pa.feather.write_feather(texts, str(path), compression="lz4")
    monkeypatch.setattr(parquet, "LARGEST_PAGES", 10_000)
    monkeypatch.setattr(arrow, "LARGEST_BATCH", 10_000)
    assert len(read(path, kind, max_document_bytes=10_000).rows) == 100


@pytest.mark.parametrize("opened", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize("compression", ["lz4", "zstd", None])
def test_large_batches_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Any, compression: str | None
) -> None:
    path = tmp_path / "a.arrow"
    shared = pa.array(["b" * MB, "c"]).dictionary_encode()
    large = table(text=["a" * MB, "small"] * 4, other=pa.concat_arrays([shared] * 4))
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with opened(str(path), large.schema, options=options) as writer:
        writer.write_table(large, max_chunksize=4)
    with Source(str(path)) as source:
        sizes = sorted(batch.size for batch in batch_sizes(source))[-3:]
    assert all(size in range(MB, 3 * MB) for size in sizes) == (compression is not None)
    assert len(read(path, "arrow").rows) == 8
    monkeypatch.setattr(arrow, "LARGEST_BATCH", MB)
    found = read(path, "arrow", max_document_bytes=MB // 64)
    told = [reason for _, reason in found.reasons]
    assert any("are read (32 x max_document_bytes)" in one for one in told) == bool(compression)


def long_list(values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


MANY = 10 * MB
LISTS: dict[str, Callable[[], pa.Array]] = {
    "list": lambda: long_list(pa.nulls(MANY)),
    "fixed": lambda: pa.FixedSizeListArray.from_arrays(pa.nulls(MANY), MANY),
    "struct": lambda: pa.StructArray.from_arrays([long_list(pa.nulls(MANY))], ["a"]),
    "inner": lambda: long_list(pa.FixedSizeListArray.from_arrays(pa.nulls(MANY), MANY)),
    "shared": lambda: pa.DictionaryArray.from_arrays([0], long_list(pa.nulls(MANY))),
    "view": lambda: pa.LargeListViewArray.from_arrays(
        pa.array([0], pa.int64()), pa.array([MANY], pa.int64()), pa.nulls(MANY)
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_that_take_no_room_become_no_objects(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.arrow"
    hostile = table(text=["small"], more=LISTS[name]())
    with pa.ipc.new_file(str(path), hostile.schema) as writer:
        writer.write_table(hostile)
    assert path.stat().st_size < 2000
    reasons: list[Any] = []
    settings = {"max_document_bytes": MB}
    assert peak(lambda: reasons.extend(read(path, "arrow", **settings).reasons)) < 4 * MB
    assert reasons == [(1, f"longer than {MB} bytes")]


def test_lists_that_are_meant_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    lists = [[1, 2], None, [], [3]]
    columns = {
        "list": pa.array(lists),
        "fixed": pa.array([[1, 2]] * 4, pa.list_(pa.int8(), 2)),
        "map": pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int8())),
        "view": pa.array(lists, pa.list_view(pa.int64())),
        "struct": pa.array([{"a": one} for one in lists]),
    }
    assert {name: elements(column) for name, column in columns.items()} == {
        "list": 3,
        "fixed": 8,
        "map": 8,
        "view": 3,
        "struct": 3,
    }
    assert {name: elements(column.slice(3)) for name, column in columns.items()} == {
        "list": 1,
        "fixed": 2,
        "map": 2,
        "view": 1,
        "struct": 1,
    }
    given = table(text=list("abcd"), **columns)
    with pa.ipc.new_file(str(path), given.schema) as writer:
        writer.write_table(given)
    rows = [json.loads(row["raw"])["metadata"] for row in read(path, "arrow").rows]
    assert [row["list"] for row in rows] == [row["view"] for row in rows] == lists
    assert rows[0]["fixed"] == [1, 2]
    assert rows[3]["struct"] == {"a": [3]}


def test_a_type_that_pyarrow_does_not_convert_is_quarantined(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    shared = pa.DictionaryArray.from_arrays([0, 0], pa.array([[1, 2]]))
    given = table(text=["a", "b"], more=shared)
    with pa.ipc.new_file(str(path), given.schema) as writer:
        writer.write_table(given)
    assert [reason[:16] for _, reason in read(path, "arrow").reasons] == ["unreadable value"] * 2


def test_a_batch_behind_a_damaged_one_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(str(path), pa.schema([("text", "string")]), options=options) as writer:
        for size in (1, MB):
            writer.write_batch(pa.record_batch({"text": ["a" * size]}))
    content = bytearray(path.read_bytes())
    first = content.index(b"\xff\xff\xff\xff", content.index(b"\xff\xff\xff\xff") + 4)
    struct.pack_into("<i", content, first + 4, 1 << 30)
    path.write_bytes(content)
    with Source(str(path)) as source:
        assert next(batch_sizes(source)).size == 0
    with Source(str(path)) as source:
        assert max(batch.size for batch in batch_sizes(source)) > MB


@pytest.mark.parametrize("member", ["inside", None])
def test_no_more_of_an_asset_is_read_than_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, member: str | None
) -> None:
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("inside", bytes(32 * MB))
    if member is None:
        path.write_bytes(bytes(32 * MB))
    place: Place = File(path, member)
    sha256 = hashlib.sha256(bytes(100)).hexdigest()
    asset = Asset("toy", "toy.bin", sha256, 100, "CC0-1.0", "a toy", (place,))
    monkeypatch.setitem(assets.ASSETS, "toy", asset)
    monkeypatch.setenv("DOLMA_PIPE_CACHE", str(tmp_path / "cache"))

    def refused() -> None:
        with pytest.raises(AssetError, match="over 100 bytes"):
            assets.asset_path("toy")

    assert peak(refused) < 4 * MB
