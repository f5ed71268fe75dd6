"""WARC and WET: which records are lines, what becomes of them, and how reading goes on."""

import base64
import gzip
import hashlib
import io
import json
import resource
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator

from dolma_pipe.document import BadLine
from dolma_pipe.formats.http import decode_body, headers_of
from dolma_pipe.formats.warc_records import warc_records
from tests.formats.reading import Told, read

PAGE = b"<html><body><main><h1>Title</h1><p>One paragraph.</p></main></body></html>"


def record(
    number: int,
    content: bytes = b"",
    kind: str = "conversion",
    type_: str = "text/plain",
    **more: str,
) -> bytes:
    """A record of this number; its text says the number unless content is given."""
    content = content or f"text {number}".encode()
    headers = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{number}>",
        "WARC-Date": "2024-01-01T00:00:00Z",
        "WARC-Target-URI": f"https://example.org/{number}",
        "Content-Type": type_,
        "Content-Length": str(len(content)),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"WARC/1.0\r\n" + head.encode() + b"\r\n" + content + b"\r\n\r\n"


def response(
    number: int, body: bytes = PAGE, http: str = "Content-Type: text/html", **more: str
) -> bytes:
    block = b"HTTP/1.1 200 OK\r\n" + http.encode() + b"\r\n\r\n" + body
    return record(number, block, "response", "application/http; msgtype=response", **more)


def told(folder: Path, content: bytes, name: str = "a.warc", **more: object) -> Told:
    path = folder / name
    path.write_bytes(content)
    return read(path, "warc", **more)


def one(folder: Path, content: bytes, **more: object) -> str:
    """The text of the only document, or the only reason."""
    found = told(folder, content, **more)
    assert len(found.rows) + len(found.bad) == 1
    return found.rows[0]["text"] if found.rows else found.bad[0].reason  # type: ignore[no-any-return]


def members(count: int) -> list[bytes]:
    return [gzip.compress(record(i), mtime=0) for i in range(count)]


def dictionary_frames(count: int) -> bytes:
    dictionary = zstandard.ZstdCompressionDict(b"".join(record(i) for i in range(9)) * 3)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    content = zstandard.compress(dictionary.as_bytes())
    begin = b"\x5d\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
    return begin + b"".join(compressor.compress(record(i)) for i in range(count))


WHOLE = b"".join(record(i) for i in range(40))
FORMS = {
    "a.warc": WHOLE,
    "members.warc.gz": b"".join(members(40)),
    "one-member.warc.gz": gzip.compress(WHOLE),
    "blocks.warc.gz": b"".join(
        gzip.compress(WHOLE[i : i + 100]) for i in range(0, len(WHOLE), 100)
    ),
    "padded.warc.gz": b"".join(members(40)) + b"\0" * 1000,
    "a.warc.zst": b"".join(zstandard.compress(record(i)) for i in range(40)),
    "dictionary.warc.zst": dictionary_frames(40),
}


@pytest.mark.parametrize("name", FORMS)
def test_records_come_in_order_however_they_are_stored(tmp_path: Path, name: str) -> None:
    found = told(tmp_path, FORMS[name], name)
    assert [(row["id"], row["text"], row["line"]) for row in found.rows] == [
        (str(i), f"text {i}", i + 1) for i in range(40)
    ]
    assert found.bad == []


def test_the_same_records_as_fastwarc(tmp_path: Path) -> None:
    content = b"".join(
        gzip.compress(r) for r in (record(1), response(2), record(3, kind="request"))
    )
    path = tmp_path / "a.warc.gz"
    path.write_bytes(content)
    theirs = [(r.record_id, r.content_length) for r in ArchiveIterator(str(path), parse_http=False)]
    assert [id for id, _ in theirs] == [f"<urn:uuid:{i}>" for i in (1, 2, 3)]
    assert told(tmp_path, content).ids == ["1", "2"]


def test_what_a_document_has(tmp_path: Path) -> None:
    headers = {"WARC_Payload_Digest": "sha1:ABC", "WARC_Identified_Content_Language": "eng"}
    row = told(tmp_path, response(7, **headers)).rows[0]
    assert (row["id"], row["created"], row["source"]) == ("7", "2024-01-01T00:00:00Z", "web")
    assert json.loads(row["raw"]) == {
        "id": "7",
        "text": "Title\n\nOne paragraph.",
        "created": "2024-01-01T00:00:00Z",
        "metadata": {
            "url": "https://example.org/7",
            "payload_digest": "sha1:ABC",
            "languages": "eng",
            "content_type": "text/html",
            "charset": "utf-8",
            "status": 200,
        },
    }


