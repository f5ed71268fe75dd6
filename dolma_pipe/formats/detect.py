"""Which format a file has: by its name, checked against its first bytes."""

import io
import zlib
from pathlib import PurePath

import zstandard

from dolma_pipe.formats.reading import FormatName
from dolma_pipe.stream import GZIP_ENDINGS, ZSTD_ENDINGS

JSONL_ENDINGS = (".jsonl", ".json", ".ndjson")
PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
ARROW_ENDINGS = (".arrow", ".feather", ".ipc")
WARC_ENDINGS = (".warc", ".wet")
COMPRESSED = (*ZSTD_ENDINGS, *GZIP_ENDINGS)

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = tuple(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))
"""Frames of metadata that may precede the first frame of data (RFC 8878, 3.1.2)."""

WARC = b"WARC/"
PARQUET, ARROW = b"PAR1", (b"ARROW1", b"\xff\xff\xff\xff")
"""An Arrow stream begins with the mark of its first message."""

KINDS = {
    GZIP: "a gzip file",
    ZSTD: "a zstd file",
    PARQUET: "a Parquet file",
    **dict.fromkeys(ARROW, "an Arrow file"),
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\0": "an xz file",
    b"\x04\x22\x4d\x18": "an lz4 file",
    b"PK\x03\x04": "a zip file",
}
"""How files begin that are often taken for JSONL."""

READ = "JSONL and WARC (plain, .gz, .zst), Parquet and Arrow are read"
HEAD = 512
"""Bytes of a file that are looked at."""


class Mistaken(Exception):
    """A file that cannot be what its name or the recipe says; the text goes on from its name."""


def named_format(name: str) -> FormatName | None:
    """The format that an ending says, in any case; None where it says nothing."""
    name = name.lower()
    if name.endswith(PARQUET_ENDINGS):
        return "parquet"
    if name.endswith(ARROW_ENDINGS):
        return "arrow"
    inner = name
    for ending in COMPRESSED:
        inner = inner.removesuffix(ending)
    if inner.endswith(WARC_ENDINGS):
        return "warc"
    return "jsonl" if inner.endswith(JSONL_ENDINGS) else None


def format_of(name: str, head: bytes, asked: FormatName | None) -> FormatName:
    """The format of a file that begins so. asked: what the recipe says. Raises Mistaken.

    A file that was cut inside of its first bytes is left to the reader, which counts it.
    """
    named = named_format(name)
    wanted = asked or named
    blame = f"format is {asked}" if asked else f"its name ends in {PurePath(name).suffix}"
    if wanted is None and head.startswith((PARQUET, *ARROW)):
        return "parquet" if head.startswith(PARQUET) else "arrow"
    kind = next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None)
    if wanted in ("parquet", "arrow"):
        magics = (PARQUET,) if wanted == "parquet" else ARROW
        if not _may_begin(head, magics):
            told = "no Parquet file" if wanted == "parquet" else "no Arrow file"
            raise Mistaken(f"is {kind or told}, but {blame}")
        return wanted
    if kind in (KINDS[PARQUET], KINDS[ARROW[0]]):
        raise Mistaken(f"is {kind}, but {blame}")
    _check_compression(name, head, kind)
    if asked == "jsonl" and named in ("parquet", "arrow"):
        raise Mistaken(f"ends in {PurePath(name).suffix}, but format is jsonl")
    content = _content(name, head)
    is_warc = content.startswith(WARC)
    if wanted == "warc":
        if content and not _may_begin(content, (WARC,)):
            raise Mistaken(f"holds no WARC records, but {blame}")
        return wanted
    if wanted == "jsonl" and is_warc:
        raise Mistaken(f"holds WARC records, but {blame}")
    return "warc" if is_warc else "jsonl"


def _may_begin(head: bytes, magics: tuple[bytes, ...]) -> bool:
    return any(head.startswith(magic[: len(head)]) for magic in magics)


def _check_compression(name: str, head: bytes, kind: str | None) -> None:
    lower = name.lower()
    if lower.endswith(ZSTD_ENDINGS):
        expected, magics = "zstd", (ZSTD, *ZSTD_SKIPPABLE)
    elif lower.endswith(GZIP_ENDINGS):
        expected, magics = "gzip", (GZIP,)
    elif kind in (KINDS[GZIP], KINDS[ZSTD]):
        ending = ".gz" if kind == KINDS[GZIP] else ".zst"
        raise Mistaken(f"is {kind}, but its name does not end in {ending}")
    elif kind or b"\0" in head:
        raise Mistaken(f"is {kind or 'a binary file'}, {READ}")
    else:
        return
    if not _may_begin(head, magics):
        told = kind or f"no {expected} file"
        raise Mistaken(f"is {told}, but its name ends in {PurePath(lower).suffix}")


def _content(name: str, head: bytes) -> bytes:
    """The first decompressed bytes, as far as they can be told."""
    lower = name.lower()
    try:
        if lower.endswith(GZIP_ENDINGS):
            return zlib.decompressobj(wbits=31).decompress(head, len(WARC))
        if lower.endswith(ZSTD_ENDINGS):
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(head)) as reader:
                return reader.read(len(WARC))
    except (zlib.error, zstandard.ZstdError):
        return b""
    return head
