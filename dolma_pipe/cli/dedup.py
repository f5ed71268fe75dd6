"""`dolma-pipe dedup`: stage 4, on what stages 1 to 3 let through, and a look at what it did."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli import dedup_index
from dolma_pipe.cli.guarded import unguarded
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
from dolma_pipe.cli.run import fail_if_incomplete, show

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice

NOT_A_TERMINAL = 100
"""Columns of what is written to a file or a pipe."""


class Default(click.Group):
    """What is no subcommand is meant for the command `run`, which stands for the group."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    "dedup",
    cls=Default,
    options_metavar="RECIPE [OPTIONS]",
    subcommand_metavar="| report [RECIPE] [OPTIONS] | index RECIPE --out DIR",
)
def command() -> None:
    """Find the duplicates of RECIPE, or tell what was found.

    `dolma-pipe dedup RECIPE` writes dedup/report.json and removed.parquet in its work directory;
    `dolma-pipe dedup report RECIPE` shows them, `dolma-pipe dedup index RECIPE` keeps what later
    recipes need. A recipe that is called like a command: ./report.
    """


command.add_command(dedup_index.command)


@command.command("run", cls=GoesOn, short_help="Deduplicate; the word `run` may be left out.")
@recipe_argument
@click.option("--method", help="Only the entries of this method: exact, minhash, ...")
@work_option
@engine_options
@page_option
@force_option
@json_option
def run(
    recipe: Path,
    method: str | None,
    work: Path | None,
    engine: "EngineChoice",
    no_report: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Find the duplicates of RECIPE; the word `run` may be left out."""
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.run import deduplicate_only
        from dolma_pipe.work import address

        summary = deduplicate_only(context, method)
        show(context, summary, as_json=as_json)
        told = f"--work {address(work)}" if work else str(recipe)
        if not as_json:
            click.echo(f"dedup      dolma-pipe dedup report {told}")
    if not no_report:
        report_of(context)
    fail_if_incomplete(summary.failed)


@command.command("report", short_help="Tables of what was found, or the texts of clusters.")
@click.argument("recipe", type=click.Path(path_type=Path), required=False)
@work_option
@click.option("--method", help="Only the entries of this method.")
@click.option("--entry", type=click.IntRange(min=1), help="Only this entry, counted from 1.")
@click.option(
    "--clusters",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show the texts of the N largest clusters of each entry, differences marked, and the N "
    "documents that lost most.",
)
@json_option
def report(
    recipe: Path | None,
    work: Path | None,
    method: str | None,
    entry: int | None,
    clusters: int | None,
    as_json: bool,
) -> None:
    """Tell what deduplication of RECIPE (or in --work) found, removed and took; changes nothing.

    Tokens are estimates: bytes times the tokens a byte of their source.
    """
    from dolma_pipe.errors import UserError
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.dedup import read_report
    from dolma_pipe.work import Work, here

    if as_json and clusters is not None:
        raise click.UsageError("--clusters shows texts: without --json")
    if recipe is None and work is None:
        raise click.UsageError("give the RECIPE, or its work directory with --work")
    checked = None
    if recipe is not None:
        checked = read_recipe(recipe)
        work = work or Path("work") / checked.name
    elif work is not None:
        with suppress(UserError, FileNotFoundError):
            # its inputs may have gone: then tokens are not estimated
            checked = read_recipe(here(work / "recipe.yaml"))
    assert work is not None
    found = read_report(Work(work), checked, method, entry)
    columns = shutil.get_terminal_size((NOT_A_TERMINAL, 24)).columns
    if as_json:
        show_json(found.data())
    elif clusters is None:
        click.echo(found.table(columns))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        for lines in found.clusters(clusters, columns, colour=colour):
            click.echo(lines, unguarded(sys.stdout) if colour else None, color=colour)
