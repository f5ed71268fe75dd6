"""Publish: results under final names: dedup/removed/ for the next pass, a table for people."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.document import parse
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.dedup.decisions import read_decisions
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
        ("jaccard", pa.float64()),
        ("component", pa.uint64()),
    ]
)
"""Shards are keys, rows are those of the curated file, jaccard is null where nothing was verified.

component is the number of its first document: index of the shard << 32 | row.
"""


def publish_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/removed/<shard>.u8 as after the last entry. args: entries."""
    plan, shard = load(args["plan"]), args["part"]
    last = plan.path(f"removed/{plan.shards[shard].key}.u8")
    removed = np.fromfile(last, np.uint8)
    with atomic_write(plan.work.removed(plan.shards[shard].key)) as file:
        file.write(removed.data)
    return {"kept": int((removed == 0).sum())}


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
    paths = [plan.path(f"names/{shard.key}.parquet") for shard in plan.shards]
    names = pa.concat_tables([pq.read_table(path) for path in paths])
    documents = names.column("document").to_numpy()
    ids = names.column("id").combine_chunks()
    for shard in range(len(plan.shards)):
        decisions = read_decisions(plan, shard, parts)
        if not len(decisions.removed):
            continue
        jaccard = pa.array(np.round(decisions.similarity, 6), mask=np.isnan(decisions.similarity))
        columns = [pa.array(np.full(len(decisions.removed), plan.number, np.int32))]
        for numbers in (decisions.removed, decisions.kept):
            columns += _located(plan, numbers)
            columns.append(ids.take(pa.array(np.searchsorted(documents, numbers))))
        component = plan.shard_of(decisions.component).astype(np.uint64) << np.uint64(32)
        component |= _rows_of(plan, decisions.component).astype(np.uint64)
        yield pa.table([*columns, jaccard, pa.array(component)], schema=REMOVED)


def _located(plan: Plan, numbers: U64) -> list[pa.Array]:
    """source, shard and row of each document."""
    shards = plan.shard_of(numbers)
    distinct, which = np.unique(shards, return_inverse=True)
    places = [plan.shards[shard] for shard in distinct.tolist()]
    index = pa.array(which.astype(np.int32))
    sources = pa.DictionaryArray.from_arrays(index, pa.array([p.source for p in places]))
    keys = pa.DictionaryArray.from_arrays(index, pa.array([p.key for p in places]))
    return [sources, keys, pa.array(_rows_of(plan, numbers))]


def _rows_of(plan: Plan, numbers: U64) -> I64:
    return numbers.astype(np.int64) - plan.firsts[plan.shard_of(numbers)]


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
