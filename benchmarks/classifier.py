"""`python -m benchmarks.classifier FOLDER ...`: does a trained classifier rank better than lengths?

FOLDERs are in dolma's layout (FOLDER/<source>/documents). Each task trains with the settings of
`dolma-pipe classifier train` and measures on documents held out, or on other sources or sites
altogether. A task whose sources are not there is left out.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from dolma_pipe.learn.evaluate import Measures
from dolma_pipe.learn.settings import SampleSettings, TrainSettings
from dolma_pipe.learn.train import evaluate, target, train
from dolma_pipe.passes.context import Nobody
from dolma_pipe.shard import ShardReader

Metadata = dict[str, Any]


class Side(NamedTuple):
    """Documents of some sources whose metadata fit."""

    sources: tuple[str, ...]
    fits: Callable[[Metadata], bool] = lambda _: True


class Task(NamedTuple):
    """What is told from what; `other` are the two sides to measure on, None for those held out."""

    name: str
    good: Side
    bad: Side
    other: tuple[Side, Side] | None = None


def kind(name: str) -> Callable[[Metadata], bool]:
    """Documents of one kind."""
    return lambda metadata: str(metadata.get("kind", "")).startswith(name)


def page_of(*origins: str) -> Callable[[Metadata], bool]:
    """HTML pages that came from these collections."""
    return lambda m: kind("html-")(m) and str(m.get("origin", "")).startswith(origins)


TRAINED, UNSEEN = ("adbar/",), ("scrapinghub/", "mozilla/", "postlight/", "codelucas/")
CURATED, RAW = Side(("wiki", "papers", "docs")), Side(("web-wet", "reddit"))
TASKS = (
    Task("wiki, papers, docs / whole pages, reddit", CURATED, RAW),
    Task(
        "the same model on books, news / email",
        CURATED,
        RAW,
        (Side(("books", "news")), Side(("email",))),
    ),
    Task("main content / whole page", Side(("web",), page_of("")), Side(("web-wet",))),
    Task(
        "main content / whole page, other sites",
        Side(("web",), page_of(*TRAINED)),
        Side(("web-wet",), page_of(*TRAINED)),
        (Side(("web",), page_of(*UNSEEN)), Side(("web-wet",), page_of(*UNSEEN))),
    ),
    Task(
        "news / C4, both plain text",
        Side(("news",), kind("bbc-news")),
        Side(("web",), kind("c4.en")),
    ),
    Task(
        "wanted mail / spam, one source",
        Side(("email",), lambda metadata: metadata.get("spam") is False),
        Side(("email",), lambda metadata: metadata.get("spam") is True),
    ),
)
"""Whole pages and main content are the same HTML by the same extractor. The last two tasks differ
in no extractor at all."""


def gather(folder: Path, side: Side, out: Path) -> int:
    """Write the documents of a side as JSONL; how many there are."""
    count = 0
    with out.open("wb") as file:
        for path in _shards(folder, side.sources):
            for batch in ShardReader(path, quarantine=lambda _: None):
                metadata = batch.field("metadata")
                for text, given in zip(batch.texts(), metadata, strict=True):
                    if side.fits(given if isinstance(given, dict) else {}):
                        file.write(json.dumps({"text": text}).encode() + b"\n")
                        count += 1
    return count


def _shards(folder: Path, sources: tuple[str, ...]) -> Iterator[Path]:
    for source in sources:
        yield from sorted((folder / source / "documents").glob("*.jsonl.zst"))


def run(folder: Path, task: Task, settings: TrainSettings, ending: str) -> str | None:
    """A row of the table; None where a side has too few documents."""
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-") as name:
        scratch = Path(name)
        sides = (task.good, task.bad, *(task.other or ()))
        files = [scratch / f"{number}.jsonl" for number in range(len(sides))]
        counts = [gather(folder, side, file) for side, file in zip(sides, files, strict=True)]
        if min(counts) < 50:
            return None
        out = target(scratch / f"model{ending}", keep_bin=False, force=False)
        paths = {"hq": [str(files[0])], "lq": [str(files[1])]}
        started = time.perf_counter()
        card = train(paths, out, settings, Nobody())
        seconds = time.perf_counter() - started
        measures = card.measures[0]
        if task.other:
            positive, negative = [str(files[2])], [str(files[3])]
            found = evaluate(str(out.model), positive, negative, "hq", SampleSettings(), Nobody())
            measures = found.measures
    return _row(task.name, sum(card.training.values()), measures, seconds)


def _row(name: str, trained: int, measures: Measures, seconds: float) -> str:
    length, lines = (each.auc for each in measures.baselines)
    return (
        f"| {name} | {trained:,} | {measures.positives:,} + {measures.negatives:,} "
        f"| {measures.auc:.4f} | {length:.4f} | {lines:.4f} "
        f"| {measures.calibration.error:.3f} | {seconds:.0f} |"
    )


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--ending", type=click.Choice([".ftz", ".bin"]), default=".ftz", show_default=True)
@click.option("--set", "changes", multiple=True, metavar="NAME=NUMBER", help="Another setting.")
def main(folders: tuple[Path, ...], ending: str, changes: tuple[str, ...]) -> None:
    """Print a table of AUCs for each of FOLDERS."""
    given = dict(change.split("=", 1) for change in changes)
    settings = msgspec.convert(given, TrainSettings, strict=False)
    for folder in folders:
        click.echo(f"{folder.name}: {msgspec.json.encode(settings).decode()}\n")
        click.echo(
            "| good / bad | trained on | measured on | AUC | length | line length | ECE | s |"
        )
        click.echo("|---|---|---|---|---|---|---|---|")
        for task in TASKS:
            if row := run(folder, task, settings, ending):
                click.echo(row)
        click.echo("")


if __name__ == "__main__":
    main()
