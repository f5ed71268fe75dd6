"""The plan of one dedup entry: settings, shards, partitions; every task reads it from a file."""

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xxhash

from dolma_pipe.cuts import Cuts, no_cuts, read_cuts
from dolma_pipe.dedup_index import IndexFiles
from dolma_pipe.engine.base import Engine, Task, succeed
from dolma_pipe.entries import Entry
from dolma_pipe.kernels.jit import I64, U8, U64
from dolma_pipe.stages.dedup.keys import key_columns
from dolma_pipe.stages.dedup.sign import keys_path, lengths_path, ranks_path
from dolma_pipe.work import (
    Work,
    ahead,
    here,
    is_remote,
    read_bytes,
    read_range,
    remove_tree,
    write_json,
)

GROUP = 1 << 20
"""Documents of shards that one task gathers decisions for."""

COMPONENTS_BYTES = 4 << 30
"""Memory of the one task that finds components; where it would need more there are rounds."""

REQUEST = 1 << 14
"""Words of a file that come from an object store in the time of a request for one of them."""


class CuratedShard(msgspec.Struct, frozen=True):
    """A shard as the curate pass left it. key: <source>/<name>; documents: its survivors.

    index: where it lies, if it is of an earlier run and only an index of it is there.
    """

    key: str
    source: str
    name: str
    documents: int
    index: str | None = None