def test_lines_are_texts_and_pages_and_all_else_is_passed_over(tmp_path: Path) -> None:
    content = b"".join(
        [
            record(0, kind="warcinfo", type_="application/warc-fields"),
            record(1, kind="request", type_="application/http"),
            response(2),
            response(3, b"GIF89a", "Content-Type: image/gif"),
            response(4, b"plain", "Content-Type: text/plain"),
            record(5, kind="response", type_="text/dns"),
            response(6, http="Content-Type: application/xhtml+xml"),
            response(7, http="Server: x", WARC_Identified_Payload_Type="text/html"),
            record(8, kind="conversion", type_="application/pdf"),
        ]
    )
    found = told(tmp_path, content)
    assert [(row["id"], row["line"]) for row in found.rows] == [
        ("2", 3),
        ("4", 5),
        ("6", 7),
        ("7", 8),
    ]
    assert found.bad == []
    assert found.passed_over == {
        "conversion application/pdf": 1,
        "request": 1,
        "response": 1,
        "response image/gif": 1,
        "warcinfo": 1,
    }


BROKEN = {
    "a header without a length": (b"Content-Length: 6\r\n", b"", "WARC record without a length"),
    "a header without a type": (b"WARC-Type: conversion\r\n", b"", "WARC record without a type"),
    "a length too small": (b"Length: 6", b"Length: 2", "wrong Content-Length"),
    "a length too large": (b"Length: 6", b"Length: 60", "wrong Content-Length"),
    "no version": (b"WARC/1.0\r\n", b"\r\nCRAW/1.0\r\n", "not a WARC record"),
    "bytes that are no text": (b"text 1", b"t\xffxt 1", "invalid UTF-8"),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_malformed_record_is_quarantined_and_the_rest_goes_on(
    tmp_path: Path, broken: str, compressed: bool
) -> None:
    old, new, reason = BROKEN[broken]
    records = [record(i) for i in range(4)]
    assert old in records[1]
    records[1] = records[1].replace(old, new)
    if compressed:
        records = [gzip.compress(r) for r in records]
    found = told(tmp_path, b"".join(records))
    if reason == "not a WARC record":  # then the record before it has no certain end
        assert (found.ids, found.reasons) == (["2", "3"], [(1, "wrong Content-Length")])
        return
    assert (found.ids, found.reasons) == (["0", "2", "3"], [(2, reason)])


@pytest.mark.parametrize("at", [0, 12, 40, -6])
def test_a_damaged_member_is_lost_alone(tmp_path: Path, at: int) -> None:
    parts = members(4)
    damaged = bytearray(parts[1])
    damaged[at] ^= 0xFF
    found = told(tmp_path, parts[0] + bytes(damaged) + parts[2] + parts[3], "a.warc.gz")
    assert found.ids == ["0", "2", "3"]
    assert [(line, reason[:19]) for line, reason in found.reasons] == [(2, "corrupt compression")]
    frames = [zstandard.ZstdCompressor(write_checksum=True).compress(record(i)) for i in range(4)]
    damaged = bytearray(frames[1])
    damaged[at if at else 1] ^= 0xFF
    found = told(tmp_path, frames[0] + bytes(damaged) + frames[2] + frames[3], "a.warc.zst")
    assert found.ids == ["0", "2", "3"]
    assert len(found.bad) == 1


def test_no_flipped_byte_takes_more_than_its_neighbours(tmp_path: Path) -> None:
    parts = members(8)
    whole = b"".join(parts)
    rng = np.random.default_rng(3)
    for at in rng.integers(0, len(whole), 200):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << int(rng.integers(8))
        found = told(tmp_path, bytes(flipped), "a.warc.gz")
        assert len(found.rows) >= 7
        assert len(found.rows) + len(found.bad) >= 8
        assert len(found.bad) <= 1


@pytest.mark.parametrize("cut", [1, 9, 30, 100])
def test_a_truncated_file_is_told(tmp_path: Path, cut: int) -> None:
    found = told(tmp_path, b"".join(members(3))[:-cut], "a.warc.gz")
    assert (found.ids, len(found.bad)) == (["0", "1"], 1)
    assert "truncated" in found.bad[0].reason
    plain = b"".join(record(i) for i in range(3))
    found = told(tmp_path, plain[: -cut - 4])
    assert (found.ids, len(found.bad)) == (["0", "1"], 1)
    assert told(tmp_path, b"", "a.warc.gz").reasons == [
        (1, "truncated: there is no compressed member")
    ]


def test_a_record_too_long_is_quarantined_without_being_held(tmp_path: Path) -> None:
    content = b"".join(
        gzip.compress(r)
        for r in (
            record(0),
            response(1, b"x" * (40 << 20)),
            response(2, b"x" * (40 << 20), "Content-Type: image/png"),
            record(3),
        )
    )
    found = told(tmp_path, content, "a.warc.gz", max_document_bytes=1 << 20)
    assert (found.ids, found.reasons) == (["0", "3"], [(2, "longer than 1048576 bytes")])
    assert found.bad[0].excerpt == "https://example.org/1"


def chunked(body: bytes, size: int = 10) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%b\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def deflated(body: bytes) -> bytes:
    raw = zlib.compressobj(wbits=-15)
    return raw.compress(body) + raw.flush()


CHUNKS = "Content-Type: text/plain\r\nTransfer-Encoding: chunked"


def coded(coding: str) -> str:
    return f"Content-Type: text/plain\r\nContent-Encoding: {coding}"


BODIES = {
    "chunks": (chunked(b"a text in chunks"), CHUNKS, "a text in chunks"),
    "chunks said, not there": (b"a text", CHUNKS, "a text"),
    "cut chunks": (
        chunked(b"a text in chunks")[:-12],
        CHUNKS,
        "truncated: the last chunk of the body is missing",
    ),
    "gzip": (gzip.compress(b"a text"), coded("gzip"), "a text"),
    "gzip said, not there": (b"a text", coded("gzip"), "a text"),
    "cut gzip": (
        gzip.compress(b"a text")[:-5],
        coded("gzip"),
        "truncated: the compressed body does not end",
    ),
    "gzip in members": (gzip.compress(b"a ") + gzip.compress(b"text"), coded("gzip"), "a text"),
    "gzip and more": (gzip.compress(b"a text") + b"more", coded("gzip"), "a text"),
    "broken gzip": (
        gzip.compress(b"a text")[:10] + b"\xff" * 20,
        coded("gzip"),
        "corrupt content encoding",
    ),
    "deflate": (zlib.compress(b"a text"), coded("deflate"), "a text"),
    "raw deflate": (deflated(b"a text"), coded("deflate"), "a text"),
    "zstd": (zstandard.compress(b"a text"), coded("zstd"), "a text"),
    "zstd in frames": (
        zstandard.compress(b"a ") + zstandard.compress(b"text"),
        coded("zstd"),
        "a text",
    ),
    "cut zstd": (
        zstandard.compress(b"a text")[:-2],
        coded("zstd"),
        "truncated: the compressed body does not end",
    ),
    "both": (
        chunked(gzip.compress(b"a text")),
        coded("gzip") + "\r\nTransfer-Encoding: chunked",
        "a text",
    ),
    "unknown": (b"a text", coded("rot13"), "unknown content encoding rot13"),
    "bomb": (gzip.compress(b"\0" * (40 << 20)), coded("gzip"), "longer than 16777216 bytes"),
    "zstd bomb": (
        zstandard.compress(b"\0" * (40 << 20)),
        coded("zstd"),
        "longer than 16777216 bytes",
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_decoded(tmp_path: Path, name: str) -> None:
    body, http, expected = BODIES[name]
    assert one(tmp_path, response(0, body, http)) == expected


def test_brotli_is_decoded(tmp_path: Path) -> None:
    brotli = pytest.importorskip("brotli")
    content = response(0, brotli.compress(b"a text"), coded("br"))
    assert one(tmp_path, content) == "a text"
    bomb = response(0, brotli.compress(b"\0" * (40 << 20)), coded("br"))
    assert one(tmp_path, bomb) == "longer than 16777216 bytes"
    noise = brotli.compress(bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8)))
    cut = response(0, noise[:3000], coded("br"))
    assert one(tmp_path, cut) == "truncated: the compressed body does not end"
    page = response(0, PAGE, "Content-Type: text/html\r\nContent-Encoding: br")
    assert "One paragraph." in one(tmp_path, page)


def test_a_small_brotli_body_takes_no_gigabytes() -> None:
    """Two kilobytes that would be a gigabyte."""
    brotli = pytest.importorskip("brotli")
    encoder = brotli.Compressor(quality=5)
    body = b"".join(encoder.process(bytes(1 << 24)) for _ in range(64)) + encoder.finish()
    assert len(body) < 1 << 12
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadLine, match="longer than"):
        decode_body(body, {"content-encoding": "br"}, 1 << 20)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 300e6


