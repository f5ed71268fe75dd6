"""Lines: hashes of the units of all texts, a filter that tells which came before, and cuts.

hash     a task a shard: the distinct hashes of every two million units, in order
filter   a task a stretch of hashes: one bit for each, walking the whole corpus (line_filter.py)
cut      a task a shard: the same units again, their bits, and what is taken out
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.curated import Texts
from dolma_pipe.cuts import Cuts, cuts_of, write_cuts
from dolma_pipe.entries import Lines
from dolma_pipe.kernels.jit import F64, I64, U64, Bool
from dolma_pipe.kernels.lines import Units, cut_units, find_units, hash_units
from dolma_pipe.stages.dedup.alone import decide_alone, write_alone
from dolma_pipe.stages.dedup.cells import read_cell_of_all
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.hashes import write_hashes
from dolma_pipe.stages.dedup.line_filter import (
    Layout,
    block_path,
    borders_of,
    filter_report,
    filters_of,
    layout_for,
    unpacked,
)
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, Steps, load

BLOCK_UNITS = 2 << 20
"""Units, of some 40 bytes each, that a task holds; within them repeats are found exactly."""

HASHED = ("units", "counted_units", "block_repeats")
"""Units in all; those long enough to count; of these the repeats within a block."""

CUT = ("repeated_units", "repeated_bytes", "dropped_by_share", "dropped_as_empty")
"""Also those of documents that go as a whole; and these documents."""


class Block(NamedTuple):
    """The units of some documents, rows int64[documents] of their shard."""

    rows: I64
    units: Units


def find_repeated_units(steps: Steps, plan: Plan) -> Found:
    """All steps of an entry of lines, up to its decisions and cuts."""
    assert isinstance(plan.entry, Lines)
    shards = plan.taking_part()
    hashed = steps.over_shards("lines:hash_shard", shards)
    counts = total(hashed, HASHED)
    hashes = counts["counted_units"] - counts["block_repeats"]
    layout = layout_for(hashes, plan.entry.false_positives, plan.partition_bytes)
    blocks = [shard["blocks"] for shard in hashed]
    filtered = steps.over_parts(
        "line_filter:filter_part", layout.parts, layout=layout._asdict(), blocks=blocks
    )
    cut = steps.over_shards("lines:cut_shard", shards, layout=layout._asdict())
    counts |= total(cut, CUT)
    gone = counts["dropped_by_share"] + counts["dropped_as_empty"]
    told = filter_report(layout, filtered, plan.entry.false_positives)
    return Found({**counts, "filter": told}, decide_alone(steps, plan, gone), cuts=True)


def hash_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: units/<shard>.<block>.cells, the distinct hashes of a block in ascending order."""
    plan, shard = load(args["plan"]), args["part"]
    counts = dict.fromkeys(HASHED, 0) | {"blocks": 0}
    for block in _read_blocks(plan, shard):
        hashes = block.units.hashes
        values, _ = _distinct(hashes)
        write_hashes(block_path(plan, shard, counts["blocks"]), values)
        counted = int(np.count_nonzero(hashes))
        counts["units"] += len(hashes)
        counts["counted_units"] += counted
        counts["block_repeats"] += counted - len(values)
        counts["blocks"] += 1
    return counts


