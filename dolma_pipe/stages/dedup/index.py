"""Index: keep of a finished run what decisions on later documents need, without the texts."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dolma_pipe import __version__
from dolma_pipe.curated import read_texts
from dolma_pipe.dedup_index import (
    FORMAT,
    Description,
    IndexedShard,
    IndexFiles,
    read_index,
    settled_entries,
)
from dolma_pipe.engine.base import Engine, Task, succeed
from dolma_pipe.entries import Entry, MinHash
from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import U8, U64, Bool
from dolma_pipe.stages.dedup.keys import key_columns, keys_of
from dolma_pipe.stages.dedup.plan import CuratedShard
from dolma_pipe.stages.dedup.sets import shingle_sets
from dolma_pipe.stages.dedup.sign import keys_path, lengths_path, ranks_path
from dolma_pipe.stages.dedup.stored_sets import write_sets
from dolma_pipe.work import (
    Work,
    atomic_write,
    files_below,
    here,
    is_remote,
    remove,
    remove_all,
    sizes_below,
    write_json,
)

PROBE = (
    "The quick brown fox isn't lazy: 1,234.5 dogs; naïve Ünïcödé, 中文字符 ไทย и так далее. " * 3
)


class IndexTask(msgspec.Struct, frozen=True):
    """One shard on its way into an index."""

    work: str
    out: str
    shard: CuratedShard
    entries: tuple[Entry, ...]


def write_index(
    work: Work,
    entries: Sequence[Entry],
    shards: Sequence[CuratedShard],
    engine: Engine,
    out: Path,
    fingerprint: str = "",
) -> Description:
    """Index what deduplicate() has just decided on; shards as they were given to it.

    fingerprint: what the index is to be known by. The description is written last.
    """
    files = IndexFiles(out)
    remove(files.description)
    tasks = [
        Task(
            shard.key,
            msgspec.to_builtins(IndexTask(str(work.root), str(out), shard, tuple(entries))),
            shard.documents,
        )
        for shard in shards
    ]
    values = succeed(engine.map(f"{__name__}:index_shard", tasks))
    written = [path for shard in shards for path in _files(files, shard, entries)]
    sizes = {
        path.relative_to(out).as_posix(): size
        for path, size in zip(written, sizes_below(out, written), strict=True)
    }
    counts = {
        name: sum(values[shard.key][name] for shard in shards)
        for name in ("documents", "removed", "documents_with_sets", "set_values")
    }
    description = Description(
        format=FORMAT,
        dolma_pipe=__version__,
        fingerprint=fingerprint,
        entries=tuple(entries),
        probes=tuple(map(probe, entries)),
        settled=settled_entries(entries),
        shards=tuple(IndexedShard(s.key, s.source, s.documents) for s in shards),
        counts={**counts, "bytes": sum(sizes.values())},
        files=sizes,
    )
    write_json(files.description, description)
    _remove_others(files, {out / name for name in sizes})
    return description


def index_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: the files of one shard, made from its texts or taken over from the index it is in."""
    task = msgspec.convert(args, IndexTask)
    work, shard, out = Work(task.work), task.shard, IndexFiles(task.out)
    old = None if shard.index is None else IndexFiles(shard.index)
    signed = (work if old is None else old).signatures(shard.key)
    for source, target in zip(
        _signature_files(signed, shard, task.entries),
        _signature_files(out.signatures(shard.key), shard, task.entries),
        strict=True,
    ):
        _link(source, target)
    decided = work.removed(shard.key) if old is None else work.indexed(shard.key)
    _link(decided, out.removed(shard.key))
    removed = np.fromfile(here(decided), np.uint8)
    counts = {"documents": len(removed), "removed": int((removed != 0).sum())}
    if old is None:
        return {**counts, **_read_texts(task, removed)}
    _link(old.ids(shard.key), out.ids(shard.key))
    for number in _with_sets(shard, task.entries):
        _link(old.sets(shard.key, number), out.sets(shard.key, number))
    return {**counts, "documents_with_sets": 0, "set_values": 0}


