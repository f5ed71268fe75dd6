"""`python -m benchmarks [FOLDER ...]`: measure, print, and write benchmarks/RESULTS.md."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from benchmarks import growth, results, scale, scale_dedup, train_data, training
from benchmarks.chain import chain
from benchmarks.checks import with_copies
from benchmarks.comparisons import COMPARISONS, Comparison, Given, block_list
from benchmarks.corpus import Corpus, size_of, tiny, write_texts
from benchmarks.dedup import dedup
from benchmarks.dedup_entries import entries_alone
from benchmarks.peers import PINS, PeerMissing, peer_python
from benchmarks.process import CommandFailed, cost_of
from benchmarks.race import ROOT, Pythons, SideFailed, peer_environment, race
from benchmarks.recipe import our_recipe, written
from benchmarks.whole import OurRuns, beside, run_dolma
from dolma_pipe.errors import UserError

ALONE = ("dedup", "entries", "chain", "shelf", "growth", "train-data", "training")
ALONE += ("scale", "scale-dedup", "whole", "where")
NAMES = (*COMPARISONS, *ALONE)
BY_DEFAULT = tuple(name for name in NAMES if not name.startswith("scale"))
"""Each takes a quarter of an hour and 15 GB of disk: they are asked for. benchmarks.scale alone has
settings and writes docs/scale.md."""
TOKENIZER = "gpt-neox-olmo"


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--only", multiple=True, type=click.Choice(NAMES), help="Only this; may be given again."
)
@click.option(
    "--peers/--no-peers", default=True, help="Whether to install and run what we compare with."
)
@click.option(
    "--rounds", default=5, show_default=True, help="Turns of each side; the median counts."
)
@click.option("--whole-rounds", default=1, show_default=True, help="Runs of dolma from end to end.")
@click.option(
    "--out",
    default=Path(__file__).parent / "RESULTS.md",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the results.",
)
def main(
    folders: tuple[Path, ...],
    only: tuple[str, ...],
    peers: bool,
    rounds: int,
    whole_rounds: int,
    out: Path,
) -> None:
    """Measure on FOLDERS in dolma's layout (default: sample, which `make run` makes)."""
    pythons = peer_python if peers else _nobody
    chosen = only or BY_DEFAULT
    sections = [results.INTRODUCTION, f"Command: `{_command()}`\n", results.machine() + "\n"]
    if peers:
        sections.append("Peers: " + "; ".join(", ".join(pins) for pins in PINS.values()) + ".\n")
    for folder in folders or (Path("sample"),):
        corpus = Corpus(folder)
        try:
            sections.append(f"## {corpus.told()}\n")
        except UserError as error:
            raise click.ClickException(str(error)) from None
        print(sections[-1], flush=True)
        with tempfile.TemporaryDirectory(prefix="dolma-pipe-benchmarks-") as scratch:
            for section in measured(corpus, chosen, pythons, rounds, whole_rounds, Path(scratch)):
                print(section, flush=True)
                sections.append(section)
    if "growth" in chosen:
        sections.append("## Made-up documents\n")
        sections.append(results.growth(growth.all_taggers()))
        print(sections[-1], flush=True)
    if "train-data" in chosen:
        sections.append(train_data.measured(train_data.TOKENS))
        print(sections[-1], flush=True)
    if "training" in chosen:
        sections.append(training.measured())
        print(sections[-1], flush=True)
    if "scale-dedup" in chosen:
        sections.append(scale_dedup.measured_all())
        print(sections[-1], flush=True)
    out.write_text("\n".join(sections), encoding="utf-8")
    print(f"written to {out}")


def measured(
    corpus: Corpus,
    chosen: tuple[str, ...],
    pythons: Pythons,
    rounds: int,
    whole_rounds: int,
    scratch: Path,
) -> Iterator[str]:
    """The sections of one corpus, as they come."""
    given = Given(scratch, corpus.spread, _block_list(pythons), TOKENIZER)
    for name, comparison in COMPARISONS.items():
        if name in chosen:
            yield _compare(comparison(given), corpus, pythons, rounds, scratch)
    if "dedup" in chosen:
        yield _dedup(corpus, given, pythons, whole_rounds)
    if "entries" in chosen:
        found = entries_alone(corpus, tiny(scratch / "tiny"), scratch)
        yield results.entries(found)
    if "chain" in chosen:
        yield _chain(corpus, given, pythons, whole_rounds)
    if "shelf" in chosen:
        yield _shelf(corpus, scratch, rounds)
    if "whole" in chosen:
        yield _whole(corpus, given, pythons, whole_rounds)
    if "where" in chosen:
        yield _where(corpus, given)
    if "scale" in chosen:
        yield scale.measured(corpus.folder, scratch)


