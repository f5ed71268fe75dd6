"""`dolma-pipe run`: all six stages."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.options import (
    GoesOn,
    engine_options,
    force_option,
    json_option,
    opened,
    page_option,
    recipe_argument,
    show_json,
    work_option,
)
from dolma_pipe.cli.report import report_of

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice
    from dolma_pipe.passes.context import Context
    from dolma_pipe.report.summary import Summary

STAGES = ("language", "quality", "content", "dedup", "mix", "tokenize")


@click.command("run", cls=GoesOn)
@recipe_argument
@work_option
@engine_options
@click.option(
    "--stage", type=click.Choice(STAGES), default="tokenize", help="Stop after this stage."
)
@page_option
@force_option
@json_option
def command(
    recipe: Path,
    work: Path | None,
    engine: "EngineChoice",
    stage: str,
    no_report: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Take the documents of RECIPE through all six stages.

    What is done already is not done again: after a crash, a change of the recipe or of an input,
    only what depends on it runs. The same recipe gives the same bytes, whatever the number of
    workers.
    """
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.run import run

        summary = run(context, stage)  # type: ignore[arg-type]  # click has checked it
        show(context, summary, as_json=as_json)
    if not no_report:
        report_of(context)
    fail_if_incomplete(summary.failed)


def show(context: "Context", summary: "Summary", *, as_json: bool) -> None:
    """The table, and where to look; or all of it as JSON."""
    from dolma_pipe.report.summary import pass_times, ran, token_place
    from dolma_pipe.report.table import told
    from dolma_pipe.work import address

    if as_json:
        show_json(ran(context, summary))
        return
    click.echo(told(summary, pass_times(context, summary)))
    root = address(context.work.root)
    click.echo(f"\nreport     {root}/report.json")
    if any(row.quarantined for row in summary.intake):
        click.echo(f"quarantine {root}/quarantine")
    if summary.mix:
        place = token_place(context)
        click.echo(f"tokens     {place}: {sum(row.output for row in summary.mix):,} tokens")


def fail_if_incomplete(failed: dict[str, str]) -> None:
    """Exit 1 where shards are missing in the result."""
    if failed:
        from dolma_pipe.errors import InputError

        key, reason = next(iter(sorted(failed.items())))
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise InputError(f"finished without shard {key}{more}: {reason}; run again to try it again")