def _read_texts(task: IndexTask, removed: U8) -> dict[str, int]:
    """Ids and sets of a shard whose texts are there."""
    work, shard, out = Work(task.work), task.shard, IndexFiles(task.out)
    ids = pa.chunked_array([], pa.large_string())
    if shard.documents:
        ids = pq.read_table(here(work.columns(shard.key)), columns=["id"]).column("id")
    with atomic_write(out.ids(shard.key)) as file:
        pq.write_table(pa.table({"id": ids}), file, compression="zstd")
    lasting: Bool = (removed == 0) | (removed > settled_entries(task.entries))
    counts = {"documents_with_sets": 0, "set_values": 0}
    for number in _with_sets(shard, task.entries):
        entry = task.entries[number - 1]
        assert isinstance(entry, MinHash)  # the only method that both verifies and has an index
        path = here(keys_path(work.signatures(shard.key), number))
        keys: U64 = np.fromfile(path, np.uint64)
        signed = keys.reshape(key_columns(entry), -1).any(axis=0)
        rows = np.flatnonzero(lasting & signed)
        texts = read_texts(work.curated(shard.key), rows)
        sets = (one for some in texts for one in shingle_sets(entry, some.text, some.offsets))
        values = write_sets(out.sets(shard.key, number), rows, sets, shard.documents)
        counts["documents_with_sets"] += len(rows)
        counts["set_values"] += values
    return counts


def probe(entry: Entry) -> str:
    """A hash of keys and set of a fixed text: equal where two versions go well together."""
    text = np.frombuffer(PROBE.encode(), np.uint8)
    offsets = np.array([0, len(text)])
    made: list[U64] = [keys_of(entry, text, offsets).ravel()]
    if isinstance(entry, MinHash):
        made += shingle_sets(entry, text, offsets)
    return xxhash.xxh3_128_hexdigest(np.concatenate(made).tobytes())


def check_probes(roots: Iterable[str]) -> None:
    """Keys and sets of indexes are those that this version makes. Raises WorkError."""
    for root in roots:
        described = read_index(root)
        for number, entry in enumerate(described.entries):
            if probe(entry) != described.probes[number]:
                raise WorkError(
                    f"{root} was made by dolma-pipe {described.dolma_pipe}, whose {entry.method}"
                    f" keys are not those of {__version__}: make it again"
                )


def _with_sets(shard: CuratedShard, entries: Sequence[Entry]) -> Iterator[int]:
    """Numbers of the entries that verify documents of this shard."""
    for number, entry in enumerate(entries, 1):
        if entry.verifies and entry.concerns(shard.source):
            yield number


def _signature_files(prefix: Path, shard: CuratedShard, entries: Sequence[Entry]) -> Iterator[Path]:
    yield lengths_path(prefix)
    for number, entry in enumerate(entries, 1):
        if entry.concerns(shard.source):
            yield keys_path(prefix, number)
            if entry.policy != "first":
                yield ranks_path(prefix, number)


def _files(files: IndexFiles, shard: CuratedShard, entries: Sequence[Entry]) -> Iterator[Path]:
    """All files of one shard."""
    yield from _signature_files(files.signatures(shard.key), shard, entries)
    yield files.ids(shard.key)
    yield files.removed(shard.key)
    for number in _with_sets(shard, entries):
        yield files.sets(shard.key, number)


def _link(source: Path, target: Path) -> None:
    """The same file under another name where the disk can do that: ours are never written into."""
    source = here(source)
    if not is_remote(target):
        with suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            os.link(source, target)
            return
    with source.open("rb") as old, atomic_write(target) as file:
        shutil.copyfileobj(old, file)


def _remove_others(files: IndexFiles, wanted: set[Path]) -> None:
    """What an earlier index left in the folder."""
    folders = ("signatures", "sets", "ids", "removed")
    found = [path for folder in folders for path in files_below(files.root / folder)]
    remove_all([path for path in found if path not in wanted])
