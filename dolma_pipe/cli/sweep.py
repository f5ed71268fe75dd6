"""`dolma-pipe sweep`: what other thresholds of a rule would keep."""

import math
from pathlib import Path
from typing import Literal

import click

from dolma_pipe.cli.options import (
    json_option,
    recipe_argument,
    show_json,
    work_option,
)


def _numbers(_context: click.Context, _option: click.Parameter, given: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in given.split(","))
        if all(map(math.isfinite, numbers)):
            return numbers
        raise ValueError
    except ValueError:
        raise click.BadParameter(f"{given} is no list of numbers, as 20,50,100") from None


@click.command("sweep")
@recipe_argument
@click.option("--rule", required=True, metavar="COLUMN", help="A column of numbers: gopher.words")
@click.option("--at", required=True, callback=_numbers, help="Thresholds to try: 20,50,100")
@click.option("--min", "side", flag_value="min", help="They are the least value that is kept.")
@click.option(
    "--max",
    "side",
    flag_value="max",
    help="They are the most [default: as the rule has, else the least].",
)
@click.option("--source", help="Only this source.")
@json_option
@work_option
def command(
    recipe: Path,
    rule: str,
    at: tuple[float, ...],
    side: Literal["min", "max"] | None,
    source: str | None,
    as_json: bool,
    work: Path | None,
) -> None:
    """Tell what thresholds of a rule of RECIPE would keep, from what is tagged; nothing is changed.

    `alone`: kept by this rule; `with all`: by this and all other rules of the source.
    """
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.sweep_table import sweep_table
    from dolma_pipe.report.thresholds import sweep_rule
    from dolma_pipe.work import Work

    checked = read_recipe(recipe)
    place = Work(work or Path("work") / checked.name)
    swept = sweep_rule(checked, recipe, place, rule, at, side, source)
    if as_json:
        show_json(swept)
    else:
        click.echo(sweep_table(swept))
