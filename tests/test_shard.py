"""Reading shards: what is a document, what is repaired, what is quarantined; nothing is lost
silently."""

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from dolma_pipe.errors import InputError, WorkError
from dolma_pipe.shard import Quarantined, ShardReader, write_shard
from dolma_pipe.stream import ByteStream, read_lines


def read(
    path: Path, **options: object
) -> tuple[list[dict[str, object]], list[Quarantined], ShardReader]:
    bad: list[Quarantined] = []
    reader = ShardReader(path, source="web", shard="web/a", quarantine=bad.append, **options)  # type: ignore[arg-type]
    rows = [row for batch in reader for row in batch.documents.to_pylist()]
    return rows, bad, reader


def line(i: int, **more: object) -> bytes:
    return json.dumps({"id": f"d{i}", "text": f"text {i}", **more}).encode()


def lines(count: int) -> bytes:
    return b"".join(line(i) + b"\n" for i in range(count))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def compressed(content: bytes, ending: str) -> bytes:
    return gzip.compress(content) if ending == "gz" else zstandard.compress(content)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_documents_come_in_order_with_their_lines(tmp_path: Path, ending: str) -> None:
    content = lines(1000)
    if ending != "jsonl":
        content = compressed(content, ending.removeprefix("jsonl."))
    rows, bad, reader = read(write(tmp_path / f"a.{ending}", content), batch_bytes=1000)
    assert [(row["id"], row["text"], row["line"]) for row in rows] == [
        (f"d{i}", f"text {i}", i + 1) for i in range(1000)
    ]
    assert (bad, reader.documents, reader.quarantined, reader.repaired) == ([], 1000, 0, 0)


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_several_frames_are_one_shard(tmp_path: Path, ending: str) -> None:
    content = b"".join(compressed(line(i) + b"\n", ending) for i in range(50))
    rows, bad, _ = read(write(tmp_path / f"a.jsonl.{ending}", content))
    assert (len(rows), bad) == (50, [])


@pytest.mark.parametrize("ending", ["GZ", "ZST", "Zst"])
def test_endings_are_read_in_any_case(tmp_path: Path, ending: str) -> None:
    content = compressed(lines(5), ending.lower())
    rows, bad, _ = read(write(tmp_path / f"A.JSONL.{ending}", content))
    assert (len(rows), bad) == (5, [])


