"""What a law is worth on runs that it has not seen, beside predicting their mean."""

import msgspec
import numpy as np
from scipy.stats import rankdata

from dolma_pipe.kernels.jit import F64, I64
from dolma_pipe.mixture.law import fit_law


class Accuracy(msgspec.Struct, frozen=True):
    """Of predictions for runs that were held out.

    relative_error: mean of |predicted - loss| / loss; relative_error_of_mean: the same where the
    mean of the other runs is predicted; rank_correlation: Spearman's; r2: share of the squared
    error of that mean which the law takes away, negative where it is worse.
    """

    relative_error: float
    relative_error_of_mean: float
    rank_correlation: float
    r2: float


class HeldOut(msgspec.Struct, frozen=True):
    """folds: runs with one mixture are never parted; tasks: by name; mean: of all tasks by their
    weights, which is what a mixture is chosen by."""

    folds: int
    tasks: dict[str, Accuracy]
    mean: Accuracy


def cross_validate(
    shares: F64,
    losses: F64,
    tasks: tuple[str, ...],
    task_weights: F64,
    *,
    folds: int,
    starts: int,
    seed: int,
    huber: float,
) -> HeldOut:
    """shares: float64[runs, domains], losses: float64[runs, tasks].

    Fewer runs than two a parameter are too few to hold a fold out: then each mixture is one.
    """
    fold = fold_of_runs(shares, folds, seed)
    predicted, means = np.empty_like(losses), np.empty_like(losses)
    for number in range(int(fold.max()) + 1):
        out = fold == number
        law = fit_law(shares[~out], losses[~out], starts, seed, huber)
        predicted[out] = law.predict(shares[out])
        means[out] = losses[~out].mean(axis=0)
    rows = [_accuracy(*columns) for columns in zip(losses.T, predicted.T, means.T, strict=True)]
    mean = _accuracy(losses @ task_weights, predicted @ task_weights, means @ task_weights)
    return HeldOut(int(fold.max()) + 1, dict(zip(tasks, rows, strict=True)), mean)


def fold_of_runs(shares: F64, folds: int, seed: int) -> I64:
    """int64[runs]: a random fold, the same for equal mixtures, of nearly equal sizes."""
    _, mixture = np.unique(shares.round(9), axis=0, return_inverse=True)
    mixtures = int(mixture.max()) + 1
    if mixtures < 2 * (shares.shape[1] + 1):
        folds = mixtures
    order = np.random.default_rng(seed).permutation(mixtures)
    return np.asarray((np.argsort(order) % min(folds, mixtures))[mixture.ravel()], np.int64)


def _accuracy(loss: F64, predicted: F64, mean: F64) -> Accuracy:
    squares = float(((loss - mean) ** 2).sum())
    return Accuracy(
        relative_error=float((np.abs(predicted - loss) / loss).mean()),
        relative_error_of_mean=float((np.abs(mean - loss) / loss).mean()),
        rank_correlation=_correlation(rankdata(loss), rankdata(predicted)),
        r2=1 - float(((loss - predicted) ** 2).sum()) / max(squares, 1e-300),
    )


def _correlation(one: F64, other: F64) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
