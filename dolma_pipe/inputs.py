"""The input files of a source: patterns expanded, each file known to be readable, and a short
unique name for each shard."""

import glob
import hashlib
import importlib.util
import os
import stat
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from dolma_pipe.errors import MissingExtra, RecipeError
from dolma_pipe.stream import GZIP_ENDINGS, ZSTD_ENDINGS

ENDINGS = (*ZSTD_ENDINGS, *GZIP_ENDINGS, ".jsonl", ".json")
LONGEST_NAME = 180
"""Bytes of a shard's name: files carry it with endings of ours, in 255 bytes."""

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = tuple(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))
"""Frames of metadata that may precede the first frame of data (RFC 8878, 3.1.2)."""

KINDS = {
    GZIP: "a gzip file",
    ZSTD: "a zstd file",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\0": "an xz file",
    b"\x04\x22\x4d\x18": "an lz4 file",
    b"PK\x03\x04": "a zip file",
}
"""How files begin that are often taken for JSONL."""

HEAD = 512
"""Bytes of a file that are looked at."""


class Input(msgspec.Struct, frozen=True):
    """One shard of a source. key: <source>/<name>, unique in the recipe."""

    source: str
    key: str
    uri: str


def find_inputs(source: str, patterns: str | list[str]) -> tuple[Input, ...]:
    """The shards of a source in the order of their names.

    Raises RecipeError for a pattern without files, what is no file of JSONL (plain, gzip, zstd),
    and a file that is found twice; MissingExtra for an address whose package is not installed.
    """
    place = f"sources.{source}.documents"
    given = [patterns] if isinstance(patterns, str) else patterns
    if not given:
        raise RecipeError(f"{place}: at least one file or pattern is needed")
    uris = [uri for pattern in given for uri in _expand(place, pattern)]
    _refuse_repeats(place, uris)
    named = sorted(zip(_shard_names(uris), uris, strict=True))
    return tuple(Input(source, f"{source}/{name}", uri) for name, uri in named)


def _expand(place: str, pattern: str) -> list[str]:
    if "://" in pattern:
        _check_url(place, pattern)
        return [pattern]
    if not pattern or "\0" in pattern:
        raise RecipeError(f"{place}: {pattern!a} is no file name")
    if os.path.isdir(pattern):  # noqa: PTH112  no error for a name that is too long
        raise RecipeError(
            f"{place}: {pattern} is a directory; write {pattern.rstrip('/')}/*.jsonl.zst"
        )
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  absolute and relative alike
    if not found:
        raise RecipeError(f"{place}: no file matches {pattern}")
    for uri in found:
        _check_file(place, uri)
    return found


def _check_url(place: str, url: str) -> None:
    """Something here can open such an address; whether it is there is seen when it is read."""
    import smart_open.transport  # wanted only where a recipe has an address

    if "*" in url:
        raise RecipeError(f"{place}: {url}: only local files have patterns, list the addresses")
    try:
        scheme = urlsplit(url).scheme
        if not scheme:
            raise NotImplementedError  # to smart-open it is a local file
        smart_open.transport.get_transport(scheme)
    except ImportError:
        if scheme.startswith("s3") and importlib.util.find_spec("boto3") is None:
            raise MissingExtra("s3", "boto3") from None
        raise RecipeError(
            f"{place}: the package that opens {scheme}:// is not installed; "
            "see the extras of smart-open"
        ) from None
    except (NotImplementedError, ValueError):
        known = ", ".join(filter(None, smart_open.transport.SUPPORTED_SCHEMES))
        raise RecipeError(f"{place}: nothing opens {url} (known: {known})") from None


def _check_file(place: str, path: str) -> None:
    """Raise RecipeError for what cannot be read as JSONL, before any worker tries."""
    told = f"{place}: {os.fsencode(path).decode(errors='backslashreplace')}"
    if not _is_utf8(path):
        raise RecipeError(f"{told}: the name is not UTF-8")
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise RecipeError(f"{told} is a directory")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
            raise RecipeError(f"{told} is no regular file")
        with Path(path).open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise RecipeError(f"{told} cannot be read: {error.strerror or error}") from None
    if wrong := _mistaken(path.lower(), head):
        raise RecipeError(f"{told} {wrong}")


def _is_utf8(name: str) -> bool:
    """File names that are not come with lone surrogates, which no JSON can carry."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mistaken(name: str, head: bytes) -> str | None:
    """Why a file of this name (in small letters) cannot be what its first bytes say."""
    kind = next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None)
    if name.endswith(ZSTD_ENDINGS):
        expected, magics = "zstd", (ZSTD, *ZSTD_SKIPPABLE)
    elif name.endswith(GZIP_ENDINGS):
        expected, magics = "gzip", (GZIP,)
    elif kind in (KINDS[GZIP], KINDS[ZSTD]):
        return f"is {kind}, but its name does not end in {'.gz' if kind == KINDS[GZIP] else '.zst'}"
    elif kind:
        return f"is {kind}, JSONL (plain, .gz, .zst) is read"
    elif b"\0" in head:
        return "is a binary file, JSONL (plain, .gz, .zst) is read"
    else:
        return None
    # a file that was cut inside of its first bytes is left to the reader, which counts it
    if any(head.startswith(magic[: len(head)]) for magic in magics):
        return None
    return f"is {kind or f'no {expected} file'}, but its name ends in {Path(name).suffix}"


def _refuse_repeats(place: str, uris: list[str]) -> None:
    """No document is read twice: neither through two patterns nor through a link."""
    first: dict[str, str] = {}
    for uri in uris:
        file = uri if "://" in uri else os.path.realpath(uri)
        if file in first:
            told = f"{uri} is there twice" if first[file] == uri else f"{uri} is {first[file]}"
            raise RecipeError(f"{place}: {told}, the patterns overlap")
        first[file] = uri


def _shard_names(uris: list[str]) -> list[str]:
    """A name for each file, no two alike even where case does not count.

    The file's name without endings; with its folders where that repeats in the source, and with a
    hash of its path where even that does.
    """
    places = _places(uris)
    hashes = [
        hashlib.sha256((uri if "://" in uri else place).encode()).hexdigest()[:12]
        for uri, place in zip(uris, places, strict=True)
    ]
    short = [_without_endings(Path(uri).name) for uri in uris]
    seen = Counter(name.casefold() for name in short)
    names = [
        name if seen[name.casefold()] == 1 else place.replace(os.sep, "__")
        for name, place in zip(short, places, strict=True)
    ]
    for i, name in enumerate(names):
        if len(name.encode()) > LONGEST_NAME:
            names[i] = f"{name.encode()[: LONGEST_NAME - 40].decode(errors='ignore')}-{hashes[i]}"
    while repeated := {name for name, n in Counter(map(str.casefold, names)).items() if n > 1}:
        # one round, but for a file whose own name ends in the hash of another
        names = [
            f"{name}-{digest}" if name.casefold() in repeated else name
            for name, digest in zip(names, hashes, strict=True)
        ]
    return names


def _places(uris: list[str]) -> list[str]:
    """Each path from the folder that all have in common; addresses count as folders of the root.

    Links are followed up to the file's folder, so that two files have two places.
    """
    rooted = [
        Path("/" + uri.replace("://", "/"))
        if "://" in uri
        else Path(uri).parent.resolve() / Path(uri).name
        for uri in uris
    ]
    common = os.path.commonpath([path.parent for path in rooted])
    return [os.path.relpath(path, common) for path in rooted]


def _without_endings(name: str) -> str:
    stem = name
    for ending in ENDINGS:
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
    return stem or name
