"""`dolma-pipe check`: everything that can be wrong before any data is read."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.options import (
    json_option,
    recipe_argument,
    show_json,
)

if TYPE_CHECKING:
    from dolma_pipe.recipe import Recipe


@click.command("check")
@recipe_argument
@json_option
def command(recipe: Path, as_json: bool) -> None:
    """Check RECIPE and print its passes, or a line for each mistake; no document is read."""
    from dolma_pipe.assets import ASSETS, cached_path
    from dolma_pipe.errors import UserError
    from dolma_pipe.report.checked import checked_recipe, wrong_recipe
    from dolma_pipe.report.passes import passes

    try:
        checked = _checked(recipe)
    except UserError as error:
        if as_json:
            show_json(wrong_recipe(recipe, error))
        raise
    missing = [name for name in checked.assets() if name in ASSETS and not cached_path(name)]
    if as_json:
        show_json(checked_recipe(checked, missing))
        return
    click.echo(passes(checked))
    for name in missing:
        click.echo(f"asset {name} is not fetched yet: dolma-pipe assets fetch {name}")


def _checked(recipe: Path) -> "Recipe":
    """The recipe, and the models and tokenizers that are there. Raises UserError."""
    from dolma_pipe.assets import ASSETS, asset_path, cached_path
    from dolma_pipe.errors import Mistakes
    from dolma_pipe.recipe_file import read_recipe

    checked = read_recipe(recipe)
    mistakes = Mistakes()
    for name in checked.assets():
        if name not in ASSETS:
            with mistakes:
                asset_path(name)
    mistakes.tell()
    if all(name not in ASSETS or cached_path(name) for name in checked.assets()):
        checked.check_assets()
    return checked
