"""The work directory: where each pass puts what, on this machine or on an object store. A file
appears there whole, or not at all.

Paths below s3://bucket are Paths, too (Path("s3://bucket/run") / "curated"): they can be joined and
told to tasks on other machines like all others, but only the functions of this package open them.
"""

from dolma_pipe.atomic import TEMPORARY, atomic_folder, remove_temporaries
from dolma_pipe.work.ahead import AT_ONCE, ahead
from dolma_pipe.work.files import (
    address,
    all_here,
    atomic_write,
    clear_unfinished,
    exists,
    files_below,
    held,
    here,
    is_remote,
    read_all,
    read_bytes,
    read_range,
    remove,
    remove_all,
    remove_tree,
    size_of,
    sizes_below,
    write_new,
)
from dolma_pipe.work.json_files import json_file, read_json, readable_json, write_json
from dolma_pipe.work.paths import Work, lies_below
from dolma_pipe.work.spool import release, scratch

__all__ = [
    "AT_ONCE",
    "TEMPORARY",
    "Work",
    "address",
    "ahead",
    "all_here",
    "atomic_folder",
    "atomic_write",
    "clear_unfinished",
    "exists",
    "files_below",
    "held",
    "here",
    "is_remote",
    "json_file",
    "lies_below",
    "read_all",
    "read_bytes",
    "read_json",
    "read_range",
    "readable_json",
    "release",
    "remove",
    "remove_all",
    "remove_temporaries",
    "remove_tree",
    "scratch",
    "size_of",
    "sizes_below",
    "write_json",
    "write_new",
]
