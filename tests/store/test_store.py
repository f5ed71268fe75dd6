"""Folders and buckets do the same; what a bucket refuses is one line without credentials."""

import io
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.errors import MissingExtra, RecipeError, StoreError, UserError
from dolma_pipe.store import Store, bucket, check_place, is_within, open_store
from tests.object_store import SECRET, ObjectStore, s3, server

__all__ = ["s3", "server"]

PLACES = ["folder", "s3://bucket/some/prefix", "s3://bucket"]


@pytest.fixture(params=PLACES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    request.getfixturevalue("s3")
    return open_store(request.param if "://" in request.param else str(tmp_path / request.param))


def put(store: Store, name: str, content: bytes) -> Any:
    return store.put(io.BytesIO(content), name)


def test_what_is_put_is_there(store: Store, tmp_path: Path) -> None:
    assert store.list("a") == {}
    stamp = put(store, "a/b/c d.npy", b"12345")
    assert stamp.size == 5
    assert store.head("a/b/c d.npy") == stamp
    assert store.read("a/b/c d.npy") == b"12345"
    (tmp_path / "x").write_bytes(b"777")
    with (tmp_path / "x").open("rb") as file:
        other = store.put(file, "a/x.npy")
    put(store, "ab/x.npy", b"")
    assert store.list("a") == {"a/b/c d.npy": stamp, "a/x.npy": other}
    assert list(store.list("")) == ["a/b/c d.npy", "a/x.npy", "ab/x.npy"]
    store.get("a/x.npy", tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == b"777"
    store.delete("a/x.npy")
    store.delete("a/x.npy")
    assert (store.head("a/x.npy"), store.read("a/x.npy")) == (None, None)
    store.remove_unfinished("a")
    assert list(store.list("a")) == ["a/b/c d.npy"]
    with pytest.raises(StoreError, match=r"^[^\n]*a/x.npy: [^\n]*$"):
        store.get("a/x.npy", tmp_path / "z")


def test_another_content_replaces_and_has_another_stamp(store: Store) -> None:
    first = put(store, "a", b"12345")
    second = put(store, "a", b"123456")
    assert first != second
    assert store.read("a") == b"123456"


def test_the_same_content_is_uploaded_once(s3: ObjectStore) -> None:
    store = open_store("s3://bucket/p")
    stamp = put(store, "a", b"12345")
    assert put(store, "a", b"12345") == stamp
    assert s3.asked("PUT") == ["/bucket/p/a"]
    s3.client.put_object(Bucket="bucket", Key="p/a", Body=b"12346")  # by somebody else
    assert put(store, "a", b"12345") == stamp
    assert store.read("a") == b"12345"


def test_large_files_go_in_pieces_and_leave_none(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "PIECE", 5 << 20)
    store, content = open_store("s3://bucket/p"), bytes(range(256)) * (45 << 10)
    stamp = put(store, "tokens/a", content)
    assert stamp.size == len(content)
    assert stamp.etag.endswith("-3")
    assert store.read("tokens/a") == content
    assert put(store, "tokens/a", content) == stamp
    assert len(s3.asked("PUT")) == 3
    pieces = 0

    def fault(method: str, path: str) -> int | None:
        nonlocal pieces
        pieces += method == "PUT" and path.endswith("/b")
        return 403 if pieces == 2 and method == "PUT" else None

    s3.fault = fault
    with pytest.raises(StoreError, match=r"^s3://bucket/p/tokens/b: access denied$"):
        put(store, "tokens/b", content)
    s3.forget()
    assert store.head("tokens/b") is None
    assert unfinished(s3) == []
    s3.client.create_multipart_upload(Bucket="bucket", Key="p/tokens/c")  # and then kill -9
    s3.client.create_multipart_upload(Bucket="bucket", Key="p/other")
    store.remove_unfinished("tokens")
    assert unfinished(s3) == ["p/other"]


def unfinished(s3: ObjectStore) -> list[str]:
    answer = s3.client.list_multipart_uploads(Bucket="bucket")
    return [upload["Key"] for upload in answer.get("Uploads", [])]


@pytest.mark.parametrize("status", [500, 503])
def test_what_fails_twice_is_tried_again(s3: ObjectStore, status: int) -> None:
    failed: list[tuple[str, str]] = []

    def fault(method: str, path: str) -> int | None:
        failed.append((method, path))
        return status if failed.count((method, path)) < 3 else None

    s3.fault = fault
    stamp = put(open_store("s3://bucket/p"), "a", b"12345")
    assert stamp.size == 5
    assert failed.count(("PUT", "/bucket/p/a")) == 3


def told(store: Store) -> str:
    with pytest.raises(UserError) as raised:
        put(store, "a", b"12345")
    text = str(raised.value)
    assert "\n" not in text
    assert SECRET not in text
    return text


def test_refusals_are_one_line(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("s3://bucket/p")
    for status, reason in ((403, "access denied"), (500, "InternalError: no")):
        s3.fault = lambda method, _, status=status: status if method == "PUT" else None  # type: ignore[misc]
        assert told(store) == f"s3://bucket/p/a: {reason}"
    s3.forget()
    assert told(open_store("s3://no-such-bucket/p")).endswith("p/a: there is no such bucket")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for address, reason in (
        ("http://me:hidden@127.0.0.1:1", "127.0.0.1:1 cannot be reached (EndpointConnectionError)"),
        ("me:hidden@x", "AWS_ENDPOINT_URL is no address: http://host:port"),
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        bucket._client.cache_clear()
        assert told(store).endswith(reason)


@pytest.mark.usefixtures("s3")
def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    bucket._client.cache_clear()
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert "no credentials: set AWS_ACCESS_KEY_ID" in told(open_store("s3://bucket/p"))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_store(str(tmp_path / "file"))
    for action in (lambda: put(store, "a", b""), lambda: store.delete("a")):
        with pytest.raises(StoreError, match=r"Not a directory|File exists"):
            action()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("", "'' is no folder"),
        ("a\0b", "is no folder"),
        ("gs://bucket/x", "neither a folder nor s3://bucket/prefix"),
        ("s3:/bucket/x", "object stores are s3://bucket/prefix here"),
        ("s3://", "neither"),
        ("s3://bucket/x?versionId=3", "neither"),
        (f"s3://key:{SECRET}@bucket/x", "credentials do not belong into an address"),
    ],
)
def test_places_that_are_none(place: str, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason) as raised:
        check_place(place)
    assert SECRET not in str(raised.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_place("s3://bucket")
    check_place("some/folder")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"boto3 is not installed: pip install 'dolma-pipe\[s3"):
        check_place("s3://bucket")


def test_what_lies_within(tmp_path: Path) -> None:
    assert is_within("s3://b/tokens/web/x", "s3://b/tokens")
    assert not is_within("s3://b/tokens2/web/x", "s3://b/tokens")
    assert not is_within(str(tmp_path / "ab/c"), str(tmp_path / "a"))
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert is_within(str(tmp_path / "link/c"), str(tmp_path / "a"))


def test_a_conditional_write_that_met_another_is_tried_again(s3: ObjectStore) -> None:
    store = bucket.Bucket("s3://bucket/run")
    s3.faults({"method": "PUT", "path": "/bucket/run/record", "count": 2, "status": 409})
    assert store.create("record", b"ours") is not None
    assert s3.files("s3://bucket/run") == {"record": b"ours"}
    assert store.create("record", b"theirs") is None


@pytest.mark.parametrize(
    "place", ["S3://bucket/run", "s3:/bucket/run", "s3//bucket/run", "s3a://b/r"]
)
def test_what_was_meant_for_an_object_store_makes_no_folder(place: str) -> None:
    with pytest.raises(RecipeError, match="object stores are s3://bucket/prefix here"):
        check_place(place)
    check_place("s3/bucket/run")


def test_an_answer_that_breaks_off_is_asked_for_again(s3: ObjectStore) -> None:
    store = bucket.Bucket("s3://bucket/run")
    store.create("record", b"0123456789" * 100)
    s3.faults({"method": "GET", "path": "record", "reset": 10, "count": 2})
    assert store.read("record") == b"0123456789" * 100
    s3.faults({"method": "GET", "path": "record", "close": 3, "count": 2})
    assert store.read_range("record", 5, 7) == b"5678901"
