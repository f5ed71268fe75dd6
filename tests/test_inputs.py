"""The inputs of a source: every file once, every shard with a name of its own, and nothing that
cannot be read."""

import bz2
import gzip
import io
import lzma
import os
import socket
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.errors import MissingExtra, RecipeError
from dolma_pipe.inputs import find_inputs

LINE = b'{"id": "a", "text": "t"}\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put(*paths: str, content: bytes = b"") -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)


def keys(*patterns: str) -> dict[str, str]:
    """Shard name -> file; fails where two have one key."""
    found = find_inputs("web", list(patterns))
    names = {item.key.removeprefix("web/"): item.uri for item in found}
    assert len(names) == len(found)
    assert list(names) == sorted(names)
    return names


def refused(*patterns: str) -> str:
    with pytest.raises(RecipeError) as caught:
        find_inputs("web", list(patterns))
    told = str(caught.value)
    assert told.startswith("sources.web.documents: ")
    assert "\n" not in told
    told.encode()
    return told.removeprefix("sources.web.documents: ")


def test_a_short_name_stays_where_it_is_unique() -> None:
    put("x/a.jsonl", "y/a.jsonl", "z/b.jsonl")
    assert keys("**/*.jsonl") == {
        "b": "z/b.jsonl",
        "x__a.jsonl": "x/a.jsonl",
        "y__a.jsonl": "y/a.jsonl",
    }


def test_folders_and_names_with_underscores_do_not_collide() -> None:
    put("x/y__a.jsonl", "x__y/a.jsonl", "z/a.jsonl")
    assert sorted(keys("**/*.jsonl").values()) == ["x/y__a.jsonl", "x__y/a.jsonl", "z/a.jsonl"]
    put("z/y__a.jsonl")
    assert len(keys("**/*.jsonl")) == 4
    put("q/x__y__a.jsonl.jsonl")  # its short name is the long one of another
    assert len(keys("**/*.jsonl")) == 5


def test_names_differ_where_case_does_not_count() -> None:
    put("x/A.jsonl", "y/a.jsonl")
    assert len({name.casefold() for name in keys("x/*", "y/*")}) == 2


def test_names_hang_on_the_files_and_not_on_the_order_of_the_patterns() -> None:
    put("x/y__a.jsonl", "x__y/a.jsonl", "z/a.jsonl", "z/y__a.jsonl")
    assert keys("x/*", "x__y/*", "z/*") == keys("z/*", "x__y/*", "x/*")


part = st.text("ab_.", min_size=1, max_size=3).filter(lambda name: name.strip("."))


@given(st.sets(st.tuples(part, part), min_size=1, max_size=12))
def test_two_shards_never_have_one_key(paths: set[tuple[str, str]]) -> None:
    from dolma_pipe.inputs import _shard_names

    uris = sorted(f"{folder}/{name}.jsonl" for folder, name in paths)
    names = _shard_names(uris)
    assert len({name.casefold() for name in names}) == len(uris)
    assert not [name for name in names if "/" in name or not name]


def test_absolute_relative_and_remote_files_of_one_name_stand_together() -> None:
    put("x/a.jsonl", "y/a.jsonl")
    found = keys(str(Path("x/a.jsonl").absolute()), "y/a.jsonl", "http://example.org/a.jsonl")
    assert len(found) == 3
    assert any(name.startswith("http__example.org__") or "example.org" in name for name in found)


def test_a_name_too_long_for_our_endings_is_cut() -> None:
    put("é" * 120 + "x.jsonl", "é" * 120 + "y.jsonl")
    names = keys("*.jsonl")
    assert len(names) == 2
    assert all(len(name.encode()) < 200 for name in names)


def test_a_file_called_as_an_ending_has_a_name() -> None:
    put("x/.jsonl", "x/a.JSONL")
    assert set(keys("x/.jsonl", "x/*")) == {".jsonl", "a"}


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        (["data/a.jsonl", "./data/a.jsonl"], "./data/a.jsonl is data/a.jsonl, the patterns"),
        (["data/a.jsonl", "data/*.jsonl"], "data/a.jsonl is there twice, the patterns overlap"),
        (["links/*"], "links/two.jsonl is links/one.jsonl"),
        (["data/*", "folder/*"], "folder/a.jsonl is data/a.jsonl"),
        (["http://e.org/a", "http://e.org/a"], "http://e.org/a is there twice"),
    ],
)
def test_a_file_is_not_read_twice(patterns: list[str], told: str) -> None:
    put("data/a.jsonl")
    Path("links").mkdir()
    Path("links/one.jsonl").symlink_to("../data/a.jsonl")
    Path("links/two.jsonl").symlink_to("../data/a.jsonl")
    Path("folder").symlink_to("data")
    assert told in refused(*patterns)


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"]}), sink)
    return sink.getvalue()


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.jsonl", LINE)
    return sink.getvalue()


