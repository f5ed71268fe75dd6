"""Publish: results under final names: dedup/removed/ for the next pass, a table for people."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.cuts import read_cuts, without, write_cuts
from dolma_pipe.dedup_index import IndexFiles
from dolma_pipe.document import parse
from dolma_pipe.kernels.jit import U64, Bool
from dolma_pipe.stages.dedup.annotations import located, publish_annotations
from dolma_pipe.stages.dedup.decisions import NOBODY, Decisions, read_group_decisions
from dolma_pipe.stages.dedup.ids import read_ids
from dolma_pipe.stages.dedup.kept_ids import read_kept_ids
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import all_here, atomic_write, here

EXCERPT = 160
"""Code points of a text that the report shows."""

ROWS = 1 << 17
"""Rows of removed.parquet in a group, and so in memory."""

PIECES = 1000
"""Tables that wait to become a group: a small one takes some 20 KB."""

NAME = pa.dictionary(pa.int32(), pa.string())
REMOVED = pa.schema(
    [
        ("entry", pa.int32()),
        ("removed_source", NAME),
        ("removed_shard", NAME),
        ("removed_row", pa.int64()),
        ("removed_id", pa.large_string()),
        ("kept_source", NAME),
        ("kept_shard", NAME),
        ("kept_row", pa.int64()),
        ("kept_id", pa.large_string()),
        ("similarity", pa.float64()),
        ("component", pa.uint64()),
    ]
)
"""Shards are keys, rows are those of the curated file.

similarity: 1 for exact, the Jaccard of shingles for minhash, 1 - distance / 64 for simhash, the
share of repeated bytes for lines; null where nothing was verified. The kept document is null where
one went without regard to another.

component is the number of its first document: index of the shard << 32 | row.
"""


CHANGES = pa.schema(
    [
        ("index", NAME),
        ("source", NAME),
        ("shard", NAME),
        ("row", pa.int64()),
        ("id", pa.large_string()),
        ("before", pa.int32()),
        ("after", pa.int32()),
    ]
)
"""before, after: the entry that removes the document, 0 for none: of the run that was indexed, and
of one over all documents."""


def publish_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/removed/<shard>.u8 as after the last entry, cuts and annotations if there are.

    Of a shard of an index it is dedup/indexed/<shard>.u8.

    args: plans, of the entries that annotate; cuts: whether an entry edited.
    """
    plan, shard = load(args["plan"]), args["part"]
    key = plan.shards[shard].key
    removed = np.fromfile(here(plan.path(f"removed/{key}.u8")), np.uint8)
    indexed = plan.shards[shard].index is not None
    with atomic_write(plan.work.indexed(key) if indexed else plan.work.removed(key)) as file:
        file.write(removed.data)
    cut_bytes = 0
    if args["cuts"]:
        cuts = read_cuts(plan.path(f"cuts/{key}.i64"), len(removed))
        cuts = without(cuts, removed != 0)
        write_cuts(plan.work.cuts(key), cuts)
        cut_bytes = int(cuts.lengths().sum())
    if args["plans"]:
        publish_annotations([load(path) for path in args["plans"]], shard)
    return {"kept": int((removed == 0).sum()), "cut_bytes": cut_bytes}


def write_rows(args: dict[str, Any]) -> dict[str, int]:
    """Task: rows/<group>.parquet, what an entry removed from the shards of a group."""
    plan, group = load(args["plan"]), args["part"]
    decisions = read_group_decisions(plan, group).decisions
    kept_ids = read_kept_ids(plan, group, decisions.removed)
    borders = np.searchsorted(decisions.removed, plan.firsts.astype(np.uint64)).tolist()
    spans = [(shard, slice(*borders[shard : shard + 2])) for shard in range(*plan.groups[group])]
    tables = (_rows(plan, shard, decisions.some(some), kept_ids[some]) for shard, some in spans)
    return {"rows": _write(plan.path(f"rows/{group}.parquet"), REMOVED, tables, durable=False)}


