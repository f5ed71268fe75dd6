"""What a score is worth: ranking, cuts and calibration, exactly, from arrays alone.

Everywhere scores: float64[documents], NaN for a document without one, which ranks below all and
lies outside of every cut, as in a recipe; positive: bool[documents].
"""

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import F64, I64, Bool

THRESHOLDS = tuple(k / 10 for k in range(1, 10))
BINS = 10


class Cut(msgspec.Struct, frozen=True):
    """What keeping scores >= threshold does.

    kept: share of all documents; precision: share of positives among the kept (0 where none is),
    recall: share of the positives that are kept; f1: their harmonic mean.
    """

    threshold: float
    kept: float
    precision: float
    recall: float
    f1: float


class Bin(msgspec.Struct, frozen=True):
    """Documents with low <= score < high (the last: <= high); the means are null where none is."""

    low: float
    high: float
    documents: int
    mean_score: float | None
    positive_share: float | None


class Calibration(msgspec.Struct, frozen=True):
    """error: expected calibration error (Guo et al. 2017), the mean distance of the two columns."""

    bins: tuple[Bin, ...]
    error: float


def auc(scores: F64, positive: Bool) -> float:
    """The chance that a positive ranks above a negative, ties counting half (Mann-Whitney U).

    Exact: whole numbers up to the last division. Both classes must be there.
    """
    _, place = np.unique(np.where(np.isnan(scores), -np.inf, scores), return_inverse=True)
    of_positives = np.bincount(place, positive).astype(np.int64)
    of_negatives = np.bincount(place).astype(np.int64) - of_positives
    below = np.cumsum(of_negatives) - of_negatives
    twice = int(((2 * below + of_negatives) * of_positives).sum())
    return twice / (2 * int(of_positives.sum()) * int(of_negatives.sum()))


def cut_at(scores: F64, positive: Bool, threshold: float) -> Cut:
    """Keep scores >= threshold."""
    kept = scores >= threshold
    return _cut(
        threshold, int(kept.sum()), int((kept & positive).sum()), int(positive.sum()), len(scores)
    )


def best_cut(scores: F64, positive: Bool) -> Cut:
    """The cut at the score with the largest F1, the highest of several; some score is needed."""
    known = ~np.isnan(scores)
    values, place = np.unique(-scores[known], return_inverse=True)
    kept = np.cumsum(np.bincount(place))
    hits = np.cumsum(np.bincount(place, positive[known])).astype(np.int64)
    total = int(positive.sum())
    best = int(np.argmax(2 * hits / (kept + total)))
    return _cut(float(-values[best]), int(kept[best]), int(hits[best]), total, len(scores))


def _cut(threshold: float, kept: int, hits: int, positives: int, documents: int) -> Cut:
    return Cut(
        threshold=threshold,
        kept=kept / documents,
        precision=hits / kept if kept else 0.0,
        recall=hits / positives,
        f1=2 * hits / (kept + positives),
    )


def calibration(scores: F64, positive: Bool, weights: F64) -> Calibration:
    """Ten bins of equal width over [0, 1]; weights: float64[documents], in all means.

    Documents without a score are left out.
    """
    known = ~np.isnan(scores)
    scores, positive, weights = np.clip(scores[known], 0, 1), positive[known], weights[known]
    place = np.minimum(np.floor(scores * BINS), BINS - 1).astype(np.int64)
    documents: I64 = np.bincount(place, minlength=BINS)
    mass = np.bincount(place, weights, BINS)
    mean = np.bincount(place, weights * scores, BINS) / np.where(mass > 0, mass, 1)
    share = np.bincount(place, weights * positive, BINS) / np.where(mass > 0, mass, 1)
    bins = tuple(
        Bin(
            low=k / BINS,
            high=(k + 1) / BINS,
            documents=int(documents[k]),
            mean_score=float(mean[k]) if documents[k] else None,
            positive_share=float(share[k]) if documents[k] else None,
        )
        for k in range(BINS)
    )
    error = float((mass * np.abs(mean - share)).sum() / max(float(mass.sum()), 1e-300))
    return Calibration(bins, error)
