"""Publish: results under final names: dedup/removed/ for the next pass, a table for people."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.cuts import read_cuts, without, write_cuts
from dolma_pipe.document import parse
from dolma_pipe.kernels.jit import U64, Bool
from dolma_pipe.stages.dedup.annotations import located, publish_annotations
from dolma_pipe.stages.dedup.decisions import NOBODY, read_decisions
from dolma_pipe.stages.dedup.names import read_names
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.work import atomic_write

EXCERPT = 160
"""Code points of a text that the report shows."""

ROWS = 1 << 17
"""Rows of removed.parquet in a group, and so in memory."""

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


def publish_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/removed/<shard>.u8 as after the last entry, cuts and annotations if there are.

    args: plans, of the entries that annotate; cuts: whether an entry edited.
    """
    plan, shard = load(args["plan"]), args["part"]
    key = plan.shards[shard].key
    removed = np.fromfile(plan.path(f"removed/{key}.u8"), np.uint8)
    with atomic_write(plan.work.removed(key)) as file:
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


def publish_table(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/removed.parquet. args: plans, all_parts: of all entries."""
    rows = 0
    path = load(args["plan"]).work.dedup / "removed.parquet"
    with atomic_write(path) as file, pq.ParquetWriter(file, REMOVED) as writer:
        held: list[pa.Table] = []
        for given, parts in zip(args["plans"], args["all_parts"], strict=True):
            for table in _rows(load(given), parts):
                held.append(table)
                rows += table.num_rows
                if sum(one.num_rows for one in held) >= ROWS:
                    _write(writer, held)
        _write(writer, held)
    return {"rows": rows}


def _write(writer: pq.ParquetWriter, held: list[pa.Table]) -> None:
    if held:
        writer.write_table(pa.concat_tables(held).unify_dictionaries(), row_group_size=ROWS)
        held.clear()


def _rows(plan: Plan, parts: int) -> Iterator[pa.Table]:
    """The rows of one entry, a table a shard."""
    documents, ids = read_names(plan)
    for shard in range(len(plan.shards)):
        decisions = read_decisions(plan, shard, parts).decisions
        if not len(decisions.removed):
            continue
        similarity = pa.array(
            np.round(decisions.similarity, 6), mask=np.isnan(decisions.similarity)
        )
        columns = [pa.array(np.full(len(decisions.removed), plan.number, np.int32))]
        for numbers in (decisions.removed, decisions.kept):
            none = numbers == NOBODY
            numbers = np.where(none, decisions.removed, numbers)  # anything that is there
            columns += _places(plan, numbers, none)
            places = pa.array(np.searchsorted(documents, numbers), mask=none)
            columns.append(ids.take(places))
        component = pa.array(located(plan, decisions.component))
        yield pa.table([*columns, similarity, component], schema=REMOVED)


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


def read_excerpts(args: dict[str, Any]) -> dict[str, Any]:
    """Task: id and beginning of documents of one shard, by number. args: documents[shard]."""
    plan, shard = load(args["plan"]), args["part"]
    wanted = {int(number) - int(plan.firsts[shard]) for number in args["documents"][str(shard)]}
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
