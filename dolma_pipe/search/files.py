"""PATHS of a command as the files that are searched, in the order in which they are given."""

import glob
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path, PurePosixPath

from dolma_pipe.errors import InputError, RecipeError, StoreError
from dolma_pipe.folders import every_file, is_work_directory
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input, find_inputs
from dolma_pipe.remote import is_address, is_s3
from dolma_pipe.remote.listing import below, has_pattern, there
from dolma_pipe.store import mistyped

WHOLE = "search"


def files_of(paths: Iterable[str], reading: Reading) -> list[Input]:
    """Files, patterns, folders (all data files below one, of any format and split) and addresses.

    Of an Input, source is the corpus that a file belongs to. Raises InputError.
    """
    try:
        files = [file for path in paths for file in expanded(path)]
        found = find_inputs(WHOLE, [as_pattern(file) for file in files], reading)
    except (RecipeError, StoreError) as error:
        raise InputError(plainly(str(error), WHOLE)) from error
    order = {uri: place for place, uri in enumerate(files)}
    named = [Input(corpus_of(shard.uri), shard.key, shard.uri, shard.format) for shard in found]
    return sorted(named, key=lambda shard: (order.get(shard.uri, len(order)), shard.uri))


def plainly(told: str, source: str) -> str:
    """An error about a source of a recipe without its place there: nobody wrote one."""
    told = re.sub(rf"^sources\.{source}\.(documents: )?", "", told)
    return told.replace("columns.text", "--text-column", 1)


def as_pattern(file: str) -> str:
    """What stands for this file and no other where patterns are read."""
    return file if is_address(file) else glob.escape(file)


def expanded(path: str) -> list[str]:
    """A folder as its data files, of any format and split, and a pattern as the files that it
    matches; addresses of single objects and patterns of them as they are.

    Raises InputError where there are none.
    """
    if is_address(path):
        if not is_s3(path) or has_pattern(path):
            return [path]
        if not path.endswith("/") and there([path])[path] is not None:
            return [path]
        files, told = (
            every_file(path, below(path)),
            "neither an object nor a folder with data files",
        )
    elif is_work_directory(path):
        return expanded(f"{glob.escape(path)}/curated/*/*.jsonl.zst")
    elif Path(path).is_dir():
        files = every_file(path)
        told = "a directory without data files (.jsonl, .parquet, .arrow, .warc, .wet)"
    elif Path(path).exists():
        return [path]
    else:
        matched = sorted(glob.glob(path, recursive=True))  # noqa: PTH207  as recipes have it
        below_each = (expanded(one) if Path(one).is_dir() else [one] for one in matched)
        files = list(dict.fromkeys(chain.from_iterable(below_each)))  # ** is folders and files
        if not files:
            hint = " (object stores are s3://bucket/...)" if mistyped(path) else ""
            raise InputError(f"no file matches {path}{hint}")
    if not files:
        raise InputError(f"{path} is {told}")
    return files


def corpus_of(uri: str) -> str:
    """SOURCE of dolma's layout, SOURCE/documents/..., else the folder that the file lies in."""
    folders = PurePosixPath(uri).parts[:-1]
    for place in range(len(folders) - 1, 0, -1):
        if folders[place] == "documents":
            return folders[place - 1]
    return folders[-1] if folders else "."
