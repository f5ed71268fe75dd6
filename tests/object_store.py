"""An S3 server on this machine, a process of its own (see object_server.py), which notes every
request and fails where a test asks for it."""

import atexit
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.store import bucket

pytest.importorskip("boto3", reason="needs the extra s3: pip install 'dolma-pipe[s3]'")
pytest.importorskip("moto", reason="needs moto: pip install 'moto[s3]' flask flask-cors")
pytest.importorskip("flask_cors", reason="needs moto's server: pip install flask flask-cors")

SECRET = "sekrit-of-the-test"
SERVER = Path(__file__).with_name("object_server.py")

Fault = Callable[[str, str], int | dict[str, Any] | None]
"""What goes wrong with a request (method, path): a status, a Fault of object_server, or nothing."""


class ObjectStore:
    """The server, with what it was asked: (method, path) in order, failed requests too."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        self.address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        self.client: Any = None
        """boto3, for what a test does behind our back."""
        self._fault: Fault | None = None
        self._broken: Exception | None = None
        threading.Thread(target=self._answer, daemon=True).start()

    def faults(self, *faults: dict[str, Any]) -> None:
        """What goes wrong from now on, see object_server.Fault."""
        self.control(faults=faults)

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        """Called in this process, before each request is answered, one after the other; it must ask
        nothing of the server itself."""
        self._fault = fault
        self.control(ask=fault is not None)

    @property
    def requests(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.control()]

    def asked(self, *methods: str) -> list[str]:
        """Paths of requests by these methods since the last `forget`."""
        return [path for method, path in self.requests if method in methods]

    def forget(self) -> None:
        """What was asked and what goes wrong, not what is stored."""
        self.control(forget=True)
        self._fault = None
        if self._broken is not None:
            broken, self._broken = self._broken, None
            raise AssertionError("the fault of a test has failed") from broken

    def files(self, place: str) -> dict[str, bytes]:
        """Name and content of every object below s3://bucket/prefix."""
        name, _, prefix = place.removeprefix("s3://").partition("/")
        listed = self.client.list_objects_v2(Bucket=name, Prefix=f"{prefix}/").get("Contents", [])
        keys = [item["Key"] for item in listed]
        return {
            key[len(prefix) + 1 :]: self.client.get_object(Bucket=name, Key=key)["Body"].read()
            for key in keys
        }

    def put(self, key: str, content: bytes) -> None:
        """Store an object in `bucket` that plain HTTP may read, too."""
        self.client.put_object(Bucket="bucket", Key=key, Body=content, ACL="public-read")

    def control(self, **told: Any) -> Any:
        """Tell the server something, or ask what it was asked."""
        content = json.dumps(told).encode() if told else None
        with urllib.request.urlopen(f"{self.address}/_control", content, timeout=60) as answer:
            return json.load(answer)

    def _answer(self) -> None:
        process = self._process
        assert process.stdout is not None
        assert process.stdin is not None
        for line in process.stdout:
            try:
                found = self._fault(*json.loads(line)) if self._fault else None
            except Exception as error:  # the server waits: it is told by the test's end
                found, self._broken = None, error
            fault = {"status": found} if isinstance(found, int) else found
            process.stdin.write(json.dumps(fault) + "\n")
            process.stdin.flush()


@cache
def started() -> ObjectStore:
    """One for all modules of tests: each has fixtures of its own."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER)],
        stdin=subprocess.PIPE,  # it ends when this process does
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(process.kill)
    return ObjectStore(process)


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
def server() -> ObjectStore:
    return started()


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
    server.forget()
    for page in server.client.get_paginator("list_objects_v2").paginate(Bucket="bucket"):
        for item in page.get("Contents", []):
            server.client.delete_object(Bucket="bucket", Key=item["Key"])
    bucket._client.cache_clear()
