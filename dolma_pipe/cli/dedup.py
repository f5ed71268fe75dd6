"""`dolma-pipe dedup`: stage 4, on what stages 1 to 3 let through."""

from pathlib import Path

import click

from dolma_pipe.cli.options import (
    engine_options,
    force_option,
    opened,
    recipe_argument,
    work_option,
)
from dolma_pipe.cli.run import fail_if_incomplete, show


@click.command("dedup")
@recipe_argument
@click.option("--method", help="Only the entries of this method: exact, minhash, ast.")
@work_option
@engine_options
@force_option
def command(
    recipe: Path,
    method: str | None,
    work: Path | None,
    workers: int | None,
    engine: str,
    force: bool,
) -> None:
    """Find the duplicates of RECIPE: dedup/report.json and removed.parquet in its work."""
    with opened(recipe, work, workers, engine, force) as context:
        from dolma_pipe.run import deduplicate_only

        summary = deduplicate_only(context, method)
        show(context, summary)
        click.echo(f"report: {context.work.dedup / 'report.json'}")
    fail_if_incomplete(summary.failed)