def _compare(
    comparison: Comparison, corpus: Corpus, pythons: Pythons, rounds: int, scratch: Path
) -> str:
    texts = corpus.spread(comparison.megabytes)
    if comparison.name.startswith("minhash"):
        texts = with_copies(texts)
    documents = scratch / f"{comparison.name}.jsonl"
    write_texts(documents, texts)
    sides = [comparison.ours, *(peer.side for peer in comparison.peers)]
    try:
        standings, refusals = race(sides, pythons, documents, rounds, scratch)
    except SideFailed as failure:
        return f"### {comparison.name}\n\nNot measured: {failure}\n"
    return results.compared(comparison, standings, refusals, size_of(texts) / 1e6, texts)


def _whole(corpus: Corpus, given: Given, pythons: Pythons, rounds: int) -> str:
    scratch, tokenizer = given.scratch, given.tokenizer
    empty = tiny(scratch / "tiny")
    megabytes = corpus.bytes / 1e6
    try:
        ours = OurRuns(corpus, empty, given.words, tokenizer, scratch)
        python = pythons("dolma")
        own, theirs, ratio = beside(
            ours, lambda: run_dolma(corpus, empty, python, tokenizer, scratch), rounds
        )
    except PeerMissing as missing:
        return results.whole(ours(), None, None, megabytes) + f"\nNot measured: {missing}\n"
    except CommandFailed as failure:
        return f"### whole run\n\nNot measured: {failure}\n"
    return results.whole(own, theirs, ratio, megabytes)


def _dedup(corpus: Corpus, given: Given, pythons: Pythons, rounds: int) -> str:
    empty = tiny(given.scratch / "tiny")
    try:
        tools, refusals = dedup(corpus, empty, pythons, rounds, given.scratch)
    except CommandFailed as failure:
        return f"### deduplication\n\nNot measured: {failure}\n"
    return results.dedup(tools, refusals, corpus.bytes / 1e6)


def _chain(corpus: Corpus, given: Given, pythons: Pythons, rounds: int) -> str:
    empty = tiny(given.scratch / "tiny")
    arguments = (given.words, given.tokenizer, pythons, rounds, given.scratch)
    try:
        timed, refusals = chain(corpus, empty, *arguments)
    except CommandFailed as failure:
        return f"### chain of taggers\n\nNot measured: {failure}\n"
    return results.chain(timed, refusals, corpus.bytes / 1e6)


def _shelf(corpus: Corpus, scratch: Path, rounds: int) -> str:
    told = scratch / "shelf.json"
    command = [sys.executable, "-m", "benchmarks.shelf", str(told), str(rounds)]
    environment = peer_environment() | {"PYTHONPATH": str(ROOT)}
    try:
        cost_of([*command, str(corpus.folder)], environment, scratch / "shelf.log", ROOT)
    except CommandFailed as failure:
        return f"### each tagger alone\n\nNot measured: {failure}\n"
    return results.shelf(json.loads(told.read_text(encoding="utf-8")), corpus.bytes / 1e6)


def _where(corpus: Corpus, given: Given) -> str:
    scratch = given.scratch
    empty = tiny(scratch / "tiny")
    recipes = [
        written(
            scratch / f"where-{documents.name}.json",
            our_recipe(documents, given.words, given.tokenizer),
        )
        for documents in (corpus, empty)
    ]
    told = scratch / "where.json"
    arguments = [str(recipes[0]), str(scratch / "where"), str(recipes[1]), str(told)]
    command = [sys.executable, "-m", "benchmarks.where", *arguments]
    cost_of(command, peer_environment() | {"PYTHONPATH": str(ROOT)}, scratch / "where.log", ROOT)
    return results.parts(json.loads(told.read_text(encoding="utf-8")), corpus.bytes / 1e6)


def _block_list(pythons: Callable[[str], Path]) -> Path | None:
    try:
        return block_list(pythons("dolma"))
    except PeerMissing:
        return None


def _nobody(name: str) -> Path:
    raise PeerMissing(f"{name}: --no-peers")


def _command() -> str:
    arguments = [
        Path(argument).name if Path(argument).is_dir() else argument for argument in sys.argv[1:]
    ]
    return " ".join(["python", "-m", "benchmarks", *arguments])


if __name__ == "__main__":
    main()
