"""A bucket on S3, or on whatever speaks its protocol, as a store. boto3 finds credentials, region
and AWS_ENDPOINT_URL in the usual places; botocore tries again with backoff."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from dolma_pipe.errors import MissingExtra, StoreError, WorkError
from dolma_pipe.store.base import Content, Stamp, Store
from dolma_pipe.store.refusals import MEANINGS, is_contested, is_missing, is_taken, reason

ATTEMPTS = 6
"""With the waits of botocore's standard mode some 15 s until a store counts as dead, unless the
environment has AWS_MAX_ATTEMPTS or AWS_RETRY_MODE."""
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60
"""Seconds without an answer, or without a byte of it, until a request counts as failed."""
WAIT = 0.1
"""Seconds until an answer that broke off is asked for again, twice as many each time."""
PIECE = 8 << 20
"""Of a multipart upload; boto3 takes larger ones where 10,000 are not enough."""
UPLOADS_AT_ONCE = 4
CONNECTIONS = 48
"""Kept open at the most; threads of a process that ask for more at once would wait."""
DELETED_AT_ONCE = 1000
"""The most that DeleteObjects takes."""
SHA256 = "sha256"
"""Metadata of each object: what is in it is known without fetching it, whatever its etag is."""

_making = threading.Lock()
"""boto3 makes one client at a time; all threads may use it."""


class _There(NamedTuple):
    stamp: Stamp
    sha256: str | None


class Bucket(Store):
    """s3://bucket/prefix."""

    def __init__(self, uri: str) -> None:
        self.place = uri.rstrip("/")
        self._bucket, _, prefix = self.place.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def put(self, file: Content, name: str) -> Stamp:
        digest, size = hashlib.file_digest(file, "sha256").hexdigest(), file.seek(0, os.SEEK_END)
        there = self._there(name)
        if there is None or (there.sha256, there.stamp.size) != (digest, size):
            file.seek(0)
            self._upload(file, name, digest)
            there = self._there(name)
        if there is None or (there.sha256, there.stamp.size) != (digest, size):
            raise StoreError(f"{self.place}/{name}: somebody else writes there, too")
        return there.stamp

    def overwrite(self, file: Content, name: str) -> Stamp:
        """Store all of a file, whatever is there: in a single request where it is small. botocore
        sends a checksum along, which the store compares."""
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size > PIECE:
            return self.put(file, name)
        with self._asked(name) as client:
            answer = client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=file)
        return Stamp(size, answer["ETag"].strip('"'))

    def get(self, name: str, path: Path) -> None:
        try:
            with self._asked(name) as client:
                client.download_file(self._bucket, self._prefix + name, str(path))
        except OSError as error:
            raise WorkError(f"cannot write {path}: {error.strerror or error}") from error

    def read(self, name: str) -> bytes | None:
        found = self._content(name)
        return found and found[0]

    def head(self, name: str) -> Stamp | None:
        there = self._there(name)
        return there and there.stamp

    def list(self, folder: str) -> dict[str, Stamp]:
        return self.beginning_with(f"{folder}/" if folder else "")

    def beginning_with(self, start: str) -> dict[str, Stamp]:
        """Every file whose name begins so, by name; sorted."""
        found = {}
        with self._asked(start.rstrip("/")) as client:
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + start):
                for item in page.get("Contents", ()):
                    name = item["Key"][len(self._prefix) :]
                    found[name] = Stamp(item["Size"], item["ETag"].strip('"'))
        return dict(sorted(found.items()))

    def delete(self, name: str) -> None:
        with self._asked(name) as client:
            client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def delete_all(self, names: Sequence[str]) -> None:
        """Remove many files, as many as there are."""
        for some in (names[i : i + DELETED_AT_ONCE] for i in range(0, len(names), DELETED_AT_ONCE)):
            objects = [{"Key": self._prefix + name} for name in some]
            with self._asked(some[0]) as client:
                answer = client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            for refused in answer.get("Errors", ()):
                told = MEANINGS.get(refused["Code"], refused["Code"])
                raise StoreError(f"{self.place}/{refused['Key'][len(self._prefix) :]}: {told}")

    def create(self, name: str, content: bytes) -> str | None:
        """Store a small file that is not there yet (If-None-Match: *): its etag; None where it
        is."""
        return self._put_if(name, content, IfNoneMatch="*")

    def replace(self, name: str, content: bytes, etag: str) -> str | None:
        """Store a small file in the place of this version of it (If-Match): the new etag; None
        where there is another, or none."""
        return self._put_if(name, content, IfMatch=f'"{etag}"')

    def _put_if(self, name: str, content: bytes, **condition: str) -> str | None:
        from botocore.exceptions import ClientError

        with self._asked(name) as client:
            for _ in range(ATTEMPTS):
                try:
                    answer = client.put_object(
                        Bucket=self._bucket, Key=self._prefix + name, Body=content, **condition
                    )
                    return str(answer["ETag"].strip('"'))
                except ClientError as error:
                    if is_taken(error) or is_missing(error):
                        return None
                    if not is_contested(error):
                        raise
        raise StoreError(f"{self.place}/{name}: others keep writing there at the same time")

    def read_with_etag(self, name: str) -> tuple[bytes, str] | None:
        """A small file and its etag; None where it is not there."""
        return self._content(name)

    def is_empty(self) -> bool:
        """Whether there is no file at all."""
        with self._asked("") as client:
            answer = client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        return not answer.get("Contents")

    def read_range(self, name: str, start: int, size: int) -> bytes | None:
        """Some bytes of a file, fewer at its end; None where it is not there."""
        if size == 0:
            return b""
        found = self._content(name, Range=f"bytes={start}-{start + size - 1}")
        return found and found[0]

    def _content(self, name: str, **wanted: str) -> tuple[bytes, str] | None:
        """Of a file or a range, with its etag. botocore does not try again where the connection
        breaks in the middle of an answer."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        with self._asked(name) as client, _or_none() as found:
            for left in reversed(range(ATTEMPTS)):
                answer = client.get_object(Bucket=self._bucket, Key=self._prefix + name, **wanted)
                try:
                    found.append((answer["Body"].read(), answer["ETag"].strip('"')))
                    break
                except (HTTPClientError, IncompleteReadError):
                    if not left:
                        raise
                    time.sleep(WAIT * 2 ** (ATTEMPTS - 1 - left))
        return found[0] if found else None

    def remove_unfinished(self, folder: str) -> None:
        """Uploads in pieces that were never finished: nobody sees them, somebody pays for them.

        Not every store lists them, nor to everybody: then a lifecycle rule has to remove them.
        """
        prefix = self._prefix + (f"{folder}/" if folder else "")
        with suppress(StoreError), self._asked(folder) as client:
            pages = client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for upload in page.get("Uploads", ()):
                    client.abort_multipart_upload(
                        Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )

    def _there(self, name: str) -> _There | None:
        with self._asked(name) as client, _or_none() as found:
            answer = client.head_object(Bucket=self._bucket, Key=self._prefix + name)
            stamp = Stamp(answer["ContentLength"], answer["ETag"].strip('"'))
            found.append(_There(stamp, answer["Metadata"].get(SHA256)))
        return found[0] if found else None

    def _upload(self, file: Content, name: str, digest: str) -> None:
        """boto3 aborts an upload in pieces that fails; the object appears when the last is in."""
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=PIECE, multipart_chunksize=PIECE, max_concurrency=UPLOADS_AT_ONCE
        )
        with self._asked(name) as client:
            client.upload_fileobj(
                file,
                self._bucket,
                self._prefix + name,
                ExtraArgs={"Metadata": {SHA256: digest}},
                Config=config,
            )

    @contextmanager
    def _asked(self, name: str) -> Iterator[Any]:
        """The client; what it is refused becomes one line."""
        with _told(f"{self.place}/{name}"):
            yield _client()


@contextmanager
def _or_none() -> Iterator[list[Any]]:
    """Somewhere to put an answer; it stays empty where the object is not there."""
    from botocore.exceptions import ClientError

    found: list[Any] = []
    try:
        yield found
    except ClientError as error:
        if not is_missing(error):
            raise


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise MissingExtra("s3", "boto3") from None
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise StoreError(f"{place}: {reason(error)}") from error


@lru_cache(maxsize=1)
def _client() -> Any:
    """One a process: making it takes longer than most requests."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    own = {"AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} & os.environ.keys()
    config = Config(
        retries=None if own else retries,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=CONNECTIONS,
    )
    try:
        with _making:
            return boto3.client("s3", config=config)
    except ValueError:  # botocore says it with the address, which may hold a password
        raise StoreError("AWS_ENDPOINT_URL is no address: http://host:port") from None


def client() -> Any:
    """boto3's, for readers of ours: its errors are told by refusals.reason. Raises StoreError."""
    return _client()
