"""The model card beside a model: for people as Markdown, for programs as JSON."""

import platform
from pathlib import Path

import msgspec
import numpy as np

from dolma_pipe import __version__
from dolma_pipe.errors import InputError
from dolma_pipe.learn.evaluate import Measures
from dolma_pipe.learn.samples import ClassRead
from dolma_pipe.learn.settings import TrainSettings
from dolma_pipe.learn.tables import measures_told, sample_told
from dolma_pipe.work import atomic_write, write_json

CARD = """# {name}

A fastText classifier with the labels {labels}, trained by `dolma-pipe classifier train` on whole
documents. Its score is the probability that a document reads like the documents of `{first}` below
rather than like those of {others}; it knows nothing else of quality, of truth or of harm.

Intended use: to rank documents for mixing and filtering of training data that resemble those below
in language, kind and extraction. Not for decisions about people. Look at what it ranks high and low
before you use it: a classifier also learns the formatting of its sources.

## Use

In a recipe of dolma-pipe (columns {columns}):

    quality:
      taggers: [{{classifier: {{name: quality, model: {path}}}}}]
    mix:
      upsample: {{SOURCE: {{by: quality.{first}, max: 7, discard: 0.4}}}}

or as a rule, `keep: {{quality.{first}: [0.5, null]}}`. Any fastText reads the file; texts are given
with their line ends as spaces, and neither lower-cased nor otherwise changed.

## Files

{files}

## Data

{data}

Documents with equal words count once, those that stand in several classes are left out. Of the
rest a share of {held_out:g} was held out by a hash of their words (seed {seed}).

## Measured on the held-out documents

{measures}

## Made with

{made}

The same files, settings and versions on one kind of machine give the same bytes{threads}.
"""


class ModelFile(msgspec.Struct, frozen=True):
    """A file of the model."""

    name: str
    sha256: str
    bytes: int


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a model. training: documents; lines: what fastText saw in an epoch."""

    files: tuple[ModelFile, ...]
    labels: tuple[str, ...]
    classes: tuple[ClassRead, ...]
    training: dict[str, int]
    lines: dict[str, int]
    settings: TrainSettings
    measures: tuple[Measures, ...]
    auc_before_quantising: float | None
    fasttext: str
    dolma_pipe: str = __version__
    numpy: str = np.__version__
    python: str = platform.python_version()
    machine: str = platform.machine()


class _Trained(msgspec.Struct):
    """The part of a card's JSON that an evaluation needs."""

    settings: TrainSettings


def card_paths(model: Path) -> tuple[Path, Path]:
    """Where the card of a model lies: Markdown, JSON."""
    return model.with_name(model.name + ".md"), model.with_name(model.name + ".json")


def write_card(model: Path, card: Card) -> None:
    """Both forms."""
    markdown, data = card_paths(model)
    write_json(data, card)
    with atomic_write(markdown) as file:
        file.write(_markdown(model, card).encode())


def training_of(model: Path) -> TrainSettings | None:
    """The settings of a model's training; None where it has no card. Raises InputError."""
    path = card_paths(model)[1]
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Trained).settings
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path} is no card of a model: {error}") from None


def _markdown(model: Path, card: Card) -> str:
    first, *others = card.labels
    return CARD.format(
        name=model.name,
        path=model,
        labels=", ".join(f"`{label}`" for label in card.labels),
        first=first,
        others=", ".join(f"`{label}`" for label in others),
        columns=", ".join(f"`quality.{label}`" for label in card.labels),
        files="\n".join(
            f"- `{file.name}`, {file.bytes:,} bytes, sha256 `{file.sha256}`" for file in card.files
        ),
        data=_indented(sample_told(card.classes) + _files_told(card.classes)),
        held_out=card.settings.held_out,
        seed=card.settings.seed,
        measures=_indented([line for m in card.measures for line in [*measures_told(m), ""]])
        + _quantising(card),
        made=_made(card),
        threads="" if card.settings.threads == 1 else ", but not with more than one thread",
    )


def _files_told(classes: tuple[ClassRead, ...]) -> list[str]:
    lines = []
    for each in classes:
        lines += ["", f"{each.label}: {', '.join(each.paths)}"]
        lines += [
            f"  {file.uri}  {file.documents:,} documents"
            + (f", {file.bad:,} bad lines" if file.bad else "")
            + f", xxh3-128 {file.content}"
            for file in each.files
        ]
    return lines


def _quantising(card: Card) -> str:
    before = card.auc_before_quantising
    return "" if before is None else f"\n\nBefore quantising the AUC was {before:.4f}."


def _made(card: Card) -> str:
    settings = msgspec.to_builtins(card.settings)
    lines = " and ".join(f"{n:,} {label}" for label, n in card.lines.items())
    return "\n".join(
        [
            *(f"- {name}: {value}" for name, value in settings.items()),
            f"- lines an epoch: {lines}",
            f"- dolma-pipe {card.dolma_pipe}, {card.fasttext}, numpy {card.numpy}, "
            f"Python {card.python}, {card.machine}",
        ]
    )


def _indented(lines: list[str]) -> str:
    return "\n".join(f"    {line}".rstrip() for line in lines).rstrip()
