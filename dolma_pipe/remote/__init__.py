"""Files elsewhere that are read, never written: on object stores (s3://) and web servers (http://,
https://)."""

from dolma_pipe.remote.addresses import check_address, is_address, is_s3, is_web, stored_name
from dolma_pipe.remote.file import RemoteFile
from dolma_pipe.remote.opening import open_remote
from dolma_pipe.remote.stamps import stamp_of_remote, stamps_of_remote

__all__ = [
    "RemoteFile",
    "check_address",
    "is_address",
    "is_s3",
    "is_web",
    "open_remote",
    "stamp_of_remote",
    "stamps_of_remote",
    "stored_name",
]
