"""`dolma-pipe dedup index`: keep of a run what deduplicating later documents needs."""

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

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice


@click.command(
    "index", cls=GoesOn, short_help="Keep what later runs need to deduplicate against this one."
)
@recipe_argument
@click.option(
    "--out",
    required=True,
    type=place,
    metavar="PATH",
    help="Folder of the index, or s3://bucket/prefix.",
)
@click.option(
    "--new-only",
    is_flag=True,
    help="Without the documents of the indexes in RECIPE: a later recipe names them all.",
)
@work_option
@engine_options
@force_option
@json_option
def command(
    recipe: Path,
    out: Path,
    new_only: bool,
    work: Path | None,
    engine: "EngineChoice",
    force: bool,
    as_json: bool,
) -> None:
    """Index the documents of RECIPE, so that later recipes deduplicate against them.

    A later recipe names the folder in `dedup_index`; neither the texts nor the work directory of
    this one are needed then.
    """
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.passes.dedup_index import index
        from dolma_pipe.passes.locks import locked
        from dolma_pipe.work import address

        with locked(out, "index", "--out"):
            told = index(context, recipe, out, new_only=new_only)
        if as_json:
            show_json(told)
            return
        counts = told.counts
        each = counts["bytes"] / max(1, counts["documents"])
        click.echo(
            f"index: {address(out)}, {counts['documents']:,} documents,"
            f" {counts['bytes'] / 1e6:,.1f} MB, {each:,.0f} bytes a document"
        )