def cut_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: found/<shard>.i64, alone/<shard>.u64 of the documents that go as a whole."""
    plan, shard, layout = load(args["plan"]), args["part"], Layout(**args["layout"])
    entry = plan.entry
    assert isinstance(entry, Lines)
    bits = _Bits(plan, shard, layout)
    counts = dict.fromkeys(CUT, 0)
    cuts: list[tuple[I64, I64, I64]] = []
    gone: list[tuple[I64, F64]] = []
    for block in _read_blocks(plan, shard):
        repeated = _repeated(block.units, bits)
        share, size = _covered(block.units, repeated)
        empty = share == 1
        goes = empty | _above(share, entry.drop)
        counts["repeated_units"] += int(repeated.sum())
        counts["repeated_bytes"] += int(size)
        counts["dropped_as_empty"] += int(empty.sum())
        counts["dropped_by_share"] += int(goes.sum() - empty.sum())
        gone.append((block.rows[goes], share[goes]))
        repeated &= ~np.repeat(goes, np.diff(block.units.offsets))
        documents, starts, ends = cut_units(block.units, repeated)
        cuts.append((block.rows[documents], starts, ends))
    documents = plan.shards[shard].documents
    path = plan.path(f"found/{plan.shards[shard].key}.i64")
    write_cuts(path, _joined(cuts, documents), durable=False)
    write_alone(plan, shard, gone)
    return counts


def _read_blocks(plan: Plan, shard: int) -> Iterator[Block]:
    """The units of all live documents, at least BLOCK_UNITS at a time but for the last."""
    held: list[Block] = []
    size = 0
    for texts in read_live(plan, shard):
        held.append(Block(texts.rows, _units(plan, texts)))
        size += len(held[-1].units.hashes)
        if size >= BLOCK_UNITS:
            yield _concatenated(held)
            held, size = [], 0
    if held:
        yield _concatenated(held)


def _units(plan: Plan, texts: Texts) -> Units:
    entry = plan.entry
    assert isinstance(entry, Lines)
    units = find_units(texts.text, texts.offsets, paragraphs=entry.unit == "paragraph")
    hash_units(
        texts.text,
        texts.offsets,
        units,
        folded=entry.normalise == "words",
        min_words=entry.min_words,
        min_bytes=entry.min_bytes,
    )
    return units


def _concatenated(blocks: list[Block]) -> Block:
    counts = np.concatenate([np.diff(block.units.offsets) for block in blocks])
    columns = zip(*(block.units[1:] for block in blocks), strict=True)
    starts, ends, nexts, hashes = (np.concatenate(column) for column in columns)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rows = np.concatenate([block.rows for block in blocks])
    return Block(rows, Units(offsets, starts, ends, nexts, hashes))


def _distinct(hashes: U64) -> tuple[U64, I64]:
    """Hashes that are not 0, ascending, and where each is first."""
    places = np.flatnonzero(hashes)
    values, first = np.unique(hashes[places], return_index=True)
    return values, places[first]


class _Bits:
    """What the filters said of the blocks of a shard, block by block."""

    def __init__(self, plan: Plan, shard: int, layout: Layout) -> None:
        paths = [plan.path(f"seen/{part}.cells") for part in range(layout.parts)]
        self._words = list(read_cell_of_all(paths, shard))
        self._firsts = [borders_of(layout, filters_of(layout, p)[:1]) for p in range(layout.parts)]

    def of(self, values: U64) -> Bool:
        """bool[values]: of the distinct hashes of the next block, ascending."""
        places = np.searchsorted(values, np.concatenate(self._firsts)).tolist()
        seen = []
        for part, (start, end) in enumerate(pairwise([*places, len(values)])):
            words = -(-(end - start) // 64)
            mine, self._words[part] = self._words[part][:words], self._words[part][words:]
            seen.append(unpacked(mine, end - start))
        return np.concatenate(seen)


def _repeated(units: Units, bits: _Bits) -> Bool:
    """bool[units]: units that were seen in an earlier block, or earlier in this one."""
    values, first = _distinct(units.hashes)
    repeated: Bool = units.hashes != 0
    repeated[first] = bits.of(values)
    return repeated


def _covered(units: Units, repeated: Bool) -> tuple[F64, int]:
    """float64[documents]: the share of bytes in repeated units, 1 only where all are; the sum."""
    sizes = units.nexts - units.starts
    sums = np.concatenate([[0], np.cumsum(sizes)])[units.offsets]
    covered = np.concatenate([[0], np.cumsum(sizes * repeated)])[units.offsets]
    return np.diff(covered) / np.maximum(np.diff(sums), 1), int(covered[-1])


def _above(share: F64, drop: float | None) -> Bool:
    limit = 1.0 if drop is None else drop
    above: Bool = np.greater(np.round(share, 6), round(limit, 6))
    return above


def _joined(cuts: list[tuple[I64, I64, I64]], documents: int) -> Cuts:
    none = np.empty(0, np.int64)
    rows, starts, ends = (np.concatenate([none, *(part[i] for part in cuts)]) for i in range(3))
    return cuts_of(rows, starts, ends, documents)
