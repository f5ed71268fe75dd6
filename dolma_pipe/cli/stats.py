"""`dolma-pipe stats`: what is in a corpus, and what corpora share."""

import re
from pathlib import Path

import click

from dolma_pipe.cli.options import json_option, show_json

PARTS = "tokens, ngrams, urls, duplicates, language, pii, toxicity, overlap"
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def _memory(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Bytes of 1GB, 500MB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmg]?)b?", value.lower())
    if not match:
        raise click.BadParameter(f"{value!r} is no size: 1GB or 500MB", ctx, param)
    return int(float(match[1]) * UNITS[match[2]])


def _numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """Numbers of words, apart by commas."""
    numbers = [part.strip() for part in value.split(",")]
    if not all(re.fullmatch("[0-9]{1,3}", part) and 1 <= int(part) <= 100 for part in numbers):
        raise click.BadParameter(f"{value!r} is not 1,2,3: words from 1 to 100", ctx, param)
    return tuple(dict.fromkeys(map(int, numbers)))


@click.command("stats")
@click.argument("paths", nargs=-1, required=True, metavar="[NAME=]PATH...")
@click.option(
    "--ngrams",
    callback=_numbers,
    default="1,2,3,5,10",
    show_default=True,
    metavar="N,N,...",
    help="Words in the n-grams that are counted.",
)
@click.option(
    "--top", type=click.IntRange(1, 1000), default=20, show_default=True, help="Entries of a list."
)
@click.option(
    "--memory",
    callback=_memory,
    default="1GB",
    metavar="SIZE",
    show_default=True,
    help="Of all tables of a process; beyond it counts have bounds.",
)
@click.option(
    "--tokenizer", default="gpt-neox-olmo", show_default=True, help="Name, tokenizer.json or none."
)
@click.option(
    "--language",
    default="lid176",
    show_default=True,
    metavar="MODEL",
    help="A fastText model, or none.",
)
@click.option("--with", "wanted", metavar="PARTS", help=f"Only these of: {PARTS}.")
@click.option("--without", "unwanted", metavar="PARTS", help="All but these.")
@click.option(
    "--overlap-ngram",
    type=click.IntRange(1, 100),
    default=13,
    show_default=True,
    help="Words in the n-grams by which corpora are compared.",
)
@click.option(
    "--evaluation",
    "evaluations",
    multiple=True,
    metavar="[NAME=]PATH",
    help="A set to look for: .jsonl (question, answer, passage) or .txt. Again for more.",
)
@click.option("--split", "splits", multiple=True, help="Of folders that have several.")
@click.option(
    "--columns", multiple=True, metavar="FIELD=COLUMN", help="Of Parquet and Arrow: text=content."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one a core]")
@json_option
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page, too.")
def command(
    paths: tuple[str, ...],
    ngrams: tuple[int, ...],
    top: int,
    memory: int,
    tokenizer: str,
    language: str,
    wanted: str | None,
    unwanted: str | None,
    overlap_ngram: int,
    evaluations: tuple[str, ...],
    splits: tuple[str, ...],
    columns: tuple[str, ...],
    workers: int | None,
    as_json: bool,
    html: Path | None,
) -> None:
    """Count what is in PATHS: files, folders, patterns, s3://, or the work directory of a run.

    Documents, bytes, words, tokens and their lengths; frequent and rare n-grams; domains and URLs;
    languages; duplicates; personal data and toxic words; what corpora share; items of evaluation
    sets. NAME=PATH makes corpora: stats web=data/web code=data/code. docs/statistics.md tells what
    each figure is. ~ marks an estimate, with its bounds.
    """
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.cli.run import fail_if_incomplete
    from dolma_pipe.engine.choice import EngineChoice, new_engine
    from dolma_pipe.statistics.contamination import evaluation_sets
    from dolma_pipe.statistics.corpora import find_corpora
    from dolma_pipe.statistics.measure import measure
    from dolma_pipe.statistics.settings import Settings, chosen_parts
    from dolma_pipe.statistics.table import statistics_table

    parts = chosen_parts(wanted, unwanted)
    left_out = {
        name for name, value in (("tokens", tokenizer), ("language", language)) if value == "none"
    }
    settings = Settings(
        parts=tuple(part for part in parts if part not in left_out),
        ngrams=ngrams,
        top=top,
        memory=memory,
        tokenizer=tokenizer,
        language=language,
        overlap_ngram=overlap_ngram,
    )
    corpora = find_corpora(paths, splits, columns)
    sets = evaluation_sets(evaluations)
    engine = new_engine(EngineChoice("local", workers), Path())
    try:
        found = measure(corpora, settings, engine, watcher(), sets)
    finally:
        engine.close()
    if html is not None:
        from dolma_pipe.statistics.page import write_page

        write_page(found, html)
    if as_json:
        show_json(found)
    else:
        click.echo(statistics_table(found))
    fail_if_incomplete(found.failed)
