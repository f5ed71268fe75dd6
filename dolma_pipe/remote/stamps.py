"""What a server says of a file without sending it: whether it is the one that was read before."""

from collections.abc import Iterable

from dolma_pipe.errors import StoreError
from dolma_pipe.remote.addresses import bucket_and_key, is_s3, is_web
from dolma_pipe.remote.file import patiently
from dolma_pipe.remote.web import WebFile
from dolma_pipe.store.base import Stamp
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.work.ahead import ahead

ATTEMPTS = 3
"""Without a stamp a file is read again, and who reads it is more patient."""


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
    return dict(zip(asked, ahead(stamp_of_remote, asked), strict=True))
