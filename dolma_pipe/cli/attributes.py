"""`dolma-pipe attributes`: what is known of documents, to dolma and from it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.options import (
    GoesOn,
    engine_options,
    force_option,
    json_option,
    opened,
    recipe_argument,
    show_json,
    work_option,
)
from dolma_pipe.cli.run import fail_if_incomplete

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice

FOLDER = click.Path(path_type=Path)
sources_option = click.option(
    "--source", "sources", multiple=True, help="Only this source; may be given again."
)


@click.group("attributes")
def command() -> None:
    """Exchange attributes with dolma: its mixer reads ours, we read its taggers'."""


@command.command("export", cls=GoesOn)
@recipe_argument
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--name", help="dolma's name of the experiment [default: of the recipe]")
@sources_option
@work_option
@engine_options
@force_option
@json_option
def export(
    recipe: Path,
    folder: Path,
    name: str | None,
    sources: tuple[str, ...],
    work: Path | None,
    engine: "EngineChoice",
    force: bool,
    as_json: bool,
) -> None:
    """Write DIR/SOURCE/attributes/NAME/ for dolma, tagging first what is not tagged.

    Beside them lie the documents, as links to the inputs, and DIR/NAME.mixer.json, with which
    `dolma -c DIR/NAME.mixer.json mix` drops and masks what RECIPE does.
    """
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.passes.exchange import export_attributes

        exported = export_attributes(context, folder, name, sources)
        if as_json:
            show_json(exported)
        for source, told in () if as_json else exported.items():
            copies = f", documents of {told.copied} copied" if told.copied else ""
            click.echo(
                f"{source}: {told.documents:,} documents, {told.shards:,} shards{copies} in "
                f"{told.folder}"
            )
    fail_if_incomplete({key: failure.text for key, failure in context.failed.items()})


@command.command("import")
@recipe_argument
@click.argument("attributes", metavar="DOLMA", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--name", help="dolma's name of the experiment, where DOLMA has several")
@sources_option
@engine_options
@json_option
def import_(
    recipe: Path,
    attributes: Path,
    out: Path,
    name: str | None,
    sources: tuple[str, ...],
    engine: "EngineChoice",
    as_json: bool,
) -> None:
    """Read what dolma's taggers say of the documents of RECIPE into OUT.

    DOLMA has SOURCE/attributes/NAME/ in it, or with one --source the files themselves. A recipe
    uses them as `taggers: [{imported: {name: bench, folder: OUT}}]`.
    """
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.engine.choice import new_engine
    from dolma_pipe.passes.context import Context
    from dolma_pipe.passes.exchange import import_attributes
    from dolma_pipe.recipe_file import read_sources
    from dolma_pipe.work import Work

    running = new_engine(engine, out)
    try:
        context = Context(read_sources(recipe), Work(out), running, watcher())
        counts = import_attributes(context, attributes, out, name, sources)
    finally:
        running.close()
    if as_json:
        show_json(counts)
        return
    for source, count in counts.items():
        click.echo(f"{source}: {count.documents:,} documents in {out / source}")
        if count.missing:
            click.echo(f"{source}: {count.missing:,} documents have no line there: no scores")
        if count.unknown:
            click.echo(f"{source}: {count.unknown:,} lines are of no document here: passed over")
        if count.joined:
            click.echo(f"{source}: {count.joined:,} spans shared text with another: joined")
