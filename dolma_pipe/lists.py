"""List files: words, domains or URLs, one a line, that taggers look up.

UTF-8, plain or gzip. White space around an entry, blank lines and lines that start with # are
passed over.
"""

import functools
import gzip
import zlib
from array import array
from collections.abc import Callable, Iterator
from io import TextIOWrapper

import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.blocklist import Blocklist, compile_blocklist
from dolma_pipe.kernels.strings import StringSet, string_set

ListFiles = str | tuple[str, ...]
"""A list file or several: each a path or the name of an asset."""

_GZIP = b"\x1f\x8b"


def list_names(files: ListFiles) -> tuple[str, ...]:
    """The names of the files; none of an empty setting."""
    return files if isinstance(files, tuple) else (files,) if files else ()


def load_words(
    place: str, files: ListFiles, normalise: Callable[[str], str] | None = None
) -> Blocklist:
    """The words and phrases of all files, as `normalise` gives them, read once a process.

    place: the setting, for errors. Raises AssetError where a file cannot be read or is empty.
    """
    return _load_words(place, _identities(place, files), normalise)


def load_strings(place: str, files: ListFiles, normalise: Callable[[str], str | None]) -> StringSet:
    """The entries of all files as `normalise` gives them (None or "" for no entry), read once a
    process. Errors as of load_words."""
    return _load_strings(place, _identities(place, files), normalise)


def read_entries(place: str, name: str) -> Iterator[str]:
    """The entries of a list file, an asset or a path. Raises AssetError."""
    try:
        with asset_path(name).open("rb") as file:
            raw = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP else file
            with TextIOWrapper(raw, "utf-8-sig", newline="\n") as lines:
                for line in lines:
                    entry = line.strip()
                    if entry and entry[0] != "#":
                        yield entry
    except UnicodeDecodeError as error:
        raise AssetError(f"{place}: {name} is not UTF-8: {error}") from error
    except (EOFError, zlib.error) as error:
        raise AssetError(f"{place}: {name} is damaged: {error}") from error
    except OSError as error:
        raise AssetError(f"{place}: {name} cannot be read: {error.strerror or error}") from error


Identity = tuple[str, int, int]
"""What a file is remembered by: one that was written anew is read anew."""


def _identities(place: str, files: ListFiles) -> tuple[Identity, ...]:
    found = []
    for name in list_names(files):
        try:
            stat = asset_path(name).stat()
        except OSError as error:
            raise AssetError(f"{place}: {name} cannot be read: {error.strerror}") from error
        found.append((name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


@functools.lru_cache(maxsize=16)
def _load_words(
    place: str, files: tuple[Identity, ...], normalise: Callable[[str], str] | None
) -> Blocklist:
    entries: list[str] = []
    for name, _, _ in files:
        found = [normalise(e) if normalise else e for e in read_entries(place, name)]
        if compile_blocklist(found).size == 0:
            raise AssetError(f"{place}: {name} holds no word")
        entries += found
    return compile_blocklist(entries)


@functools.lru_cache(maxsize=16)
def _load_strings(
    place: str, files: tuple[Identity, ...], normalise: Callable[[str], str | None]
) -> StringSet:
    data, ends = bytearray(), array("q", [0])
    for name, _, _ in files:
        before = len(ends)
        for entry in read_entries(place, name):
            if key := normalise(entry):
                data += key.encode()
                ends.append(len(data))
        if len(ends) == before:
            raise AssetError(f"{place}: {name} holds no entry")
    return string_set(np.frombuffer(bytes(data), np.uint8), np.frombuffer(ends, np.int64))