class Plan(msgspec.Struct, frozen=True, dict=True):
    """One entry at work.

    Documents carry dense numbers: the documents of the shards before, plus the row. number: of the
    entry, from 1; before: of the entry that ran before, 0 for none. late: its keys are not those
    that were made while curating. edited: an entry before it took stretches out of texts.
    partition_bytes: what one task may hold of records, or of shingles. components_bytes: what one
    task may hold to find all components.
    """

    root: str
    number: int
    before: int
    entry: Entry
    shards: tuple[CuratedShard, ...]
    late: bool
    edited: bool
    partition_bytes: int
    components_bytes: int = COMPONENTS_BYTES

    @cached_property
    def work(self) -> Work:
        return Work(self.root)

    @cached_property
    def file(self) -> Path:
        """Where tasks find it; no other plan has this name, so that they may remember it."""
        return self.path(f"plan-{xxhash.xxh3_64_hexdigest(msgspec.json.encode(self))}.json")

    @cached_property
    def firsts(self) -> I64:
        """int64[shards + 1]: the number of the first document of each shard."""
        firsts = np.zeros(len(self.shards) + 1, np.int64)
        np.cumsum([shard.documents for shard in self.shards], out=firsts[1:])
        return firsts

    def shard_of(self, documents: U64) -> I64:
        """The index of the shard of each document."""
        return np.searchsorted(self.firsts, documents.astype(np.int64), side="right") - 1

    def locate(self, document: int) -> int:
        """The index of the shard of one document."""
        return int(np.searchsorted(self.firsts, document, side="right")) - 1

    def taking_part(self) -> list[int]:
        """Indexes of the shards that the entry concerns."""
        return [i for i, s in enumerate(self.shards) if self.entry.concerns(s.source)]

    @cached_property
    def groups(self) -> list[tuple[int, int]]:
        """First and end of runs of shards that hold together no more than GROUP documents, or one.

        What is exchanged between parts and shards is exchanged with groups: small shards do not
        multiply the number of files and reads.
        """
        groups, first = [], 0
        for end in range(1, len(self.shards) + 1):
            full = end == len(self.shards) or self.firsts[end + 1] - self.firsts[first] > GROUP
            if full:
                groups.append((first, end))
                first = end
        return groups

    def group_of(self, shards: I64) -> I64:
        """The index of the group of each shard."""
        ends = np.array([end for _, end in self.groups], np.int64)
        return np.searchsorted(ends, shards, side="right")

    def priorities(self, documents: U64) -> I64:
        """How late the source of each document comes in `prefer`."""
        if not self.entry.prefer:
            return np.zeros(len(documents), np.int64)
        return self._preferences[self.shard_of(documents)]

    @cached_property
    def _preferences(self) -> I64:
        return np.array([self.entry.preference(s.source) for s in self.shards], np.int64)

    def survivor_order(self, documents: U64, ranks: U64, *groups: U64) -> I64:
        """Places that sort documents by groups, and in each by who stays before whom."""
        return np.lexsort((documents, ranks, self.priorities(documents), *reversed(groups)))

    def partitions(self, record: int) -> int:
        """Parts of the hash space (of each band) that keep to partition_bytes.

        record: bytes a document.
        """
        documents = sum(self.shards[i].documents for i in self.taking_part())
        return max(1, -(-documents * record // self.partition_bytes))

    def path(self, name: str) -> Path:
        """A file of this entry between two steps."""
        return scratch(self.work) / str(self.number) / name

    def removed(self, shard: int) -> U8:
        """uint8[documents]: entries before this one that removed a document, 0 for none."""
        if self.before == 0:
            return np.zeros(self.shards[shard].documents, np.uint8)
        return np.fromfile(here(self._state("removed", shard, ".u8")), np.uint8)

    def cuts(self, shard: int) -> Cuts:
        """What entries before this one took out of the texts."""
        documents = self.shards[shard].documents
        if not self.edited:
            return no_cuts(documents)
        return read_cuts(self._state("cuts", shard, ".i64"), documents)

    def live(self, shard: int) -> I64:
        """Rows of the documents that are still there."""
        return np.flatnonzero(self.removed(shard) == 0)

    def lengths(self, shard: int) -> U64:
        """uint64[documents]: bytes of text, as the entry finds it."""
        whole = np.fromfile(here(lengths_path(self._signed(shard))), np.uint64)
        return whole - self.cuts(shard).lengths().astype(np.uint64)

    def keys(self, shard: int) -> U64:
        """uint64[columns, documents], mapped and not read."""
        documents = self.shards[shard].documents
        if documents == 0:
            return np.zeros((key_columns(self.entry), 0), np.uint64)
        path = here(keys_path(self.signatures(shard), self.number))
        mapped = np.memmap(path, np.uint64, "r")
        return mapped.reshape(-1, documents)

    def some_keys(self, shard: int, rows: I64) -> U64:
        """uint64[columns, rows]: of few documents; of large files elsewhere they alone are read."""
        path, columns = keys_path(self.signatures(shard), self.number), key_columns(self.entry)
        documents = self.shards[shard].documents
        if not is_remote(path) or documents <= REQUEST * len(rows):
            return self.keys(shard)[:, rows]
        places = (np.arange(columns)[:, None] * documents + rows).ravel().tolist()
        words = ahead(lambda place: read_range(path, 8 * place, 8), places)
        return np.frombuffer(b"".join(words), np.uint64).reshape(columns, -1)

    def ranks(self, shard: int) -> U64:
        """uint64[documents]: the smallest stays; ties go by document number."""
        if self.entry.policy == "first":
            return np.zeros(self.shards[shard].documents, np.uint64)
        return np.fromfile(here(ranks_path(self.signatures(shard), self.number)), np.uint64)

    def signatures(self, shard: int) -> Path:
        """Prefix of the files with the keys and ranks of this entry."""
        late = self.path(f"signatures/{self.shards[shard].key}")
        return late if self.late else self._signed(shard)

    def _signed(self, shard: int) -> Path:
        """Prefix of what was signed while curating, now or for the index."""
        of = self.shards[shard]
        return (self.work if of.index is None else IndexFiles(of.index)).signatures(of.key)

    def _state(self, what: str, shard: int, ending: str) -> Path:
        """After the entry before."""
        folder = scratch(self.work) / str(self.before) / what
        return folder / f"{self.shards[shard].key}{ending}"


def scratch(work: Work) -> Path:
    """The folder for what passes between the steps; it goes when deduplication is done."""
    return work.dedup / "scratch"


def clear_scratch(work: Work) -> None:
    """Remove what an earlier run left, or this one made."""
    remove_tree(scratch(work))


def save(plan: Plan) -> None:
    """Where tasks find it."""
    write_json(plan.file, plan)


@lru_cache(maxsize=8)
def load(path: str) -> Plan:
    """The plan that a task was given, read once a process: it names all shards."""
    return msgspec.json.decode(read_bytes(path), type=Plan)


class Steps:
    """Runs the steps of one entry on an engine. Tasks get the plan's path and what is theirs."""

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self._engine = engine
        self._plan = plan

    def over_shards(self, function: str, shards: Iterable[int], **args: Any) -> list[Any]:
        """A task a shard, named by its key; results in the order of the shards."""
        listed = self._plan.shards
        return self._run(function, [(listed[s].key, listed[s].documents, s) for s in shards], args)

    def over_parts(self, function: str, parts: int, **args: Any) -> list[Any]:
        """A task a part; results in the order of the parts."""
        name = function.partition(":")[2]
        return self._run(function, [(f"{name} {i:06d}", 1, i) for i in range(parts)], args)

    def _run(
        self, function: str, named: list[tuple[str, int, int]], args: dict[str, Any]
    ) -> list[Any]:
        common = {"plan": str(self._plan.file), **args}
        values = succeed(self._engine.map(f"{__package__}.{function}", _tasks(named, common)))
        return [values[key] for key, _, _ in named]


def _tasks(named: list[tuple[str, int, int]], common: dict[str, Any]) -> Iterator[Task]:
    for key, weight, part in named:
        yield Task(key, {**common, "part": part}, weight)
