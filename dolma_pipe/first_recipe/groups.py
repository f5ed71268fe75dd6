"""The files of PATHS as sources of a recipe, by folder and format, with the pattern for each."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.first_recipe.strays import ending_of, strays_among
from dolma_pipe.folders import split_of
from dolma_pipe.formats.detect import named_format
from dolma_pipe.formats.reading import FormatName
from dolma_pipe.inputs import Input, find_inputs
from dolma_pipe.remote import is_address
from dolma_pipe.search.files import as_pattern, expanded, plainly

MOST_SOURCES = 100
NAMED = 3
"""Files that are left out together, of which the names are told."""
LISTED = 20
"""Files that are named one by one where no pattern says which they are."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


class Group(msgspec.Struct):
    """What becomes a source. left_out: files of other splits, which are not trained on."""

    name: str
    folder: str
    format: FormatName
    files: list[str]
    documents: str | list[str]
    bytes: int | None
    left_out: int = 0


class Sorted(NamedTuple):
    """The files of PATHS. left_out: what is in no group, and why."""

    groups: list[Group]
    left_out: list[str]


def groups_of(paths: Iterable[str]) -> Sorted:
    """Sources in the order of PATHS; a file that several of them find is in the first.

    Raises InputError where there is nothing to read.
    """
    found: dict[tuple[str, FormatName], list[Input]] = {}
    left_out: list[str] = []
    seen: set[str] = set()
    for path in paths:
        files = [file.removeprefix("./") for file in expanded(path)]
        if strays := set(strays_among(files)):
            left_out.append(f"{_listed(sorted(strays))}: JSON, but no documents, one a line")
        wanted = [file for file in files if file not in strays]
        for shard in sorted(_inputs(wanted, left_out), key=lambda shard: shard.uri):
            real = shard.uri if is_address(shard.uri) else os.path.realpath(shard.uri)
            if real not in seen:
                seen.add(real)
                found.setdefault((_root(path, shard.uri), shard.format), []).append(shard)
    if not found:
        raise InputError("; ".join(left_out))
    if len(found) > MOST_SOURCES:
        told = f"{len(found):,} folders with data: give folders of which each is a source"
        raise InputError(told)
    groups: list[Group] = []
    for (folder, kind), shards in found.items():
        groups.append(_group(folder, kind, shards, {group.name for group in groups}))
    return Sorted(groups, left_out)


def _listed(files: list[str]) -> str:
    more = f" and {len(files) - NAMED:,} more" if len(files) > NAMED else ""
    return ", ".join(files[:NAMED]) + more


def _inputs(files: list[str], left_out: list[str]) -> tuple[Input, ...]:
    try:
        return find_inputs("web", list(map(as_pattern, files))) if files else ()
    except RecipeError as error:
        if len(files) > 1:
            return tuple(item for file in files for item in _inputs([file], left_out))
        [file] = files
        if ".columns." not in str(error):
            left_out.append(plainly(str(error), "web"))
            return ()
        return (Input("web", f"web/{file}", file, named_format(file) or "jsonl"),)


def _root(path: str, uri: str) -> str:
    """The folder that is a source: around documents/, or the first one below PATH, or PATH."""
    parts = PurePosixPath(uri).parent.parts
    if "documents" in parts:
        place = len(parts) - 1 - parts[::-1].index("documents")
        return _joined(uri, parts[:place])
    above = path.removeprefix("./").rstrip("/") or ("/" if path.startswith("/") else ".")
    if above == ".":
        return parts[0] if parts else "."
    if uri.startswith(f"{above}/"):
        return "/".join([above, *uri[len(above) + 1 :].split("/")[:-1][:1]])
    return _joined(uri, parts)


def _joined(uri: str, parts: tuple[str, ...]) -> str:
    if is_address(uri):
        size = len("/".join(parts[1:]))
        return f"{parts[0]}//" + "/".join(parts[1:]) if size else uri
    return str(PurePosixPath(*parts)) if parts else "."


def _group(folder: str, kind: FormatName, shards: list[Input], taken: set[str]) -> Group:
    files = sorted(shard.uri for shard in shards)
    splits = {file: split_of(_below(folder, file)) for file in files}
    held = {split for split in splits.values() if split in ("validation", "test")}
    wanted = files
    if held and (trained := [file for file in files if splits[file] not in held]):
        wanted = trained
    sizes = [shard.stored_bytes for shard in shards if shard.uri in wanted]
    known = [size for size in sizes if size is not None]
    return Group(
        _name(folder, kind, files, taken),
        folder,
        kind,
        wanted,
        _documents(folder, wanted),
        sum(known) if len(known) == len(sizes) else None,
        len(files) - len(wanted),
    )


def _below(folder: str, file: str) -> str:
    return file.removeprefix(folder).lstrip("/")


def _documents(folder: str, files: list[str]) -> str | list[str]:
    """The simplest pattern that stands for these files and no other, else the files."""
    endings = {ending_of(file) for file in files}
    is_place = len(files) > 1 or "/documents/" in files[0]  # where more files may come
    if is_place and not is_address(files[0]) and len(endings) == 1:
        [ending] = endings
        here = "" if folder == "." else f"{glob.escape(folder)}/"
        below = ("documents/", "", "documents/**/", "**/")
        for pattern in (f"{here}{one}{stem}{ending}" for one in below for stem in ("*", "*train*")):
            if sorted(glob.glob(pattern, recursive=True)) == files:  # noqa: PTH207  as inputs has it
                return pattern
    if len(files) == 1:
        return files[0] if is_address(files[0]) else glob.escape(files[0])
    if len(files) > LISTED and is_address(files[0]):
        return f"{folder}/**/*{ending_of(files[0])}"
    return [file if is_address(file) else glob.escape(file) for file in files]


def _name(folder: str, kind: str, files: list[str], taken: set[str]) -> str:
    """Of the folder, or of the one file in no folder of its own; what a source can be called."""
    name = PurePosixPath(folder).name
    if name in ("", ".", "..") and not is_address(folder):
        name = Path(folder).resolve().name
    if name in ("", "data") and len(files) == 1:
        name = PurePosixPath(files[0]).name.partition(".")[0]
    name = _NOT_IN_NAMES.sub("-", name).strip("-.")[:60] or "documents"
    for candidate in (name, f"{name}-{kind}", *(f"{name}-{i}" for i in range(2, MOST_SOURCES + 2))):
        if candidate not in taken:
            return candidate
    return name