@pytest.mark.parametrize("lines", [b"no field\r\n\tfolded", b"a: b\r\na\r\n folded"])
def test_lines_that_are_no_header_are_passed_over(tmp_path: Path, lines: bytes) -> None:
    content = response(0, b"a text", "Content-Type: text/plain\r\n" + lines.decode())
    assert one(tmp_path, content) == "a text"
    assert headers_of(lines).get("a") in (None, "b")


def of_dictionary(records: list[bytes], stored: bool) -> bytes:
    """A .warc.zst whose frames have a dictionary, itself compressed or not."""
    dictionary = zstandard.ZstdCompressionDict(b"".join(records)[:5000])
    frames = zstandard.ZstdCompressor(dict_data=dictionary)
    told = dictionary.as_bytes() if stored else zstandard.compress(dictionary.as_bytes())
    head = b"\x5d\x2a\x4d\x18" + len(told).to_bytes(4, "little") + told
    return head + b"".join(frames.compress(item) for item in records)


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
def test_no_piece_is_lost_behind_a_dictionary(stored: bool, size: int) -> None:
    random = np.random.default_rng(0)
    count = 600 if size > 7 else 10
    records = [record(i, random.bytes(2000).hex().encode()) for i in range(count)]
    content = of_dictionary(records, stored)
    assert size < 1 << 20 or len(content) > size
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    found = list(warc_records(pieces, "a.warc.zst", 1 << 24))
    assert [item.fault for item in found] == [None] * count


