"""Which documents train, how often, and in what order: fastText learns from a file of lines."""

from pathlib import Path

import numpy as np

from dolma_pipe.errors import InputError
from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.learn.samples import Sample
from dolma_pipe.learn.settings import TrainSettings
from dolma_pipe.stages.keyed import copy_hashes, key_of, keyed


def check_split(sample: Sample, held: Bool) -> None:
    """Raises InputError where a class trains on nothing or measures on nothing."""
    for number, each in enumerate(sample.classes):
        of = held[sample.labels == number]
        if of.all() or not of.any():
            side = "held out" if of.all() else "for training, none held out"
            raise InputError(
                f"{each.label}: only {len(of):,} documents, all of them {side}; "
                "give more documents, or another --held-out or --seed"
            )


def chosen_lines(sample: Sample, held: Bool, settings: TrainSettings) -> I64:
    """Rows of the documents that train, int64[lines], repeated where asked, in a random order.

    The order mixes all classes, and copies of one document lie apart.
    """
    rows, copies = [], []
    training = [np.flatnonzero(~held & (sample.labels == k)) for k in range(len(sample.classes))]
    sizes = [len(each) for each in training]
    wanted = {"repeat": max(sizes), "fewer": min(sizes), "none": None}[settings.balance]
    for each in training:
        ranks = keyed(sample.keys[each], key_of(settings.seed, "repeat"))
        ordered = each[np.argsort(ranks, kind="stable")]
        number = np.arange(len(each) if wanted is None else wanted)
        rows.append(ordered[number % len(each)])
        copies.append(number // len(each))
    row, copy = np.concatenate(rows), np.concatenate(copies)
    place = np.empty(len(row), np.uint64)
    by_turn = np.argsort(copy, kind="stable")
    for turn, of in enumerate(np.split(by_turn, np.cumsum(np.bincount(copy))[:-1])):
        place[of] = copy_hashes(sample.keys[row[of]], settings.seed, "lines", turn)
    chosen: I64 = row[np.argsort(place, kind="stable")]
    return chosen


def write_lines(sample: Sample, rows: I64, path: Path) -> None:
    """fastText's training file: a line for each row, its label first."""
    prefixes = [b"__label__" + each.label.encode() + b" " for each in sample.classes]
    labels, starts, ends = (
        column[rows].tolist() for column in (sample.labels, sample.starts, sample.ends)
    )
    with path.open("wb") as file:
        for label, start, end in zip(labels, starts, ends, strict=True):
            file.write(prefixes[label] + sample.text[start:end].tobytes() + b"\n")


def counts(sample: Sample, rows: I64) -> dict[str, int]:
    """Documents of each class among rows."""
    numbers = np.bincount(sample.labels[rows], minlength=len(sample.classes)).tolist()
    return {each.label: n for each, n in zip(sample.classes, numbers, strict=True)}
