"""Line filter: one stretch of the hashes of all units through Bloom filters, in corpus order.

The result does not depend on the partitions: the hash space is cut into filters by the number of
hashes alone, and a partition is a range of whole filters.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.entries import Lines
from dolma_pipe.kernels.bloom import (
    Filters,
    bits_a_hash,
    filters_for,
    look_up_and_add,
    positions_a_hash,
)
from dolma_pipe.kernels.jit import I64, U64, Bool
from dolma_pipe.stages.dedup.cells import write_cells
from dolma_pipe.stages.dedup.found import total
from dolma_pipe.stages.dedup.hashes import read_stretches
from dolma_pipe.stages.dedup.plan import Plan, load

HASHES_A_FILTER = 1 << 17
"""Of which a Bloom filter for one false positive in a million takes half a megabyte."""

BYTES_IN_A_SET = 24
"""What a hash takes in an exact set, at most."""

SAMPLED = 16
"""Filters whose false positives are counted."""


class Layout(NamedTuple):
    """2 ** level filters, in `parts` ranges of about as many."""

    level: int
    parts: int


def layout_for(hashes: int, rate: float, partition_bytes: int) -> Layout:
    """For so many hashes, distinct within each block."""
    level = max(0, (hashes - 1) // HASHES_A_FILTER).bit_length()
    size = bits_a_hash(rate) / 8 if rate > 0 else BYTES_IN_A_SET
    parts = max(1, -(-round(hashes * size) // partition_bytes))
    return Layout(level, min(parts, 1 << level))


def filters_of(layout: Layout, part: int) -> range:
    """The numbers of the filters of a part; part `parts` begins behind the last one."""
    first, end = (p * (1 << layout.level) // layout.parts for p in (part, part + 1))
    return range(first, end)


def borders_of(layout: Layout, numbers: range) -> U64:
    """uint64: the first hash of each of these filters."""
    return np.array([number << (64 - layout.level) for number in numbers], np.uint64)


def filter_part(args: dict[str, Any]) -> dict[str, int]:
    """Task: seen/<part>.cells, a cell a shard: a bit for each hash of each block, to whole words.

    args: layout; blocks, how many files each shard that takes part has.
    """
    plan, part, layout = load(args["plan"]), args["part"], Layout(**args["layout"])
    assert isinstance(plan.entry, Lines)
    numbers = filters_of(layout, part)
    blocks = list(_in_corpus_order(plan, args["blocks"]))
    items = np.zeros(len(numbers), np.int64)
    for hashes in _stretches(blocks, layout, numbers):
        items += _counts(hashes, layout, numbers)
    filters = filters_for(layout.level, numbers.start, items, plan.entry.false_positives)
    sample = _Sample(layout)
    words: list[list[U64]] = [[np.empty(0, np.uint64)] for _ in plan.shards]
    for (shard, _), hashes in zip(blocks, _stretches(blocks, layout, numbers), strict=True):
        seen = look_up_and_add(filters, hashes)
        sample.add(hashes, seen)
        words[shard].append(_packed(seen))
    cells = [np.concatenate(listed) for listed in words]
    sizes = np.array([len(cell) for cell in cells], np.int64)
    write_cells(plan.path(f"seen/{part}.cells"), sizes, cells)
    return {**_counted(filters, items), **sample.judged()}


def _in_corpus_order(plan: Plan, blocks: Sequence[int]) -> Iterator[tuple[int, Path]]:
    """Shard and file of every block, preferred sources first."""
    counts = dict(zip(plan.taking_part(), blocks, strict=True))
    for shard in sorted(counts, key=lambda s: (plan.entry.preference(plan.shards[s].source), s)):
        for block in range(counts[shard]):
            yield shard, block_path(plan, shard, block)


def block_path(plan: Plan, shard: int, block: int) -> Path:
    """The distinct hashes of a block of units, as in hashes.py."""
    return plan.path(f"units/{plan.shards[shard].key}.{block}.cells")


def _stretches(blocks: Sequence[tuple[int, Path]], layout: Layout, numbers: range) -> Iterator[U64]:
    """The hashes of each block that belong to these filters; only they are read."""
    first, end = (number << (64 - layout.level) for number in (numbers.start, numbers.stop))
    paths = [path for _, path in blocks]
    return (hashes for _, hashes in read_stretches(paths, first, end))


def _counts(hashes: U64, layout: Layout, numbers: range) -> I64:
    """int64[filters]: ascending hashes by filter."""
    firsts = np.searchsorted(hashes, borders_of(layout, numbers))
    return np.diff(np.append(firsts, len(hashes)))


def _packed(bits: Bool) -> U64:
    """64 to a word, the first in the lowest bit."""
    padded = np.zeros(-(-len(bits) // 64) * 64, np.bool_)
    padded[: len(bits)] = bits
    return np.packbits(padded, bitorder="little").view(np.uint64)


def unpacked(words: U64, count: int) -> Bool:
    """The first bits of words."""
    return np.unpackbits(words.view(np.uint8), count=count, bitorder="little").astype(np.bool_)


class _Sample:
    """All hashes of some filters in corpus order, to count false positives by sorting."""

    def __init__(self, layout: Layout) -> None:
        self._level = np.uint64(layout.level)
        self._stride = np.uint64(max(1, (1 << layout.level) // SAMPLED))
        self._hashes: list[U64] = []
        self._seen: list[Bool] = []

    def add(self, hashes: U64, seen: Bool) -> None:
        numbers = hashes >> np.uint64(1) >> (np.uint64(63) - self._level)
        chosen = numbers % self._stride == 0
        self._hashes.append(hashes[chosen])
        self._seen.append(seen[chosen])

    def judged(self) -> dict[str, int]:
        """Hashes that were new, and those of them that a filter had seen."""
        if not self._hashes:
            return {"sampled_new_hashes": 0, "sampled_false_positives": 0}
        _, first = np.unique(np.concatenate(self._hashes), return_index=True)
        wrong = np.concatenate(self._seen)[first]
        return {"sampled_new_hashes": len(wrong), "sampled_false_positives": int(wrong.sum())}


def _counted(filters: Filters, items: I64) -> dict[str, int]:
    """Sums over the filters; what is no whole number is in millionths, so that sums are exact."""
    return {
        "hashes": int(items.sum()),
        "new_hashes": int(filters.added.sum()),
        "bits": int(filters.offsets[-1]) * 64,
        "expected_millionths": int(np.rint(filters.expected * 1e6).sum()),
    }


def filter_report(layout: Layout, parts: Sequence[dict[str, int]], rate: float) -> dict[str, Any]:
    """What dedup/report.json tells of the filters.

    hashes: looked up and added; those of a block are distinct. asked_rate: false positives of a
    full filter. expected_rate: the mean chance that a new hash was taken for a repeat, from how
    full its filter was. counted: in all of some filters, by sorting their hashes.
    """
    names = ("hashes", "new_hashes", "bits", "sampled_new_hashes", "sampled_false_positives")
    counts = total(parts, [*names, "expected_millionths"])
    expected = counts.pop("expected_millionths") / 1e6
    sampled = counts["sampled_new_hashes"]
    return {
        "filters": 1 << layout.level,
        **counts,
        "positions": positions_a_hash(rate),
        "asked_rate": rate,
        "expected_false_positives": round(expected, 6),
        "expected_rate": _rounded(expected / max(1, counts["new_hashes"])),
        "counted_rate": _rounded(counts["sampled_false_positives"] / max(1, sampled)),
    }


def _rounded(rate: float) -> float:
    return float(f"{rate:.4g}")
