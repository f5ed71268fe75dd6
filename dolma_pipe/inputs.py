"""The input files of a source: patterns expanded, and a short unique name for each shard."""

import glob
import os
from pathlib import Path

import msgspec

from dolma_pipe.errors import RecipeError

ENDINGS = (".zst", ".zstd", ".gz", ".jsonl", ".json")


class Input(msgspec.Struct, frozen=True):
    """One shard of a source. key: <source>/<name>, unique in the recipe."""

    source: str
    key: str
    uri: str


def find_inputs(source: str, patterns: str | list[str]) -> tuple[Input, ...]:
    """The shards of a source in the order of their names.

    Raises RecipeError for a pattern without files, a directory, or patterns that overlap.
    """
    place = f"sources.{source}.documents"
    given = [patterns] if isinstance(patterns, str) else patterns
    uris = [uri for pattern in given for uri in _expand(place, pattern)]
    if len(set(uris)) < len(uris):
        raise RecipeError(f"{place}: the patterns overlap")
    named = sorted(zip(_shard_names(uris), uris, strict=True))
    return tuple(Input(source, f"{source}/{name}", uri) for name, uri in named)


def _expand(place: str, pattern: str) -> list[str]:
    if "://" in pattern:
        return [pattern]
    if Path(pattern).is_dir():
        raise RecipeError(
            f"{place}: {pattern} is a directory; write {pattern.rstrip('/')}/*.jsonl.zst"
        )
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  absolute and relative alike
    if not found:
        raise RecipeError(f"{place}: no file matches {pattern}")
    for uri in found:
        if Path(uri).is_dir():
            raise RecipeError(f"{place}: {uri} is a directory")
        if not os.access(uri, os.R_OK):
            raise RecipeError(f"{place}: {uri} cannot be read")
    return found


def _shard_names(uris: list[str]) -> list[str]:
    """The file's name without endings; the whole name with its folders where names repeat."""
    short = [_without_endings(Path(uri).name) for uri in uris]
    if len(set(short)) == len(short):
        return short
    common = os.path.commonpath([str(Path(uri).parent) for uri in uris])
    return [os.path.relpath(uri, common).replace(os.sep, "__") for uri in uris]


def _without_endings(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name
