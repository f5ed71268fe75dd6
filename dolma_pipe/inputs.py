"""The input files of a source: patterns expanded, each file known to be readable, and a short
unique name for each shard."""

import glob
import hashlib
import os
import stat
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.folders import data_files
from dolma_pipe.formats import arrow, parquet
from dolma_pipe.formats.detect import (
    ARROW_ENDINGS,
    COMPRESSED,
    HEAD,
    JSONL_ENDINGS,
    PARQUET_ENDINGS,
    Mistaken,
    format_of,
    named_format,
)
from dolma_pipe.formats.html import check_installed
from dolma_pipe.formats.reading import ColumnNames, FormatName, Reading
from dolma_pipe.formats.rows import WrongColumn
from dolma_pipe.objects import objects_of
from dolma_pipe.remote import check_address, is_address, is_s3, is_web, stored_name
from dolma_pipe.store import check_place, mistyped

ENDINGS = (
    *COMPRESSED,
    *JSONL_ENDINGS,
    *PARQUET_ENDINGS,
    *ARROW_ENDINGS,
    *(".wet", ".wat", ".warc"),
)
LONGEST_NAME = 180
"""Bytes of a shard's name: files carry it with endings of ours, in 255 bytes."""


class Input(msgspec.Struct, frozen=True):
    """One shard of a source. key: <source>/<name>, unique in the recipe.

    stamp, size: what a listing has told of it, as manifest.stamp_of does, and in bytes.
    """

    source: str
    key: str
    uri: str
    format: FormatName = "jsonl"
    stamp: str | None = None
    size: int | None = None

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of the file: as listed, or of one on this machine; None where neither tells."""
        if self.size is not None or is_address(self.uri):
            return self.size
        try:
            return Path(self.uri).stat().st_size
        except OSError:
            return None


def find_inputs(
    source: str,
    patterns: str | list[str],
    reading: Reading = Reading(),  # noqa: B008  frozen
    splits: tuple[str, ...] = (),
) -> tuple[Input, ...]:
    """The shards of a source in the order of their names.

    Raises RecipeError for a pattern without files, what is no file of a format that is read or not
    of the one that is asked for, columns that are not there, and a file that is found twice;
    MissingExtra for an address or a format whose package is not installed.
    """
    place = f"sources.{source}.documents"
    given = [patterns] if isinstance(patterns, str) else patterns
    if not given:
        raise RecipeError(f"{place}: at least one file or pattern is needed")
    asked = None if reading.format == "auto" else reading.format
    for pattern in given:  # before anything shows one
        if is_address(pattern):
            _check_url(place, pattern)
    objects = objects_of(place, given, asked, splits)
    uris: list[str] = []
    for pattern in given:
        uris += objects.found.get(pattern) or _expand(place, pattern, asked, splits)
    if splits and not any(_is_folder(pattern) or pattern in objects.folders for pattern in given):
        raise RecipeError(f"sources.{source}.split: chooses among the files of a directory")
    formats = {uri: _format(place, uri, asked) for uri in uris}
    _refuse_repeats(place, uris)
    named = sorted(zip(_shard_names(uris), uris, strict=True))
    found = tuple(
        Input(source, f"{source}/{name}", uri, formats[uri], *objects.told(uri))
        for name, uri in named
    )
    _check_reading(f"sources.{source}", found, reading)
    return found


def _is_folder(pattern: str) -> bool:
    return not is_address(pattern) and os.path.isdir(pattern)  # noqa: PTH112  no error for a long name


def _expand(
    place: str, pattern: str, asked: FormatName | None, splits: tuple[str, ...]
) -> list[str]:
    if is_address(pattern):
        return [pattern]
    if not pattern or "\0" in pattern:
        raise RecipeError(f"{place}: {pattern!a} is no file name")
    if _is_folder(pattern):
        return data_files(place, pattern, asked, splits)
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  absolute and relative alike
    if not found:
        hint = " (object stores are s3://bucket/...)" if mistyped(pattern) else ""
        raise RecipeError(f"{place}: no file matches {pattern}{hint}")
    return found


def _check_reading(place: str, inputs: tuple[Input, ...], reading: Reading) -> None:
    """Settings that no file of the source has a use for are a mistake; columns must be there."""
    formats = {item.format for item in inputs}
    tables = bool(formats & {"parquet", "arrow"})
    if reading.messages and "warc" in formats:
        raise RecipeError(f"{place}.messages: there are no conversations in WARC files")
    for setting, used in (
        ("columns", tables or reading.columns == ColumnNames()),
        ("html", "warc" in formats or reading.html == Reading().html),
        ("check_digests", "warc" in formats or not reading.check_digests),
    ):
        if not used:
            of = "Parquet or Arrow" if setting == "columns" else "WARC"
            told = ", ".join(sorted(formats))
            raise RecipeError(f"{place}.{setting}: is for {of}, the documents are {told}")
    if any(item.format == "warc" and ".wet" not in item.uri.lower() for item in inputs):
        check_installed(reading.html)
    looked = False
    for item in inputs:
        if item.format in ("parquet", "arrow") and not (looked and is_address(item.uri)):
            looked = looked or is_address(item.uri)  # at one of them, the others cost time
            module = parquet if item.format == "parquet" else arrow
            try:
                module.check_columns(item.uri, reading.columns, messages=reading.messages)
            except WrongColumn as wrong:
                raise RecipeError(f"{place}.columns{wrong} in {item.uri}") from None


def _check_url(place: str, url: str) -> None:
    """Something here can open such an address; whether it is there is seen when it is read."""
    check_address(place, url)
    if mistyped(url):
        raise RecipeError(f"{place}: {url}: object stores are s3:// here, in small letters")
    if "*" in url and not is_s3(url):
        raise RecipeError(
            f"{place}: {url}: only local files and s3:// have patterns, list the addresses"
        )
    if is_s3(url):
        check_place(url.partition("?")[0].partition("#")[0])
    elif not is_web(url):
        _check_transport(place, url)


def _check_transport(place: str, url: str) -> None:
    """Whether smart-open has one for the address."""
    import smart_open.transport  # wanted only where a recipe has such an address

    try:
        scheme = urlsplit(url).scheme
        if not scheme:
            raise NotImplementedError  # to smart-open it is a local file
        smart_open.transport.get_transport(scheme)
    except ImportError:
        raise RecipeError(
            f"{place}: the package that opens {scheme}:// is not installed; "
            "see the extras of smart-open"
        ) from None
    except (NotImplementedError, ValueError):
        known = ", ".join(filter(None, smart_open.transport.SUPPORTED_SCHEMES))
        raise RecipeError(f"{place}: nothing opens {url} (known: {known})") from None


def _format(place: str, uri: str, asked: FormatName | None) -> FormatName:
    """What the file is; of an address only the name is looked at."""
    if is_address(uri):
        return asked or named_format(stored_name(uri)) or "jsonl"
    return _check_file(place, uri, asked)


def _check_file(place: str, path: str, asked: FormatName | None) -> FormatName:
    """Raise RecipeError for what cannot be read, before any worker tries."""
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
    try:
        return format_of(path, head, asked)
    except Mistaken as mistaken:
        raise RecipeError(f"{told} {mistaken}") from None


def _is_utf8(name: str) -> bool:
    """File names that are not come with lone surrogates, which no JSON can carry."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_repeats(place: str, uris: list[str]) -> None:
    """No document is read twice: neither through two patterns nor through a link."""
    first: dict[str, str] = {}
    for uri in uris:
        file = uri if is_address(uri) else os.path.realpath(uri)
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
        hashlib.sha256((uri if is_address(uri) else place).encode()).hexdigest()[:12]
        for uri, place in zip(uris, places, strict=True)
    ]
    short = [_without_endings(Path(stored_name(uri)).name) for uri in uris]
    seen = Counter(name.casefold() for name in short)
    names = [
        name if seen[name.casefold()] == 1 else place.replace(os.sep, "__")
        for name, place in zip(short, places, strict=True)
    ]
    for i, name in enumerate(names):
        if len(name.encode()) > LONGEST_NAME or not name.strip("."):  # . and .. are folders
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
        if is_address(uri)
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