READ = "JSONL and WARC (plain, .gz, .zst), Parquet and Arrow are read"
MISTAKEN = {
    "a.parquet": (LINE, "is no Parquet file, but its name ends in .parquet"),
    "a.arrow": (parquet(), "is a Parquet file, but its name ends in .arrow"),
    "a.jsonl": (parquet(), "is a Parquet file, but its name ends in .jsonl"),
    "w.jsonl.gz": (gzip.compress(b"WARC/1.0\r\n"), "holds WARC records, but its name ends in .gz"),
    "a.warc.gz": (gzip.compress(LINE), "holds no WARC records, but its name ends in .gz"),
    "b.warc": (LINE, "holds no WARC records, but its name ends in .warc"),
    "a.jsonl.bz2": (bz2.compress(LINE), f"is a bzip2 file, {READ}"),
    "a.jsonl.xz": (lzma.compress(LINE), f"is an xz file, {READ}"),
    "a.jsonl.lz4": (b"\x04\x22\x4d\x18rest", f"is an lz4 file, {READ}"),
    "a.zip": (zipped(), f"is a zip file, {READ}"),
    "a.npy": (b"\x93NUMPY\x01\0v\0{'descr': '<f8'}", f"is a binary file, {READ}"),
    "utf16.jsonl": (LINE.decode().encode("utf-16"), f"is a binary file, {READ}"),
    "b.jsonl": (gzip.compress(LINE), "is a gzip file, but its name does not end in .gz"),
    "c.jsonl": (zstandard.compress(LINE), "is a zstd file, but its name does not end in .zst"),
    "d.jsonl.gz": (zstandard.compress(LINE), "is a zstd file, but its name ends in .gz"),
    "e.jsonl.ZST": (gzip.compress(LINE), "is a gzip file, but its name ends in .zst"),
    "f.jsonl.zst": (LINE, "is no zstd file, but its name ends in .zst"),
    "g.jsonl.gz": (LINE, "is no gzip file, but its name ends in .gz"),
    "h.jsonl.zst": (parquet(), "is a Parquet file, but its name ends in .zst"),
}


@pytest.mark.parametrize("name", MISTAKEN)
def test_what_cannot_be_read_is_told_at_the_door(name: str) -> None:
    content, told = MISTAKEN[name]
    put(name, content=content)
    assert refused(name) == f"{name} {told}"


GOOD = {
    "a.jsonl": LINE,
    "empty.jsonl": b"",
    "no-ending": LINE,
    "bom.jsonl": b"\xef\xbb\xbf" + LINE,
    "a.jsonl.gz": gzip.compress(LINE),
    "a.jsonl.ZST": zstandard.compress(LINE),
    "a.parquet": parquet(),
    "parquet-without-ending": parquet(),
    "cut.parquet": b"PA",
    "a.warc.gz": gzip.compress(b"WARC/1.0\r\n"),
    "warc-without-ending": b"WARC/1.0\r\n",
    "skippable.zst": b"\x50\x2a\x4d\x18\x02\0\0\0ab" + zstandard.compress(LINE),
    "cut.jsonl.zst": zstandard.compress(LINE)[:3],  # the reader counts it
    "cut.jsonl.gz": b"",
}


@pytest.mark.parametrize("name", GOOD)
def test_what_the_reader_understands_passes(name: str) -> None:
    put(name, content=GOOD[name])
    assert list(keys(name).values()) == [name]


def test_only_regular_files_are_opened() -> None:
    os.mkfifo("pipe.jsonl")
    assert refused("*.jsonl") == "pipe.jsonl is no regular file"
    assert refused("/dev/null") == "/dev/null is no regular file"
    with socket.socket(socket.AF_UNIX) as served:
        served.bind("socket")
        assert refused("socket") == "socket is no regular file"
    Path("loose.jsonl").symlink_to("nowhere")
    assert refused("loose.jsonl") == "loose.jsonl cannot be read: No such file or directory"
    Path("loop.jsonl").symlink_to("loop.jsonl")
    assert "loop.jsonl cannot be read: " in refused("loop.jsonl")


def test_a_name_that_is_not_utf8_is_told() -> None:
    try:
        Path(os.fsdecode(b"caf\xe9.jsonl")).touch()
    except OSError:
        pytest.skip("this file system refuses such names")
    assert refused("*.jsonl") == "caf\\xe9.jsonl: the name is not UTF-8"


@pytest.mark.parametrize("pattern", ["", "a\0b", "x" * 5000, "x" * 300 + "/*.jsonl"])
def test_names_that_no_file_can_have_are_told(pattern: str) -> None:
    assert "no file" in refused(pattern)


def test_an_address_without_its_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = pytest.importorskip("smart_open.transport")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"^boto3 is not installed: pip install 'dolma-pipe\[s3"):
        find_inputs("web", "s3://bucket/a.jsonl.zst")
    monkeypatch.setitem(transport._ERRORS, "gs", "gcs")
    assert "the package that opens gs:// is not installed" in refused("gs://bucket/a.jsonl")


@pytest.mark.parametrize("url", ["htp://e.org/a.jsonl", "://a", "1x://a"])
def test_an_address_that_nothing_opens_is_one_line(url: str) -> None:
    assert refused(url).startswith(f"nothing opens {url} (known: file, ")


def test_an_address_that_cannot_be_read_is_not_shown() -> None:
    assert refused("http://me:sekrit@[::1/a") == "nothing opens an address like this one"
    assert refused("https:///a.jsonl") == "nothing opens https:///a.jsonl: it names no server"


@pytest.mark.parametrize("scheme", ["S3", "s3a", "s3n"])
def test_object_stores_have_one_spelling(scheme: str) -> None:
    assert refused(f"{scheme}://b/a.jsonl").endswith(
        "object stores are s3:// here, in small letters"
    )


def test_addresses_have_no_patterns() -> None:
    assert "list the addresses" in refused("http://example.org/*.jsonl")
