"""Write the sample: sources as dolma shards, whole or not at all, and what they are made from."""

import platform
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from dolma_pipe.assets import ASSETS, asset_path
from dolma_pipe.errors import InputError, WorkError
from dolma_pipe.sample.code import code_documents
from dolma_pipe.sample.docs import docs_documents
from dolma_pipe.sample.document import Document
from dolma_pipe.sample.library import Packages, site_folders
from dolma_pipe.sample.licences import licence_documents
from dolma_pipe.sample.prose import prose_documents
from dolma_pipe.sample.wheels import SAMPLE_WHEELS
from dolma_pipe.work import atomic_write, write_json

MANIFEST = "sample.json"
KIND = "dolma-pipe sample"
BUILDING = ".building"
SHARES = {"code": 0.36, "docs": 0.30, "licences": 0.07, "prose": 0.27}  # of the megabytes asked for
SHARD_BYTES = 4_000_000  # of text
DEFAULT_MEGABYTES = 36


class SourceCount(msgspec.Struct, frozen=True):
    """What a source of the sample has. bytes: UTF-8 bytes of text."""

    source: str
    documents: int
    bytes: int
    shards: int


class Sample(msgspec.Struct):
    """What `dolma-pipe sample` tells. written: now, not before."""

    written: bool
    sources: list[SourceCount]


class Made(msgspec.Struct, frozen=True):
    """sample.json: that the folder is ours, and what the sample in it is made from."""

    kind: str
    megabytes: int
    complete: bool = False
    sources: list[SourceCount] = []
    made_from: dict[str, Any] = {}


def write_sample(
    folder: Path, megabytes: int = DEFAULT_MEGABYTES, force: bool = False
) -> tuple[list[SourceCount], bool]:
    """Write the sample into folder: <source>/documents/<source>-0000.jsonl.zst and sample.json.

    megabytes: text in all, about; a source that has less gives what it has. Returns the counts and
    whether the sample was made now: one that is there, whole and of this size, stays as it is
    unless force. Raises InputError where folder has other things under the names of the sources,
    AssetError where a wheel cannot be had, WorkError where it cannot be written.
    """
    manifest = folder / MANIFEST
    made = _made_before(folder)
    if made and not force and made.complete and made.megabytes == megabytes:
        counts = made.sources
        if counts and all(_is_whole(folder, count) for count in counts):
            return counts, False
    _refuse_foreign(folder, made is not None)
    for name in SAMPLE_WHEELS:
        asset_path(name)  # before anything is touched
    manifest = folder / MANIFEST
    write_json(manifest, Made(KIND, megabytes))
    try:
        counts = _build(folder / BUILDING, megabytes)
        for source in SHARES:
            shutil.rmtree(folder / source, ignore_errors=True)
            (folder / BUILDING / source).rename(folder / source)
        (folder / BUILDING).rmdir()
    except OSError as error:
        raise WorkError(f"cannot make the sample in {folder}: {error}") from error
    write_json(manifest, Made(KIND, megabytes, True, counts, made_from()))
    return counts, True


def made_from() -> dict[str, Any]:
    """What the sample depends on: this Python, the installed packages, the pinned wheels."""
    return {
        "python": platform.python_version(),
        "packages": Packages(site_folders()).versions,
        "wheels": {name: ASSETS[name].sha256 for name in SAMPLE_WHEELS},
    }


def _made_before(folder: Path) -> Made | None:
    """What sample.json says, where it is ours."""
    try:
        made = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    return made if made.kind == KIND else None


def _is_whole(folder: Path, count: SourceCount) -> bool:
    shards = (folder / count.source / "documents").glob("*.jsonl.zst")
    return len(list(shards)) == count.shards


def _refuse_foreign(folder: Path, ours: bool) -> None:
    """Sources are replaced as a whole: never those that this command did not write."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a directory")
    for source in SHARES:
        if not ours and (folder / source).exists():
            raise InputError(
                f"{folder / source} is there and not part of a sample: choose another directory"
            )


def _build(folder: Path, megabytes: int) -> list[SourceCount]:
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    packages = Packages(site_folders())
    budgets = {source: int(megabytes * 1e6 * share) for source, share in SHARES.items()}
    return [
        _write_source(folder, "code", code_documents(packages, budgets["code"])),
        _write_source(folder, "docs", docs_documents(packages, budgets["docs"])),
        _write_source(folder, "licences", licence_documents(packages, budgets["licences"])),
        _write_source(folder, "prose", prose_documents(budgets["prose"])),
    ]


def _write_source(folder: Path, source: str, documents: Iterable[Document]) -> SourceCount:
    """Write the shards of a source, each SHARD_BYTES of text or a little more."""
    (folder / source).mkdir(parents=True)
    shards = texts = total = 0
    for shard in _shards(documents):
        path = folder / source / "documents" / f"{source}-{shards:04}.jsonl.zst"
        content = b"".join(document.line(source) for document in shard)
        with atomic_write(path) as file:
            file.write(zstandard.ZstdCompressor(level=3).compress(content))
        shards += 1
        texts += len(shard)
        total += sum(document.size for document in shard)
    return SourceCount(source, texts, total, shards)


def _shards(documents: Iterable[Document]) -> Iterator[list[Document]]:
    shard: list[Document] = []
    size = 0
    for document in documents:
        shard.append(document)
        size += document.size
        if size >= SHARD_BYTES:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard
