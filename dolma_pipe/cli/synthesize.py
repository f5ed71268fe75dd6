"""`dolma-pipe synthesize`: tasks below long documents, for long-context training."""

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


@click.command("synthesize", cls=GoesOn)
@recipe_argument
@click.argument("out", type=place)
@click.option("--source", "sources", multiple=True, help="Only this source; may be given again.")
@click.option(
    "--task",
    "kinds",
    type=click.Choice(["cwe", "rex"]),
    multiple=True,
    default=("cwe", "rex"),
    help="cwe: how often words occur. rex: excerpts across parts. May be given again"
    " [default: both]",
)
@click.option(
    "--wording",
    default="templates",
    show_default=True,
    metavar="NAME|FILE",
    help="What puts a task into words: templates, or a file of yours, ./mine.py",
)
@click.option(
    "--min-words",
    type=click.IntRange(min=1),
    default=8000,
    show_default=True,
    help="Shorter documents get no task.",
)
@click.option(
    "--max-words",
    type=click.IntRange(min=1),
    help="Nor do longer ones: who trains with 65,536 tokens sees some 45,000 English words at a"
    " time [default: no bound]",
)
@click.option(
    "--tasks-per-document",
    "tasks",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="So many at most, kinds in turn, one below the other.",
)
@work_option
@engine_options
@force_option
@json_option
def command(
    recipe: Path,
    out: Path,
    sources: tuple[str, ...],
    kinds: tuple[str, ...],
    wording: str,
    min_words: int,
    max_words: int | None,
    tasks: int,
    work: Path | None,
    engine: "EngineChoice",
    force: bool,
    as_json: bool,
) -> None:
    """Write the long documents of RECIPE with tasks below them to OUT, in dolma's layout.

    Documents are those that survive stage 4, as `export documents` has them; what is not done yet
    is done first. OUT/SOURCE/documents/*.jsonl.zst is then a source of a recipe like any other.
    Every count and excerpt is checked by a second, slower rule. A run that was interrupted goes on
    where it stopped.
    """
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.passes.synthesize import settings_of, synthesize
        from dolma_pipe.report.longtasks import longtasks_table

        asked = settings_of(kinds, wording, min_words, max_words or 0, tasks, context.recipe.seed)  # type: ignore[arg-type]  # click has checked the kinds
        made = synthesize(context, out, asked, sources)
        if as_json:
            show_json(made)
        else:
            click.echo(longtasks_table(made))
    fail_if_incomplete({key: failure.text for key, failure in context.failed.items()})
