"""A model measured on documents of known classes, scored by the kernels that also run in a recipe.

Beside it two scores that need no model, the length of a document and the mean length of its lines:
what a classifier adds is the distance to them.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from dolma_pipe.errors import InputError
from dolma_pipe.fasttext import load_model, read_labels
from dolma_pipe.kernels.jit import F64, I64
from dolma_pipe.learn.metrics import (
    THRESHOLDS,
    Calibration,
    Cut,
    auc,
    best_cut,
    calibration,
    cut_at,
)
from dolma_pipe.learn.samples import Sample

CHUNK_BYTES = 8 << 20
MOST_TOLD = 20


class Baseline(msgspec.Struct, frozen=True):
    """A score without a model, in the direction in which it ranks better."""

    score: str
    better: str
    auc: float


class Measures(msgspec.Struct, frozen=True):
    """One label against all other classes."""

    label: str
    positives: int
    negatives: int
    without_score: int
    auc: float
    baselines: tuple[Baseline, ...]
    cuts: tuple[Cut, ...]
    best: Cut | None
    calibration: Calibration
    equal_classes: bool


def check_label(model: Path, label: str) -> None:
    """Raises AssetError where the model cannot be read, InputError where it lacks the label."""
    known = read_labels(model)
    if label not in known:
        told = ", ".join(known[:MOST_TOLD]) + (", ..." if len(known) > MOST_TOLD else "")
        raise InputError(f"the model {model} knows no label '{label}' (--label: one of {told})")


def score(model: Path, sample: Sample, rows: I64, labels: list[str]) -> F64:
    """Probabilities of labels float64[rows, labels], rounded as for rules; NaN for none.

    Raises AssetError where the model cannot be read.
    """
    loaded = load_model(model)
    wanted = np.array([loaded.labels.index(label) for label in labels], np.int32)
    scores = [np.empty((0, len(labels)), np.float32)]
    for chunk in _chunks(sample.ends[rows] - sample.starts[rows]):
        starts, ends = sample.starts[rows[chunk]], sample.ends[rows[chunk]]
        scores.append(loaded.predict(sample.text, starts, ends, wanted)[0])
    found: F64 = np.concatenate(scores).astype(np.float64)
    return found.round(6)


def _chunks(sizes: I64) -> Iterator[slice]:
    """Runs of documents of some megabytes."""
    start, total = 0, 0
    for row, size in enumerate(sizes.tolist()):
        total += size
        if total >= CHUNK_BYTES:
            yield slice(start, row + 1)
            start, total = row + 1, 0
    if start < len(sizes):
        yield slice(start, len(sizes))


def measure(sample: Sample, rows: I64, label: str, scores: F64, *, equal: bool) -> Measures:
    """How well scores (float64[rows]) tell `label` from the other classes of the sample.

    equal: in the calibration each class weighs the same, for a model that was trained so. Raises
    InputError where one of the two sides has no documents.
    """
    names = [each.label for each in sample.classes]
    of = sample.labels[rows]
    positive = of == names.index(label)
    positives = int(positive.sum())
    if positives in (0, len(rows)):
        missing = f"'{label}'" if not positives else f"any class but '{label}'"
        raise InputError(f"nothing to measure: of {len(rows):,} documents none is of {missing}")
    present = np.bincount(of, minlength=len(names))
    weights = 1 / present[of] if equal else np.ones(len(rows))
    unknown = int(np.isnan(scores).sum())
    baselines = {
        "document length": sample.characters[rows].astype(np.float64),
        "mean line length": sample.line_lengths[rows],
    }
    return Measures(
        label=label,
        positives=positives,
        negatives=len(rows) - positives,
        without_score=unknown,
        auc=auc(scores, positive),
        baselines=tuple(_baseline(n, auc(values, positive)) for n, values in baselines.items()),
        cuts=tuple(cut_at(scores, positive, threshold) for threshold in THRESHOLDS),
        best=best_cut(scores, positive) if unknown < len(rows) else None,
        calibration=calibration(scores, positive, weights),
        equal_classes=equal,
    )


def _baseline(name: str, found: float) -> Baseline:
    return Baseline(name, "longer" if found >= 0.5 else "shorter", max(found, 1 - found))
