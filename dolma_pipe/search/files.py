"""PATHS of a command as the files that are searched, in the order in which they are given."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dolma_pipe.errors import InputError, RecipeError, StoreError
from dolma_pipe.folders import every_file
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input, find_inputs
from dolma_pipe.remote import is_address, is_s3
from dolma_pipe.remote.listing import below, has_pattern, there

WHOLE = "search"


def files_of(paths: Iterable[str], reading: Reading) -> list[Input]:
    """Files, patterns, folders (all data files below one, of any format and split) and addresses.

    Of an Input, source is the corpus that a file belongs to. Raises InputError.
    """
    try:
        expanded = [file for path in paths for file in expanded(path)]
        found = find_inputs(WHOLE, expanded, reading)
    except (RecipeError, StoreError) as error:
        raise InputError(plainly(str(error), WHOLE)) from error
    order = {uri: place for place, uri in enumerate(expanded)}
    named = [Input(corpus_of(shard.uri), shard.key, shard.uri, shard.format) for shard in found]
    return sorted(named, key=lambda shard: (order.get(shard.uri, len(order)), shard.uri))


def plainly(told: str, source: str) -> str:
    """An error about a source of a recipe without its place there: nobody wrote one."""
    told = re.sub(rf"^sources\.{source}\.(documents: )?", "", told)
    return told.replace("columns.text", "--text-column", 1)


def expanded(path: str) -> list[str]:
    """A folder as its data files, of any format and split; all else is left to find_inputs.

    Raises InputError for a folder without any.
    """
    if is_s3(path) and not has_pattern(path):
        if path.endswith("/") or there([path])[path] is None:
            files = every_file(path, below(path))
            if not files:
                raise InputError(f"{path}: neither an object nor a folder with data files")
            return files
    elif not is_address(path) and Path(path).is_dir():
        files = every_file(path)
        if not files:
            told = "data files (.jsonl, .parquet, .arrow, .warc, .wet)"
            raise InputError(f"{path} is a directory without {told}")
        return files
    return [path]


def corpus_of(uri: str) -> str:
    """SOURCE of dolma's layout, SOURCE/documents/..., else the folder that the file lies in."""
    folders = PurePosixPath(uri).parts[:-1]
    for place in range(len(folders) - 1, 0, -1):
        if folders[place] == "documents":
            return folders[place - 1]
    return folders[-1] if folders else "."
