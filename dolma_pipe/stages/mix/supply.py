"""What a source has to give, measured in exact tokens: its groups and their quality buckets."""

from typing import Any

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import I64
from dolma_pipe.kernels.scores import NO_SCORE
from dolma_pipe.mix_settings import Curve
from dolma_pipe.stages.mix.copies import CODES, buckets_of_codes
from dolma_pipe.stages.mix.documents import (
    Documents,
    SourceTask,
    read_documents,
    rows_by_group,
)
from dolma_pipe.stages.mix.plan import Amount
from dolma_pipe.stages.mix.scores import scores_of


class BucketSupply(msgspec.Struct, frozen=True):
    """A quality bucket. last_code: its highest score code; lowest, highest: scores, or null."""

    documents: int
    tokens: int
    last_code: int
    lowest: float | None
    highest: float | None


class GroupSupply(msgspec.Struct, frozen=True):
    """A group of a source, its buckets from worst to best; without a curve there is one."""

    name: str
    buckets: tuple[BucketSupply, ...]

    @property
    def tokens(self) -> I64:
        """int64[buckets]."""
        return np.array([bucket.tokens for bucket in self.buckets], np.int64)

    @property
    def available(self) -> Amount:
        return Amount(sum(b.documents for b in self.buckets), sum(b.tokens for b in self.buckets))


class SourceSupply(msgspec.Struct, frozen=True):
    """A source: what may be used, by group, and what is held out."""

    name: str
    groups: tuple[GroupSupply, ...]
    held_out: Amount


def measure_source(args: dict[str, Any]) -> dict[str, Any]:
    """Count the documents and tokens of a source by group and quality bucket.

    args: a SourceTask as plain values; returns a SourceSupply as such.
    """
    task = msgspec.convert(args, SourceTask)
    documents = read_documents(task)
    groups = [
        GroupSupply(documents.names[number], _buckets(task, documents, number, rows))
        for number, rows in rows_by_group(documents)
    ]
    held_out = documents.held_out
    amount = Amount(int(held_out.sum()), int(documents.tokens[held_out].sum()))
    supply = SourceSupply(task.name, tuple(groups), amount)
    return dict(msgspec.to_builtins(supply))


def _buckets(
    task: SourceTask, documents: Documents, number: int, rows: I64
) -> tuple[BucketSupply, ...]:
    factor = task.settings.group_factor(task.name, documents.names[number])
    codes, tokens = documents.codes[rows], documents.tokens[rows]
    histogram = np.bincount(codes, tokens, CODES).astype(np.int64)  # exact below 2^53
    bucket_of_code = buckets_of_codes(histogram, factor.buckets if isinstance(factor, Curve) else 1)
    counts = np.bincount(codes, minlength=CODES)
    found = np.flatnonzero(counts)
    ends = np.flatnonzero(np.diff(bucket_of_code[found], append=-1))
    firsts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    return tuple(
        _bucket(found[first : end + 1], counts, histogram)
        for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)
    )


def _bucket(codes: I64, counts: I64, histogram: I64) -> BucketSupply:
    """codes: those that occur in the bucket, ascending."""
    scored = codes[codes > NO_SCORE]
    edges = scores_of(scored[[0, -1]].astype(np.uint16)) if len(scored) else None
    low, high = (None, None) if edges is None else (round(float(x), 6) for x in edges)
    documents, tokens = int(counts[codes].sum()), int(histogram[codes].sum())
    return BucketSupply(documents, tokens, int(codes[-1]), low, high)
