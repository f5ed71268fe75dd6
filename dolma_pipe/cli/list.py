"""`dolma-pipe list`: what can stand in a recipe."""

import click

from dolma_pipe.cli.options import json_option, show_json


@click.command("list")
@click.argument(
    "what", type=click.Choice(["taggers", "mixers", "dedup", "configs"]), required=False
)
@json_option
def command(what: str | None, as_json: bool) -> None:
    """List taggers, mixers, dedup methods and shipped recipes, with their settings and defaults."""
    from dolma_pipe.report.shelves import shelves
    from dolma_pipe.report.shelves_data import shelf_rows

    if as_json:
        show_json(shelf_rows(what))
    else:
        click.echo(shelves(what))
