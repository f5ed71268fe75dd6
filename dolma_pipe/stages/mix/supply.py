"""What a source has to give, measured in exact tokens: its groups and their quality buckets."""

from typing import Any

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import I64, U16, U32
from dolma_pipe.kernels.scores import NO_SCORE
from dolma_pipe.mix_settings import Curve
from dolma_pipe.stages.mix.copies import buckets_of_codes
from dolma_pipe.stages.mix.documents import SourceTask, read_documents, rows_by_group
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
    settings, groups = task.settings, []
    for number, rows in rows_by_group(documents):
        name = documents.names[number]
        factor = settings.group_factor(task.name, name)
        most = factor.buckets if isinstance(factor, Curve) else 1
        groups.append(
            GroupSupply(name, _buckets(documents.codes[rows], documents.tokens[rows], most))
        )
    held_out = documents.held_out
    amount = Amount(int(held_out.sum()), int(documents.tokens[held_out].sum()))
    supply = SourceSupply(task.name, tuple(groups), amount)
    return dict(msgspec.to_builtins(supply))


def _buckets(codes: U16, tokens: U32, most: int) -> tuple[BucketSupply, ...]:
    """codes, tokens: [documents] of a group."""
    counts = np.bincount(codes)
    found = np.flatnonzero(counts)
    counts = counts[found]
    histogram = np.bincount(codes, tokens)[found].astype(np.int64)  # exact below 2^53
    ends = np.flatnonzero(np.diff(buckets_of_codes(histogram, most), append=-1)) + 1
    begins = [0, *ends[:-1].tolist()]
    return tuple(
        _bucket(found[begin:end], int(counts[begin:end].sum()), int(histogram[begin:end].sum()))
        for begin, end in zip(begins, ends.tolist(), strict=False)
    )


def _bucket(codes: I64, documents: int, tokens: int) -> BucketSupply:
    """codes: those that occur in the bucket, ascending."""
    scored = codes[codes > NO_SCORE]
    edges = scores_of(scored[[0, -1]].astype(np.uint16)) if len(scored) else None
    low, high = (None, None) if edges is None else (round(float(x), 6) for x in edges)
    return BucketSupply(documents, tokens, int(codes[-1]), low, high)