def publish_table(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/removed.parquet, the rows of all groups. args: plans, of the entries."""
    plans = [load(given) for given in args["plans"]]
    path = load(args["plan"]).work.dedup / "removed.parquet"
    return {"rows": _write(path, REMOVED, _all_rows(plans), durable=True)}


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table], *, durable: bool) -> int:
    """A file of row groups of about ROWS rows, in whatever pieces they come. Returns the rows."""
    rows = size = 0
    held: list[pa.Table] = []
    with atomic_write(path, durable=durable) as file, pq.ParquetWriter(file, schema) as writer:
        for table in chain(tables, [None]):
            if table is not None and table.num_rows:
                held.append(table)
                size += table.num_rows
            if held and (table is None or size >= ROWS or len(held) == PIECES):
                whole = pa.concat_tables(held).unify_dictionaries()
                writer.write_table(whole, row_group_size=ROWS)
                rows, size, held = rows + size, 0, []
    return rows


def _all_rows(plans: list[Plan]) -> Iterator[pa.Table]:
    for plan in plans:
        paths = (plan.path(f"rows/{group}.parquet") for group in range(len(plan.groups)))
        for path in all_here(paths):
            with pq.ParquetFile(path) as file:
                for i in range(file.num_row_groups):
                    yield file.read_row_group(i)


def _rows(plan: Plan, shard: int, decisions: Decisions, kept_ids: pa.Array) -> pa.Table:
    """What decisions on some documents of one shard are in the table."""
    none = decisions.kept == NOBODY
    rows = (decisions.removed - np.uint64(plan.firsts[shard])).astype(np.int64)
    columns = [
        pa.array(np.full(len(none), plan.number, np.int32)),
        *_places(plan, decisions.removed, np.zeros_like(none)),
        read_ids(plan, shard, rows),
        *_places(plan, np.where(none, decisions.removed, decisions.kept), none),
        kept_ids,
        pa.array(np.round(decisions.similarity, 6), mask=np.isnan(decisions.similarity)),
        pa.array(located(plan, decisions.component)),
    ]
    return pa.table(columns, schema=REMOVED)


def _places(plan: Plan, numbers: U64, none: Bool) -> list[pa.Array]:
    """source, shard and row of each document, null for none."""
    shards = plan.shard_of(numbers)
    distinct, which = np.unique(shards, return_inverse=True)
    places = [plan.shards[shard] for shard in distinct.tolist()]
    index = pa.array(which.astype(np.int32), mask=none)
    sources = pa.DictionaryArray.from_arrays(index, pa.array([p.source for p in places]))
    keys = pa.DictionaryArray.from_arrays(index, pa.array([p.key for p in places]))
    rows = numbers.astype(np.int64) - plan.firsts[shards]
    return [sources, keys, pa.array(rows, mask=none)]


def publish_changes(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/index_changes.parquet, documents of indexes on which this run decides anew."""
    plan = load(args["plan"])
    path = plan.work.dedup / "index_changes.parquet"
    indexed = (i for i, shard in enumerate(plan.shards) if shard.index is not None)
    tables = (_changes(plan, shard) for shard in indexed)
    changed = _write(path, CHANGES, tables, durable=True)
    after = pq.read_table(here(path), columns=["after"]).column("after").to_numpy()
    return {"changed": changed, "gone": int(np.count_nonzero(after))}


def _changes(plan: Plan, shard: int) -> pa.Table:
    of = plan.shards[shard]
    assert of.index is not None
    before = np.fromfile(here(IndexFiles(of.index).removed(of.key)), np.uint8)
    after = np.fromfile(here(plan.path(f"removed/{of.key}.u8")), np.uint8)
    changed = np.flatnonzero((before == 0) != (after == 0))
    columns = [
        pa.repeat(pa.scalar(name, NAME.value_type), len(changed)).dictionary_encode()
        for name in (of.index, of.source, of.key)
    ]
    columns += [pa.array(changed), read_ids(plan, shard, changed)]
    columns += [pa.array(one[changed].astype(np.int32)) for one in (before, after)]
    return pa.table(columns, schema=CHANGES)


def read_excerpts(args: dict[str, Any]) -> dict[str, Any]:
    """Task: id and beginning of documents of one shard, by number. args: documents[shard].

    Of an index, which has no texts, the id alone.
    """
    plan, shard = load(args["plan"]), args["part"]
    numbers = [int(number) for number in args["documents"][str(shard)]]
    wanted = {number - int(plan.firsts[shard]) for number in numbers}
    if plan.shards[shard].index is not None:
        ids = read_ids(plan, shard, np.array(sorted(wanted))).to_pylist()
        return {
            str(number): {"id": given, "excerpt": None}
            for number, given in zip(sorted(numbers), ids, strict=True)
        }
    found: dict[str, Any] = {}
    for row, line in enumerate(read_curated_lines(plan.work.curated(plan.shards[shard].key))):
        if row in wanted:
            document, _, _ = parse(line)
            text = " ".join(document.text[: 4 * EXCERPT].split())[:EXCERPT]
            number = str(row + int(plan.firsts[shard]))
            found[number] = {"id": document.id, "excerpt": text}
        if len(found) == len(wanted):
            break
    return found
