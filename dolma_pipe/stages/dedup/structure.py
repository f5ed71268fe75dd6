"""Structure: code that has the subtrees of other code, whatever its names, values and layout.

sign       a task a shard: the set of each live document, kept for the decision, and its band keys
the rest   is that of MinHash (similar.py)
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.curated import Texts
from dolma_pipe.document import field_of
from dolma_pipe.entries import Ast
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.kernels.minhash import band_keys_of_sets
from dolma_pipe.kernels.shingles import shingles_of
from dolma_pipe.programming_languages import language_from
from dolma_pipe.stages.dedup.banding import banding_of
from dolma_pipe.stages.dedup.found import Found
from dolma_pipe.stages.dedup.late import write_ranks
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.sign import keys_path, write_words
from dolma_pipe.stages.dedup.similar import find_similar
from dolma_pipe.syntax import parser_of, subtree_sets
from dolma_pipe.work import atomic_write, here

_OWN_SPACE = np.uint64(0x5851F42D4C957F2D)
"""Takes shingles out of the space of subtrees, so that the two sorts of sets never meet."""

_BLOCK_WORDS = 1 << 20


def find_structures(steps: Steps, plan: Plan) -> Found:
    """All steps of an AST entry, up to its decisions."""
    assert isinstance(plan.entry, Ast)
    parser_of("python")  # a missing extra is told before the work begins
    signed = steps.over_shards("structure:sign_shard", plan.taking_part())
    found = find_similar(steps, plan, banding_of(plan.entry), plan.entry.verify or 0.0)
    found.counts["languages"] = _sums(signed)
    return found


def sign_shard(args: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Task: signatures/<shard>.<entry>.keys.u64 and .ranks.u64, structures/<shard>.*.

    Returns by language ("unknown" without one) how many documents there were, and of these how many
    `parsed`, were `small` (parsed, and left out), or went by `shingles`.
    """
    plan, shard = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, Ast)
    banding = banding_of(plan.entry)
    documents = plan.shards[shard].documents
    keys, sizes = np.zeros((documents, banding.bands), np.uint64), np.zeros(documents, np.int64)
    counts: dict[str, Counter[str]] = {}
    with atomic_write(_values(plan, shard), durable=False) as file:
        for texts in read_live(plan, shard):
            sets = _sets(plan.entry, texts, counts)
            values = np.concatenate([np.empty(0, np.uint64), *sets])
            offsets = np.cumsum([0, *map(len, sets)])
            keys[texts.rows] = band_keys_of_sets(values, offsets, *banding, plan.entry.seed)
            sizes[texts.rows] = np.diff(offsets)
            file.write(values.data)
    with atomic_write(_offsets(plan, shard), durable=False) as file:
        file.write(np.concatenate([[0], np.cumsum(sizes)]).data)
    write_words(keys_path(plan.signatures(shard), plan.number), keys.T)
    write_ranks(plan, shard)
    return {language: dict(count) for language, count in counts.items()}


def read_structures(plan: Plan, shard: int, rows: I64) -> Iterator[list[U64]]:
    """The sets of these rows (ascending), some megabytes at a time."""
    offsets = np.fromfile(here(_offsets(plan, shard)), np.int64)
    if not offsets[-1]:
        return
    values = np.memmap(here(_values(plan, shard)), np.uint64, "r")
    before = np.cumsum(np.diff(offsets)[rows])
    blocks = np.flatnonzero(np.diff(before // _BLOCK_WORDS)) + 1
    for some in np.split(rows, blocks):
        yield [np.array(values[offsets[row] : offsets[row + 1]]) for row in some.tolist()]


def _values(plan: Plan, shard: int) -> Path:
    return plan.path(f"structures/{plan.shards[shard].key}.values.u64")


def _offsets(plan: Plan, shard: int) -> Path:
    """int64[documents + 1]: the set of row r is values[offsets[r]:offsets[r + 1]]."""
    return plan.path(f"structures/{plan.shards[shard].key}.offsets.i64")


def _sets(entry: Ast, texts: Texts, counts: dict[str, Counter[str]]) -> list[U64]:
    """Sorted, distinct and without 0; empty for a document that is not compared."""
    content = texts.text.data
    borders = texts.offsets.tolist()
    languages = [language_from(field_of(line, f) for f in entry.fields) for line in texts.lines]
    found = subtree_sets(
        [bytes(content[a:b]) for a, b in pairwise(borders)],
        [name if name in entry.languages else None for name in languages],
        entry.nodes,
        entry.max_bytes,
    )
    unparsed = np.array([i for i, one in enumerate(found) if one is None], np.int64)
    for i, shingles in zip(unparsed.tolist(), _shingles(entry, texts, unparsed), strict=True):
        found[i] = shingles
    by_shingles = set(unparsed.tolist())
    sets: list[U64] = []
    for i, one in enumerate(found):
        assert one is not None
        how = "shingles" if i in by_shingles else "parsed"
        if how == "parsed" and len(one) < entry.subtrees:
            one, how = one[:0], "small"
        counts.setdefault(languages[i] or "unknown", Counter()).update(["documents", how])
        sets.append(one)
    return sets


def _shingles(entry: Ast, texts: Texts, rows: I64) -> Iterator[U64]:
    if entry.shingle is None:
        yield from [np.empty(0, np.uint64)] * len(rows)
        return
    values, offsets = shingles_of(texts.text, texts.offsets, rows, entry.shingle)
    for a, b in pairwise(offsets.tolist()):
        yield np.maximum(np.unique(values[a:b] ^ _OWN_SPACE), np.uint64(1))


def _sums(counts: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Over the shards, the languages with the most documents first."""
    sums: dict[str, Counter[str]] = {}
    for shard in counts:
        for language, count in shard.items():
            sums.setdefault(language, Counter()).update(count)
    ordered = sorted(sums, key=lambda name: (-sums[name]["documents"], name))
    kinds = ("documents", "parsed", "small", "shingles")
    return {name: {kind: sums[name][kind] for kind in kinds} for name in ordered}
