"""`dolma-pipe check`: everything that can be wrong before any data is read."""

from pathlib import Path

import click

from dolma_pipe.cli.options import (
    json_option,
    recipe_argument,
    show_json,
)


@click.command("check")
@recipe_argument
@json_option
def command(recipe: Path, as_json: bool) -> None:
    """Check RECIPE and print its passes; no document is read."""
    from dolma_pipe.assets import ASSETS, asset_path, cached_path
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.checked import checked_recipe
    from dolma_pipe.report.passes import passes

    checked = read_recipe(recipe)
    for name in checked.assets():
        if name not in ASSETS:
            asset_path(name)
    missing = [name for name in checked.assets() if name in ASSETS and not cached_path(name)]
    if not missing:
        checked.check_assets()
    if as_json:
        show_json(checked_recipe(checked, missing))
        return
    click.echo(passes(checked))
    for name in missing:
        click.echo(f"asset {name} is not fetched yet: dolma-pipe assets fetch {name}")
