"""Cut: from repeated runs to stretches that go, and documents that go as a whole."""

from typing import Any

import numpy as np

from dolma_pipe.curated import Texts
from dolma_pipe.cuts import Cuts, cuts_of, write_cuts
from dolma_pipe.entries import Substring
from dolma_pipe.kernels.jit import F64, Bool
from dolma_pipe.kernels.normalise import collapse_white_space
from dolma_pipe.kernels.sentences import split_sentences
from dolma_pipe.kernels.stretches import join_stretches, move_inwards
from dolma_pipe.kernels.words import split_lines, split_words
from dolma_pipe.stages.dedup.cells import read_cell_of_all
from dolma_pipe.stages.dedup.decisions import NOBODY, Decisions, write_decisions
from dolma_pipe.stages.dedup.live import read_rows
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.stages.dedup.sign import write_words
from dolma_pipe.work import all_here


def cut_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: found/<shard>.i64, the cuts, and gone/<shard>.u64, numbers of documents that go.

    args: parts, of the repeats.
    """
    plan, shard = load(args["plan"]), args["part"]
    assert isinstance(plan.entry, Substring)
    documents = plan.shards[shard].documents
    paths = (plan.path(f"repeats/{part}.cells") for part in range(args["parts"]))
    records = np.concatenate(list(read_cell_of_all(paths, shard))).astype(np.int64).reshape(-1, 3)
    runs = cuts_of(records[:, 0], records[:, 1], records[:, 2], documents)
    joined = Cuts(*join_stretches(*runs, plan.entry.join))
    pieces, blank = [np.empty((0, 3), np.int64)], np.zeros(documents, np.bool_)
    rows = np.flatnonzero(np.diff(joined.offsets))
    for texts in read_rows(plan, shard, rows) if len(rows) else ():
        some = _at_borders(texts, joined.of(texts.rows), plan.entry.borders)
        blank[texts.rows] = _blank(texts, some)
        of = np.repeat(texts.rows, np.diff(some.offsets))
        pieces.append(np.stack([of, some.starts, some.ends], axis=1))
    cut_rows, starts, ends = np.concatenate(pieces).T
    cuts = cuts_of(cut_rows, starts, ends, documents)
    mostly = _mostly_cut(plan, shard, cuts) & ~blank
    write_cuts(plan.path(f"found/{plan.shards[shard].key}.i64"), cuts, durable=False)
    gone = np.flatnonzero(blank | mostly).astype(np.uint64) + np.uint64(plan.firsts[shard])
    write_words(plan.path(f"gone/{plan.shards[shard].key}.u64"), [gone])
    return {
        "repeated_runs": len(runs.starts),
        "repeated_bytes": int(runs.lengths().sum()),
        "mostly_repeated": int(mostly.sum()),
        "blank_remains": int(blank.sum()),
    }


def _at_borders(texts: Texts, stretches: Cuts, within: int) -> Cuts:
    """Stretches of these documents, moved inwards; what vanishes stays in the text."""
    lines = split_lines(texts.text, texts.offsets)
    sentences = split_sentences(texts.text, split_words(texts.text, texts.offsets), lines)
    starts, ends = move_inwards(
        texts.text, texts.offsets, *stretches, lines.starts, sentences.starts, within
    )
    rows = np.repeat(np.arange(len(texts.rows)), np.diff(stretches.offsets))
    return cuts_of(rows, starts, ends, len(texts.rows))


def _blank(texts: Texts, cuts: Cuts) -> Bool:
    """Whether nothing but white space stays of a document that is cut."""
    _, offsets = collapse_white_space(*cuts.apply(texts.text, texts.offsets))
    blank: Bool = (np.diff(offsets) == 0) & (np.diff(cuts.offsets) > 0)
    return blank


def _mostly_cut(plan: Plan, shard: int, cuts: Cuts) -> Bool:
    assert isinstance(plan.entry, Substring)
    if plan.entry.drop is None:
        return np.zeros(len(cuts.offsets) - 1, np.bool_)
    share: F64 = cuts.lengths() / np.maximum(plan.lengths(shard).astype(np.int64), 1)
    mostly: Bool = np.asarray(np.round(share, 6) > round(plan.entry.drop, 6), np.bool_)
    return mostly


def decide_part(args: dict[str, Any]) -> dict[str, Any]:
    """Task: decisions/<part>.cells, for a stretch of the shards. args: of, how many parts."""
    plan, part, parts = load(args["plan"]), args["part"], args["of"]
    shards = plan.taking_part()
    first, end = len(shards) * part // parts, len(shards) * (part + 1) // parts
    paths = [plan.path(f"gone/{plan.shards[shard].key}.u64") for shard in shards[first:end]]
    gone = np.concatenate(
        [np.empty(0, np.uint64), *(np.fromfile(p, np.uint64) for p in all_here(paths))]
    )
    nobody, unknown = np.full(len(gone), NOBODY), np.full(len(gone), np.nan)
    return write_decisions(plan, part, Decisions(gone, nobody, unknown, gone))
