"""What a server says of a file without sending it: whether it is the one that was read before."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from dolma_pipe.errors import StoreError
from dolma_pipe.remote.addresses import bucket_and_key, is_s3, is_web
from dolma_pipe.remote.file import patiently
from dolma_pipe.remote.web import WebFile
from dolma_pipe.store.base import Stamp
from dolma_pipe.store.bucket import Bucket

ATTEMPTS = 3
"""Without a stamp a file is read again, and who reads it is more patient."""
AT_ONCE = 32
"""Requests that are under way."""


def stamp_of_remote(uri: str) -> str | None:
    """ETag (or Last-Modified) and size; None where there is no such thing, or no file."""
    if is_s3(uri):
        bucket, key = bucket_and_key(uri)
        try:
            found = Bucket(f"s3://{bucket}").head(key)
        except StoreError:  # who reads it will tell why
            return None
        return told(found) if found else None
    if not is_web(uri):
        return None
    try:
        version = patiently(WebFile(uri).version, ATTEMPTS)
    except OSError:
        return None
    return None if None in version else f"{version.mark}:{version.size}"


def told(stamp: Stamp) -> str:
    """An object's, as it is remembered."""
    return f"{stamp.etag}:{stamp.size}"


def stamps_of_remote(uris: Iterable[str]) -> dict[str, str | None]:
    """Those of many files."""
    asked = list(uris)
    with ThreadPoolExecutor(min(AT_ONCE, max(1, len(asked)))) as threads:
        return dict(zip(asked, threads.map(stamp_of_remote, asked), strict=True))
