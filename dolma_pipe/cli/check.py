"""`dolma-pipe check`: everything that can be wrong before any data is read."""

from pathlib import Path

import click

from dolma_pipe.cli.options import recipe_argument


@click.command("check")
@recipe_argument
def command(recipe: Path) -> None:
    """Check RECIPE and print its passes; no document is read."""
    from dolma_pipe.recipe import read_recipe
    from dolma_pipe.report.passes import passes

    click.echo(passes(read_recipe(recipe)))
