"""Files elsewhere, read through servers that fail: the same bytes as here, of one version, or a
reason in one line."""

import io
import random
import re
import socket
import ssl
import threading
from contextlib import ExitStack, suppress

import pytest

from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.remote import check_address, file, open_remote, stamp_of_remote, stored_name
from dolma_pipe.store import bucket
from dolma_pipe.stream import ByteStream
from tests.object_store import SECRET, ObjectStore, s3, server

__all__ = ["s3", "server"]

CONTENT = random.Random(1).randbytes(400_000)
KEY = "a b/%41+ü#?.bin"
WEB_KEY = "a%20b/%2541%2B%C3%BC%23%3F.bin"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "time", Impatient)


class Impatient:
    """Nobody waits in tests."""

    waited: list[float] = []  # noqa: RUF012

    @classmethod
    def sleep(cls, seconds: float) -> None:
        cls.waited.append(seconds)


@pytest.fixture(params=["s3", "http"])
def uri(request: pytest.FixtureRequest, s3: ObjectStore) -> str:
    s3.put(KEY, CONTENT)
    s3.forget()
    return f"s3://bucket/{KEY}" if request.param == "s3" else f"{s3.address}/bucket/{WEB_KEY}"


def read(uri: str, size: int = 70_000) -> bytes:
    with open_remote(uri) as opened:
        return b"".join(iter(lambda: opened.read(size), b""))


def refused(uri: str) -> str:
    with pytest.raises(InputError) as raised:
        list(ByteStream(uri))
    text = str(raised.value)
    assert text.startswith(f"cannot read {uri}: ")
    assert "\n" not in text
    assert SECRET not in text
    return text.removeprefix(f"cannot read {uri}: ")


def test_the_bytes_as_they_are_stored(uri: str, s3: ObjectStore) -> None:
    assert read(uri) == CONTENT
    assert s3.asked("GET", "HEAD") == [f"/bucket/{KEY}"]
    with open_remote(uri) as opened:
        assert opened.seek(-5, 2) == 399_995
        assert opened.read() == CONTENT[-5:]
        assert (opened.seek(17), opened.read(3), opened.tell()) == (17, CONTENT[17:20], 20)
        assert (opened.seek(500_000), opened.read()) == (500_000, b"")
    s3.put(KEY, b"")
    assert read(uri) == b""


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_broken_connection_goes_on_where_it_broke(uri: str, s3: ObjectStore, how: str) -> None:
    s3.faults({"method": "GET", how: 150_000, "count": 2})
    assert read(uri) == CONTENT
    assert s3.asked("GET") == [f"/bucket/{KEY}"] * 3


def test_every_status_that_may_pass_is_asked_again(uri: str, s3: ObjectStore) -> None:
    for status in (500, 503):
        s3.faults({"method": "GET", "status": status, "count": 2})
        assert read(uri) == CONTENT


def test_a_server_without_ranges_is_read_again(uri: str, s3: ObjectStore) -> None:
    s3.faults({"method": "GET", "reset": 150_000, "count": 1}, {"method": "GET", "whole": True})
    assert read(uri) == CONTENT


def test_a_connection_that_always_breaks_is_told(uri: str, s3: ObjectStore) -> None:
    Impatient.waited.clear()
    s3.faults({"method": "GET", "close": 100_000, "count": 1}, {"method": "GET", "close": 0})
    assert re.search(r", 7 times$|cannot be reached", refused(uri))
    assert Impatient.waited == sorted(Impatient.waited)


def test_a_file_that_is_shorter_than_it_says_is_never_whole(uri: str, s3: ObjectStore) -> None:
    """Plain JSONL has no end mark: all lines that came would look like all that there are."""
    s3.faults({"method": "GET", "headers": {"Content-Length": "400001"}})
    refused(uri)
    s3.faults({"method": "GET", "close": 400_000, "headers": {"Content-Length": "400001"}})
    refused(uri)


def test_a_server_that_stops_sending_is_left(
    uri: str, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "TIMEOUT", 0.3)
    monkeypatch.setattr(bucket, "READ_TIMEOUT", 0.3)
    bucket._client.cache_clear()
    s3.faults({"method": "GET", "delay": 0.8, "count": 1})
    assert read(uri) == CONTENT
    s3.faults({"method": "GET", "rate": 400_000, "count": 1})  # slow, not silent
    assert read(uri) == CONTENT


@pytest.mark.parametrize("other", [CONTENT[::-1], CONTENT[:1000], CONTENT + b"x", None])
def test_two_versions_are_never_mixed(uri: str, s3: ObjectStore, other: bytes | None) -> None:
    s3.faults({"method": "GET", "reset": 150_000, "count": 1})
    with open_remote(uri) as opened:
        assert opened.read(50_000) == CONTENT[:50_000]
        if other is None:
            s3.client.delete_object(Bucket="bucket", Key=KEY)
        else:
            s3.put(KEY, other)
        with pytest.raises(OSError, match=r"^it was changed while it was read: run again$"):
            opened.read()


def test_a_server_that_ignores_if_match_is_noticed(uri: str, s3: ObjectStore) -> None:
    s3.faults(
        {"method": "GET", "reset": 150_000, "count": 1},
        {"method": "GET", "headers": {"ETag": '"another"'}},
    )
    assert refused(uri) == "it was changed while it was read: run again"


class Parts:
    """Answers with some bytes at a time: each with where it begins, and the size that it tells."""

    def __init__(self, *parts: tuple[int, int | None]) -> None:
        self.parts = list(parts)

    def open(self, _start: int, _expected: file.Version | None) -> file.Answer:
        begin, size = self.parts.pop(0)
        body = io.BytesIO(CONTENT[begin : begin + 1000])
        return file.Answer(
            body if self.parts else io.BytesIO(CONTENT[begin:]), begin, file.Version(size, '"1"')
        )