@pytest.mark.parametrize("ending", ["gz", "zst", "zstd"])
@pytest.mark.parametrize("content", [b"", b"\0" * 9000], ids=["empty", "zeros"])
def test_compression_without_a_frame_is_a_cut_shard(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    rows, bad, reader = read(write(tmp_path / f"a.jsonl.{ending}", content))
    assert (rows, reader.quarantined) == ([], 1)
    assert [item.reason for item in bad] == ["truncated: there is no compressed frame"]


def test_padding_behind_the_last_gzip_member_is_no_damage(tmp_path: Path) -> None:
    rows, bad, _ = read(write(tmp_path / "a.jsonl.gz", gzip.compress(lines(5)) + b"\0" * 9000))
    assert (len(rows), bad) == (5, [])


@pytest.mark.parametrize("ending", ["gz", "zst"])
@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999])
def test_a_cut_shard_is_told(tmp_path: Path, ending: str, keep: float) -> None:
    noise = b"".join(line(i, noise=str(i**9)[::-1]) + b"\n" for i in range(20_000))
    content = compressed(noise, ending)
    rows, bad, reader = read(
        write(tmp_path / f"a.jsonl.{ending}", content[: int(keep * len(content))])
    )
    assert [item.reason for item in bad] == ["truncated: the last compressed frame does not end"]
    assert 0 < len(rows) < 20_000
    assert bad[0].line == rows[-1]["line"] + 1  # type: ignore[operator]
    assert reader.quarantined == 1


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_missing_last_frame_is_told(tmp_path: Path, ending: str) -> None:
    second = compressed(lines(100), ending)
    content = compressed(line(-1) + b"\n", ending) + second[: len(second) // 2]
    _, bad, _ = read(write(tmp_path / f"a.jsonl.{ending}", content))
    assert len(bad) == 1


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_broken_compression_is_told(tmp_path: Path, ending: str) -> None:
    content = bytearray(compressed(b"".join(line(i, n=i**9) + b"\n" for i in range(9000)), ending))
    content[len(content) // 2 : len(content) // 2 + 50] = b"\xff" * 50
    rows, bad, _ = read(write(tmp_path / f"a.jsonl.{ending}", bytes(content)))
    assert len(rows) < 9000
    assert bad[-1].reason.startswith("corrupt compression")


BAD = {
    b'{"id": "x", "text": ': "not JSON",
    b"text": "not JSON",
    b"[1, 2]": "not a JSON object",
    b'{"id": "x"}': "no text",
    b'{"id": "x", "text": null}': "text has a wrong type",
    b'{"id": "x", "text": 7}': "text has a wrong type",
    b'{"id": ["x"], "text": "t"}': "id has a wrong type",
    b'{"id": "x", "text": "caf\xe9"}': "invalid UTF-8",
    b'{"id": "x", "text": "\xed\xa0\x80"}': "invalid UTF-8",
    b'{"id": "x", "text": "t", "title": "caf\xe9"}': "invalid UTF-8",
    b'{"id": "x", "text": "t", "caf\xe9": {"deep": [1]}}': "invalid UTF-8",
    b'{"id": "x", "text": "t", "url": "\xed\xa0\x80"}': "invalid UTF-8",
    b"[" * 100_000: "not a JSON object",
    b'{"id": "x", "text": "t", "deep": ' + b"[" * 100_000: "not JSON",
    line(0): "id repeated in its shard",
}


@pytest.mark.parametrize("content", BAD, ids=list(BAD.values()))
def test_a_bad_line_is_quarantined_and_the_rest_goes_on(tmp_path: Path, content: bytes) -> None:
    rows, bad, reader = read(
        write(tmp_path / "a.jsonl", line(0) + b"\n" + content + b"\n" + line(1))
    )
    assert [row["id"] for row in rows] == ["d0", "d1"]
    assert [(item.line, item.reason) for item in bad] == [(2, BAD[content])]
    assert (reader.documents, reader.quarantined) == (2, 1)


REPAIRED = {
    b'{"id": "x", "text": "t", "score": NaN}': "t",
    b'\xef\xbb\xbf{"id": "x", "text": "t"}': "t",
    b'{"id": "x", "text": "a \\ud800 b"}': "a \ufffd b",
    b'{"id": "x", "text": "a\tb"}': "a\tb",
    b'{"id": 17, "text": "t"}': "t",
}


@pytest.mark.parametrize("content", REPAIRED)
def test_a_line_that_is_not_strict_is_repaired_and_counted(tmp_path: Path, content: bytes) -> None:
    rows, bad, reader = read(write(tmp_path / "a.jsonl", content))
    assert bad == []
    assert (reader.documents, reader.repaired) == (1, 1)
    assert rows[0]["text"] == REPAIRED[content]
    strict = json.loads(rows[0]["raw"], parse_constant=pytest.fail)  # type: ignore[arg-type]
    assert strict["text"] == rows[0]["text"]
    assert strict["id"] == rows[0]["id"] == ("17" if b"17" in content else "x")


def test_other_fields_pass_through_untouched(tmp_path: Path) -> None:
    raw = b'{"text":"t","id":"x","metadata":{"big":12345678901234567890123,"pi":3.140},"extra":[1]}'
    rows, _, _ = read(write(tmp_path / "a.jsonl", raw))
    assert rows[0]["raw"] == raw


def test_a_missing_id_is_shard_and_line(tmp_path: Path) -> None:
    rows, _, _ = read(write(tmp_path / "a.jsonl", b'\n{"text": "one"}\n{"text": "two"}'))
    assert [row["id"] for row in rows] == ["web/a:2", "web/a:3"]
    assert json.loads(rows[0]["raw"])["id"] == "web/a:2"  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", zstandard.compress(b"")])
def test_an_empty_shard_has_no_documents(tmp_path: Path, content: bytes) -> None:
    ending = "zst" if content[:1] == b"\x28" else "jsonl"
    rows, bad, _ = read(write(tmp_path / f"a.{ending}", content))
    assert (rows, bad) == ([], [])


def test_a_huge_line_is_quarantined_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as stream:
        stream.write(line(0) + b'\n{"id": "huge", "text": "')
        for _ in range(200):
            stream.write(b"huge" * 250_000)
        stream.write(b'"}\n' + line(1) + b"\n")
    tracemalloc.start()
    rows, bad, _ = read(path, max_document_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row["id"] for row in rows] == ["d0", "d1"]
    assert [(item.line, item.reason) for item in bad] == [(2, "longer than 1048576 bytes")]
    assert peak < 160e6  # the document alone is 200 MB; one feed of the decompressor makes 134


def test_the_content_hash_is_of_the_stored_bytes(tmp_path: Path) -> None:
    from dolma_pipe.manifest import content_hash

    path = write(tmp_path / "a.jsonl.gz", gzip.compress(lines(10)))
    _, _, reader = read(path)
    assert reader.content_hash == content_hash(str(path))
    cut = write(tmp_path / "b.jsonl.gz", gzip.compress(lines(10))[:-20] + b"\0" * 9000)
    _, _, reader = read(cut)
    assert reader.content_hash == content_hash(str(cut))


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read .*missing\.jsonl: No such file"):
        read(tmp_path / "missing.jsonl")
    with pytest.raises(InputError, match="Is a directory"):
        read(tmp_path)


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.jsonl.zst"
    with pytest.raises(ZeroDivisionError), write_shard(path) as writer:
        writer.lines(line(i // (500 - i)) for i in range(1000))
    assert list(path.parent.iterdir()) == []
    with write_shard(path) as writer:
        writer.lines([line(0), line(1)])
    assert (writer.documents, writer.bytes) == (2, len(line(0) + line(1)) + 2)
    written = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    assert written == line(0) + b"\n" + line(1) + b"\n"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match="cannot write"), write_shard(tmp_path / "file" / "a.zst"):
        pass


def test_a_piece_of_line_ends_is_not_held_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dolma_pipe.stream.READ", 1 << 14)

    class OnePiece(ByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"\n" * (1 << 18)

    lines = read_lines(OnePiece("a.jsonl"), 100)
    tracemalloc.start()
    try:
        assert list(lines) == []
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
