"""A folder given as a source: its data files, found as Hugging Face's datasets and dolma lay them
out, and of one split where there are several."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from dolma_pipe.errors import RecipeError
from dolma_pipe.formats.detect import named_format
from dolma_pipe.formats.reading import FormatName
from dolma_pipe.remote import is_s3
from dolma_pipe.remote.listing import has_pattern
from dolma_pipe.settings import nearest
from dolma_pipe.store import refuse_credentials
from dolma_pipe.store.bucket import Bucket

NOT_DATA = {
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "config.json",
    "metadata.json",
}
"""What lies beside the data of a dataset and ends like it."""

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""The keywords of datasets (docs: "Structure your repository")."""

_SHARDED = re.compile(r"(.+)-\d{5}-of-\d{5}\Z")
_UNSAID = ("data", "part", "shard", "chunk")
"""Names of sharded files that name no split."""


def data_files(
    place: str,
    folder: str,
    asked: FormatName | None,
    splits: tuple[str, ...],
    listed: Iterable[str] | None = None,
) -> list[str]:
    """The data files below a folder, sorted, of one format. splits: those wanted, () for all that
    there are if they are one. listed: all files below it, where it is not on this machine.

    Raises RecipeError where there are none, or where it is not said which.
    """
    paths = _walk(folder) if listed is None else _chosen(folder, listed)
    found = {path: kind for path in paths if (kind := named_format(PurePath(path).name or ""))}
    if asked is not None:
        found = {path: kind for path, kind in found.items() if kind == asked}
    if not found:
        told = f"{asked} files" if asked else "data files (.jsonl, .parquet, .arrow, .warc)"
        raise RecipeError(f"{place}: {folder} is a directory without {told}")
    if len(kinds := sorted(set(found.values()))) > 1:
        raise RecipeError(
            f"{place}: {folder} has files of {' and '.join(kinds)}; say one as format"
        )
    return _of_splits(place, folder, sorted(found), splits)


def every_file(folder: str, listed: Iterable[str] | None = None) -> list[str]:
    """All data files below a folder, sorted, of whatever formats and splits. listed: as above."""
    paths = _walk(folder) if listed is None else _chosen(folder, listed)
    return sorted(path for path in paths if named_format(PurePath(path).name or ""))


def is_work_directory(path: str) -> bool:
    """Whether a run works in this folder, here or on s3://: its tables of scores are no documents.

    Raises RecipeError for an address that holds a secret, StoreError.
    """
    folders = ("curated", "records")
    if not is_s3(path):
        return all((Path(path) / name).is_dir() for name in folders)
    if has_pattern(path) or named_format(PurePath(path).name):
        return False
    refuse_credentials(path)
    return not any(Bucket(f"{path.rstrip('/')}/{name}").is_empty() for name in folders)


def _walk(folder: str) -> Iterator[str]:
    """Files that may be data. Of a folder in dolma's layout only documents/, not attributes/; none
    of a work directory below."""
    seen = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(root)) in seen:
            folders.clear()
            continue
        seen.add(real)
        if "documents" in folders:
            folders[:] = ["documents"]
            continue
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__")) and not is_work_directory(os.path.join(root, name))  # noqa: PTH118  as below
        )
        for name in sorted(files):
            if _may_be_data(name):
                yield os.path.join(root, name)  # noqa: PTH118  addresses stay strings


def _chosen(folder: str, paths: Iterable[str]) -> Iterator[str]:
    """Of all paths below a folder those that _walk finds in such a one here."""
    parts = {path: tuple(path.removeprefix(folder).strip("/").split("/")) for path in paths}
    dolmas = {
        names[:i]
        for names in parts.values()
        for i, name in enumerate(names[:-1])
        if name == "documents"
    }
    there = {names[:i] for names in parts.values() for i in range(len(names))}
    for path, (*folders, name) in parts.items():
        entered = all(
            folder == "documents"
            if tuple(folders[:i]) in dolmas
            else not folder.startswith((".", "__"))
            and not {(*folders[: i + 1], "curated"), (*folders[: i + 1], "records")} <= there
            for i, folder in enumerate(folders)
        )
        if entered and tuple(folders) not in dolmas and _may_be_data(name):
            yield path


def _may_be_data(name: str) -> bool:
    return not name.startswith(".") and name not in NOT_DATA


def _of_splits(place: str, folder: str, files: list[str], splits: tuple[str, ...]) -> list[str]:
    named = {path: split_of(os.path.relpath(path, folder)) for path in files}
    known = sorted({split for split in named.values() if split is not None})
    for split in splits:
        if split not in known:
            raise RecipeError(f"{place}: {folder} has no split '{split}'{nearest(split, known)}")
    if splits:
        return [path for path in files if named[path] in splits]
    if len(known) > 1:
        first = "train" if "train" in known else known[0]
        raise RecipeError(
            f"{place}: {folder} has the splits {', '.join(known)}; say which: split: {first}"
        )
    return files


def split_of(path: str) -> str | None:
    """The split that the name of a file, or of a folder it lies in, says.

    train.jsonl, train-00000-of-00005.parquet, data/my_train.parquet, train/data.arrow; of files
    with such numbers any name but data, part, shard, chunk is a split.
    """
    *folders, name = PurePath(path).parts
    stem = name.partition(".")[0]
    if (found := _keyword(stem)) is not None:
        return found
    for folder in reversed(folders):
        if (found := _keyword(folder)) is not None:
            return found
    sharded = _SHARDED.match(stem)
    return sharded[1] if sharded and sharded[1] not in _UNSAID else None


def _keyword(name: str) -> str | None:
    words = re.split(r"[-_. 0-9]+", name.lower())
    for split, keywords in SPLITS.items():
        if any(word in keywords for word in words):
            return split
    return None