def test_an_answer_may_tell_a_size_that_another_did_not() -> None:
    whole = len(CONTENT)
    for parts in ([(0, whole), (1000, None)], [(0, whole), (900, whole), (0, None)]):
        assert file.RemoteFile(Parts(*parts)).read() == CONTENT


def test_an_answer_that_begins_too_late_is_not_read() -> None:
    remote = file.RemoteFile(Parts((0, len(CONTENT)), (1001, len(CONTENT))))
    with pytest.raises(OSError, match="another part of it than was asked for"):
        remote.read()


def test_a_broken_tls_connection_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def broken(request: object, **_: object) -> None:
        asked.append(request)
        raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol")

    monkeypatch.setattr("urllib.request.urlopen", broken)
    with pytest.raises(OSError, match="broke"):
        open_remote("https://e.org/a")
    assert len(asked) == file.ATTEMPTS


def test_who_says_no_version_is_not_asked_to_go_on(s3: ObjectStore) -> None:
    s3.put("a", CONTENT)
    uri, unsaid = f"{s3.address}/bucket/a", {"ETag": None, "Last-Modified": None}
    s3.faults({"method": "GET", "headers": unsaid})
    assert read(uri) == CONTENT
    s3.faults({"method": "GET", "reset": 150_000, "headers": unsaid})
    assert "ETag or Last-Modified" in refused(uri)


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (CHUNKED + b"0\r\n\r\n", b"abc"),
        (CHUNKED, None),
        (CHUNKED + b"5\r\nab", None),
        (b"\r\nabc", "the server does not say how long the file is"),
        (b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (b"Content-Length: 4\r\n\r\nabc", None),
    ],
)
def test_whether_all_of_it_came(answer: bytes, content: bytes | str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as stack:
        stack.callback(listening.shutdown, socket.SHUT_RDWR)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "1"\r\n' + answer)

        threading.Thread(target=serve, daemon=True).start()
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}/a.jsonl"
        if isinstance(content, bytes):
            assert read(uri) == content
        else:
            assert (content or "") in refused(uri)


@pytest.mark.parametrize(("status", "reason"), [(403, "access denied"), (404, "it is not there")])
def test_refusals_are_one_line(uri: str, s3: ObjectStore, status: int, reason: str) -> None:
    s3.faults({"method": "GET", "status": status})
    assert refused(uri).startswith(reason)
    assert len(s3.asked("GET")) == 1
    assert stamp_of_remote(uri) is not None
    s3.faults({"status": status})
    assert stamp_of_remote(uri) is None


@pytest.mark.usefixtures("s3")
def test_who_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the server cannot be reached (Connection refused)" in refused("http://127.0.0.1:1/a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    bucket._client.cache_clear()
    assert refused("s3://bucket/a").startswith("127.0.0.1:1 cannot be reached")


def test_a_server_that_comes_back_is_waited_for(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"{s3.address}/bucket/{WEB_KEY}"
    s3.put(KEY, CONTENT)
    monkeypatch.undo()
    s3.control(down=0.5)
    assert read(uri) == CONTENT


def test_a_stamp_is_another_for_another_content(uri: str, s3: ObjectStore) -> None:
    first = stamp_of_remote(uri)
    assert first is not None
    assert first.endswith(":400000")
    s3.put(KEY, CONTENT[::-1])
    assert stamp_of_remote(uri) not in (first, None)
    s3.client.delete_object(Bucket="bucket", Key=KEY)
    assert stamp_of_remote(uri) is None


def test_a_stamp_by_time_and_none(s3: ObjectStore) -> None:
    s3.put("a", CONTENT)
    uri = f"{s3.address}/bucket/a"
    s3.faults({"headers": {"ETag": 'W/"1"', "Last-Modified": "Sat, 01 Jan 2022 00:00:00 GMT"}})
    assert stamp_of_remote(uri) == "Sat, 01 Jan 2022 00:00:00 GMT:400000"
    s3.faults({"headers": {"ETag": None, "Last-Modified": None}})
    assert stamp_of_remote(uri) is None


def test_names_without_a_query() -> None:
    assert stored_name("https://e.org/x/a.jsonl.zst?download=true#b") == "/x/a.jsonl.zst"
    assert stored_name("s3://bucket/a?b#c.zst") == "s3://bucket/a?b#c.zst"


@pytest.mark.parametrize(
    "uri",
    [
        f"https://me:{SECRET}@e.org/a.jsonl",
        f"https://{SECRET}@e.org/a.jsonl",
        f"s3://key:{SECRET}@bucket/a.jsonl",
        f"s3://{SECRET}@bucket/*.jsonl",
        f"ftp://me:{SECRET}@e.org/a.jsonl",
        f"https://e.org/a.jsonl?X-Amz-Algorithm=x&X-Amz-Signature={SECRET}",
        f"https://e.org/a.jsonl?sv=1&sig={SECRET}",
        f"https://e.org/a.jsonl?access_token={SECRET}",
        f"https://e.org/a.jsonl?api_key={SECRET}",
        f"https://me:{SECRET}@[::1/a",
    ],
)
def test_an_address_with_a_secret_is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(RecipeError, match=r"^here: [^\n]*$") as raised:
        check_address("here", uri)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "uri",
    [
        "https://e.org/a.jsonl?download=true",
        "https://e.org/a@b.jsonl",
        "s3://bucket/a@b:c?sig=1.jsonl",
        "sftp://me@e.org/a.jsonl",
    ],
)
def test_an_address_without_one_passes(uri: str) -> None:
    check_address("here", uri)
