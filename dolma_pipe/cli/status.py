"""`dolma-pipe status`: what of a recipe is done in its work directory."""

from pathlib import Path

import click

from dolma_pipe.cli.options import recipe_argument, work_option


@click.command("status")
@recipe_argument
@work_option
def command(recipe: Path, work: Path | None) -> None:
    """Say how much of each pass of RECIPE is done; nothing is changed."""
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.status import status
    from dolma_pipe.work import Work

    checked = read_recipe(recipe)
    click.echo(status(checked, Work(work or Path("work") / checked.name)))
