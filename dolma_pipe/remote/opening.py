"""An address, opened."""

from typing import IO, cast

from dolma_pipe.remote.addresses import is_s3, is_web
from dolma_pipe.remote.file import RemoteFile
from dolma_pipe.remote.s3 import S3Object
from dolma_pipe.remote.web import WebFile


def open_remote(uri: str) -> IO[bytes]:
    """The bytes of a file elsewhere as they are stored: s3:// and web servers by readers of ours,
    whose errors are told in remote/file.py, all else by smart-open, which has its own."""
    if is_s3(uri):
        return cast(IO[bytes], RemoteFile(S3Object(uri)))
    if is_web(uri):
        return cast(IO[bytes], RemoteFile(WebFile(uri)))
    import smart_open

    opened: IO[bytes] = smart_open.open(uri, "rb", compression="disable")
    return opened
