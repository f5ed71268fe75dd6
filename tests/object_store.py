"""An S3 server on this machine: moto behind real HTTP, which notes every request and fails where a
test asks for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pytest

from dolma_pipe.store import bucket

pytest.importorskip("boto3", reason="needs the extra s3: pip install 'dolma-pipe[s3]'")
pytest.importorskip("moto", reason="needs moto: pip install 'moto[s3]' flask flask-cors")
pytest.importorskip("flask_cors", reason="needs moto's server: pip install flask flask-cors")

SECRET = "sekrit-of-the-test"
MESSAGES = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}

Fault = Callable[[str, str], int | None]
"""What a request (method, path) is answered with instead, or None."""


def no_fault(_method: str, _path: str) -> int | None:
    return None


class ObjectStore:
    """The server, with what it was asked: (method, path) in order, failed requests too."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.requests: list[tuple[str, str]] = []
        self.fault: Fault = no_fault
        self.address = ""
        self.client: Any = None
        """boto3, for what a test does behind our back."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])
        path += "?uploads" if environ["QUERY_STRING"].startswith("uploads") else ""
        self.requests.append((method, path))
        status = self.fault(method, path)
        if status is None:
            return self._app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response(f"{status} Refused", [("Content-Type", "application/xml")])
        return [f"<Error><Code>{MESSAGES[status]}</Code><Message>no</Message></Error>".encode()]

    def asked(self, *methods: str) -> list[str]:
        """Paths of requests by these methods since the last `forget`."""
        return [path for method, path in self.requests if method in methods]

    def forget(self) -> None:
        """What was asked and what goes wrong, not what is stored."""
        self.requests, self.fault = [], no_fault

    def files(self, place: str) -> dict[str, bytes]:
        """Name and content of every object below s3://bucket/prefix."""
        name, _, prefix = place.removeprefix("s3://").partition("/")
        listed = self.client.list_objects_v2(Bucket=name, Prefix=f"{prefix}/").get("Contents", [])
        keys = [item["Key"] for item in listed]
        return {
            key[len(prefix) + 1 :]: self.client.get_object(Bucket=name, Key=key)["Body"].read()
            for key in keys
        }


@contextmanager
def serving() -> Iterator[ObjectStore]:
    """A server on a free port until the block ends."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: Any) -> None: ...

    store = ObjectStore(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Quiet)
    store.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environment(address: str) -> dict[str, str]:
    """What boto3 reads."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key-of-the-test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "3",
        "AWS_RETRY_MODE": "standard",
    }


@pytest.fixture(scope="session")
def server() -> Iterator[ObjectStore]:
    with serving() as store:
        yield store


@pytest.fixture
def s3(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """The server with an empty bucket `bucket`, and the environment that leads there."""
    for name, value in environment(server.address).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    bucket._client.cache_clear()
    server.client = bucket._client()
    server.client.create_bucket(Bucket="bucket")
    server.forget()
    yield server
    server.fault = no_fault
    for page in server.client.get_paginator("list_objects_v2").paginate(Bucket="bucket"):
        for item in page.get("Contents", []):
            server.client.delete_object(Bucket="bucket", Key=item["Key"])
    bucket._client.cache_clear()
