"""From folders to a model file, its measures and its card; and any model measured on folders."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from dolma_pipe.assets import asset_hash, asset_path
from dolma_pipe.errors import InputError, WorkError
from dolma_pipe.fasttext import read_labels
from dolma_pipe.kernels.jit import I64
from dolma_pipe.learn.card import Card, ModelFile, card_paths, training_of, write_card
from dolma_pipe.learn.evaluate import Measures, check_label, measure, score
from dolma_pipe.learn.fit import Fit, check_installed, fasttext_version, fit
from dolma_pipe.learn.lines import check_split, chosen_lines, counts, write_lines
from dolma_pipe.learn.metrics import auc
from dolma_pipe.learn.samples import ClassRead, Sample, held_out, read_sample
from dolma_pipe.learn.settings import SampleSettings, TrainSettings
from dolma_pipe.passes.context import Watch
from dolma_pipe.work import TEMPORARY, atomic_write

QUANTISED, PLAIN = ".ftz", ".bin"
LABEL = re.compile(r"[A-Za-z0-9_-]+")
NOT_LABELS = ("top", "top_score")
"""Columns that the classifier tagger gives beside its labels."""


class Target(NamedTuple):
    """Where a training writes. bin: the model before quantising, None where it is not kept."""

    model: Path
    bin: Path | None

    def files(self) -> tuple[Path, ...]:
        """Every file that a training makes."""
        return (self.model, *([self.bin] if self.bin else []), *card_paths(self.model))


class Evaluated(msgspec.Struct, frozen=True):
    """A model on documents of two classes: what was read, and what the score is worth."""

    model: str
    sha256: str
    classes: tuple[ClassRead, ...]
    measures: Measures


def target(out: Path, *, keep_bin: bool, force: bool) -> Target:
    """Raises WorkError for a wrong ending, a missing folder, and files that are there already."""
    if out.suffix not in (QUANTISED, PLAIN):
        raise WorkError(f"{out}: a model ends in {QUANTISED} (quantised, small) or {PLAIN}")
    if not out.parent.is_dir():
        raise WorkError(f"{out}: there is no folder {out.parent}")
    made = Target(out, out.with_suffix(PLAIN) if keep_bin and out.suffix == QUANTISED else None)
    for path in made.files():
        if path.is_dir():
            raise WorkError(f"{path} is a folder")
        if path.exists() and not force:
            raise WorkError(f"{path} is there already; --force writes it anew")
    return made


def train(
    paths: Mapping[str, Sequence[str]],
    out: Target,
    settings: TrainSettings,
    watch: Watch,
    *,
    loud: bool = False,
) -> Card:
    """Train on the documents of each label; write the model, its card and the card as JSON.

    The first label is the positive one. All is written at the end, the model last. loud: fastText
    tells its progress on standard error. Raises InputError, WorkError, MissingExtra.
    """
    check_installed()
    _check_labels(list(paths))
    with _folder_beside(out.model) as folder:
        sample = read_sample(paths, folder / "texts", settings, watch)
        held = held_out(sample.keys, settings.seed, settings.held_out)
        check_split(sample, held)
        lines = chosen_lines(sample, held, settings)
        write_lines(sample, lines, folder / "lines.txt")
        watch.say(f"train on {_told(counts(sample, lines))}, {settings.epochs} epochs")
        plain = folder / f"model{PLAIN}"
        made = folder / f"model{out.model.suffix}"
        fit(_task(settings, folder / "lines.txt", plain, made if made != plain else None, loud))
        rows = np.flatnonzero(held)
        watch.say(f"measure on {_told(counts(sample, rows))}")
        files = (_file(made, out.model), *([_file(plain, out.bin)] if out.bin else []))
        measures = measure_all(made, sample, rows, equal=settings.balance != "none")
        card = Card(
            files=files,
            labels=tuple(paths),
            classes=sample.classes,
            training=counts(sample, np.flatnonzero(~held)),
            lines=counts(sample, lines),
            settings=settings,
            fasttext=fasttext_version(),
            measures=measures,
            auc_before_quantising=_auc(plain, sample, rows) if made != plain else None,
        )
        if out.bin:
            _publish(plain, out.bin)
        write_card(out.model, card)
        _publish(made, out.model)
    return card


def measure_all(model: Path, sample: Sample, rows: I64, *, equal: bool) -> tuple[Measures, ...]:
    """Measures of every label against the rest; of the first alone where there are but two."""
    labels = [each.label for each in sample.classes]
    wanted = labels[:1] if len(labels) == 2 else labels
    scores = score(model, sample, rows, wanted)
    return tuple(
        measure(sample, rows, label, scores[:, k], equal=equal) for k, label in enumerate(wanted)
    )


def evaluate(
    model: str,
    positive: Sequence[str],
    negative: Sequence[str],
    label: str,
    settings: SampleSettings,
    watch: Watch,
    *,
    held_out_only: bool = False,
) -> Evaluated:
    """Measure the score `label` of any fastText classifier on files of two classes.

    held_out_only: on those documents alone that its training held out, by the split that its card
    tells. Raises InputError, AssetError.
    """
    path = asset_path(model)
    check_label(path, label)
    training = training_of(path)
    if held_out_only and training is None:
        raise InputError(f"--held-out-only: there is no card {card_paths(path)[1]} of the training")
    others = [name for name in read_labels(path) if name != label]
    paths = {label: positive, others[0] if len(others) == 1 else f"not {label}": negative}
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-") as folder:
        sample = read_sample(paths, Path(folder) / "texts", settings, watch)
        rows = np.arange(len(sample.keys))
        if held_out_only and training is not None:
            rows = np.flatnonzero(held_out(sample.keys, training.seed, training.held_out))
        watch.say(f"measure on {_told(counts(sample, rows))}")
        equal = training is not None and training.balance != "none"
        scores = score(path, sample, rows, [label])[:, 0]
        measures = measure(sample, rows, label, scores, equal=equal)
    return Evaluated(model, asset_hash(model), sample.classes, measures)


def _check_labels(labels: list[str]) -> None:
    if len(labels) < 2:
        raise InputError("a classifier needs two classes: --positive and --negative")
    for label in labels:
        if not LABEL.fullmatch(label) or label in NOT_LABELS:
            raise InputError(
                f"'{label}' cannot be a label: letters, digits, _ and -, "
                f"and not {' or '.join(NOT_LABELS)}"
            )


def _task(
    settings: TrainSettings, lines: Path, plain: Path, quantised: Path | None, loud: bool
) -> Fit:
    return Fit(
        lines=str(lines),
        model=str(plain),
        quantised=str(quantised) if quantised else None,
        settings=settings,
        loud=loud,
    )


def _file(made: Path, name: Path) -> ModelFile:
    return ModelFile(name.name, asset_hash(str(made)), made.stat().st_size)


def _auc(model: Path, sample: Sample, rows: I64) -> float:
    scores = score(model, sample, rows, [sample.classes[0].label])[:, 0]
    return auc(scores, sample.labels[rows] == 0)


def _told(numbers: Mapping[str, int]) -> str:
    return " and ".join(f"{n:,} {label}" for label, n in numbers.items()) + " documents"


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """A folder on the disk of the model, gone after the block however it ends."""
    try:
        folder = tempfile.TemporaryDirectory(
            prefix=f".{out.name}.", suffix=TEMPORARY, dir=out.parent
        )
    except OSError as error:
        raise WorkError(f"cannot write into {out.parent}: {error.strerror}") from error
    with folder as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.filename is not None and not str(error.filename).startswith(name):
                raise
            raise WorkError(f"cannot write into {out.parent}: {error.strerror or error}") from error


def _publish(made: Path, path: Path) -> None:
    with made.open("rb") as source, atomic_write(path) as file:
        while piece := source.read(1 << 20):
            file.write(piece)
