"""`dolma-pipe export`: the cleaned corpus as files that other tools read."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.options import (
    GoesOn,
    engine_options,
    force_option,
    json_option,
    opened,
    place,
    recipe_argument,
    show_json,
    work_option,
)
from dolma_pipe.cli.run import fail_if_incomplete

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice


@click.group("export")
def command() -> None:
    """Write what a run made in the layouts of other tools."""


@command.command("documents", cls=GoesOn)
@recipe_argument
@click.argument("folder", metavar="DIR", type=place)
@work_option
@engine_options
@force_option
@json_option
def documents(
    recipe: Path,
    folder: Path,
    work: Path | None,
    engine: "EngineChoice",
    force: bool,
    as_json: bool,
) -> None:
    """Write the documents that survive stage 4 to DIR, in dolma's layout."""
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.passes.export import export_documents
        from dolma_pipe.work import address

        exported = export_documents(context, folder)
        if as_json:
            show_json(exported)
        for source, told in () if as_json else exported.items():
            click.echo(f"{source}: {told.documents:,} documents in {address(told.folder)}")
    fail_if_incomplete({key: failure.text for key, failure in context.failed.items()})
