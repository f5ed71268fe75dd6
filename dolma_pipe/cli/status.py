"""`dolma-pipe status`: what of a recipe is done in its work directory."""

from pathlib import Path

import click

from dolma_pipe.cli.options import (
    json_option,
    recipe_argument,
    show_json,
    work_option,
)


@click.command("status")
@recipe_argument
@work_option
@json_option
def command(recipe: Path, work: Path | None, as_json: bool) -> None:
    """Say how much of each pass of RECIPE is done; nothing is changed."""
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.status import status, status_told
    from dolma_pipe.work import Work

    checked = read_recipe(recipe)
    found = status(checked, Work(work or Path("work") / checked.name))
    if as_json:
        show_json(found)
    else:
        click.echo(status_told(found))
