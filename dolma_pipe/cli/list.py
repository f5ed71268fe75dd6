"""`dolma-pipe list`: what can stand in a recipe."""

import click


@click.command("list")
@click.argument(
    "what", type=click.Choice(["taggers", "mixers", "dedup", "configs"]), required=False
)
def command(what: str | None) -> None:
    """List taggers, mixers, dedup methods and shipped recipes, with their settings and defaults."""
    from dolma_pipe.report.shelves import shelves

    click.echo(shelves(what))