def test_a_dictionary_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = zstandard.compress(bytes(80 << 20))
    content = b"\x5d\x2a\x4d\x18" + len(bomb).to_bytes(4, "little") + bomb + bytes(3 << 20)
    reason = "corrupt compression: dictionary: longer than 67108864 bytes"
    assert told(tmp_path, content, "a.warc.zst").reasons == [(1, reason)]


def test_wrong_lengths_take_linear_time() -> None:
    """Each of 50,000 records says that it has most of the file."""
    wrong = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 2999990\r\n\r\nx\r\n\r\n"
    content = wrong * 50_000
    pieces = (content[at : at + (1 << 20)] for at in range(0, len(content), 1 << 20))
    begin = time.process_time()
    found = list(warc_records(pieces, "a.warc", 1 << 24))
    assert len(found) == 50_000
    assert {item.fault for item in found[:10]} == {"wrong Content-Length"}
    assert time.process_time() - begin < 10


def test_what_only_looks_like_members_takes_linear_time() -> None:
    """Behind damage: gzip members whose file name does not end."""
    good = gzip.compress(record(0))
    content = good + good[:20] + b"\xff" * 30 + b"\x1f\x8b\x08\x08" * 100_000
    content += b"\0" + b"\xff" * 20 + good
    begin = time.process_time()
    found = list(warc_records(iter([content]), "a.warc.gz", 1 << 24))
    assert [item.fault is None for item in found] == [True, False, True]
    assert time.process_time() - begin < 6


def test_what_the_crawler_cut_is_no_damage(tmp_path: Path) -> None:
    cut = response(0, chunked(b"a text in chunks")[:-12], CHUNKS, WARC_Truncated="length")
    assert one(tmp_path, cut) == "a text in c"


def test_a_response_without_http_is_quarantined(tmp_path: Path) -> None:
    content = record(0, b"<html>", "response", "application/http")
    assert one(tmp_path, content) == "no HTTP response"


def test_digests_are_checked_if_asked_for(tmp_path: Path) -> None:
    right = "sha1:" + base64.b32encode(hashlib.sha1(b"text 0").digest()).decode()
    hexadecimal = "sha256:" + hashlib.sha256(b"text 0").hexdigest()
    for digest in (right, hexadecimal, "other:1"):
        content = record(0, WARC_Block_Digest=digest)
        assert one(tmp_path, content, check_digests=True) == "text 0"
        changed = content.replace(b"text 0", b"text 1")
        assert one(tmp_path, changed) == "text 1"
        expected = "text 1" if digest == "other:1" else "the digest is another"
        assert one(tmp_path, changed, check_digests=True) == expected
    payload = "sha1:" + base64.b32encode(hashlib.sha1(PAGE).digest()).decode()
    content = response(0, WARC_Payload_Digest=payload)
    assert one(tmp_path, content, check_digests=True).startswith("Title")
    changed = content.replace(b"One", b"Two")
    assert one(tmp_path, changed, check_digests=True) == "the digest is another"


def test_a_file_of_the_fastwarc_writer(tmp_path: Path) -> None:
    from fastwarc.stream_io import GzipWriter
    from fastwarc.warc import WarcRecord, WarcRecordType

    sink = io.BytesIO()
    with GzipWriter(sink) as stream:
        for i in range(5):
            made = WarcRecord()
            made.init_headers(record_type=WarcRecordType.conversion)
            made.headers["Content-Type"] = "text/plain"
            made.set_bytes_content(f"text {i}".encode())
            made.write(stream, checksum_data=True)
    found = told(tmp_path, sink.getvalue(), "a.warc.gz", check_digests=True)
    assert [row["text"] for row in found.rows] == [f"text {i}" for i in range(5)]
