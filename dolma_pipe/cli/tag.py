"""`dolma-pipe tag`: stages 1 to 3 alone, for one source or all."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.options import (
    GoesOn,
    engine_options,
    force_option,
    json_option,
    opened,
    page_option,
    recipe_argument,
    work_option,
)
from dolma_pipe.cli.report import report_of
from dolma_pipe.cli.run import fail_if_incomplete, show

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice


@click.command("tag", cls=GoesOn)
@recipe_argument
@click.option("--source", "sources", multiple=True, help="Only this source; may be given again.")
@click.option(
    "--tagger",
    "taggers",
    multiple=True,
    help="Only this tagger (prefix of its columns); may be given again. What others have scored"
    " before stays, and counts.",
)
@click.option("--all", "score_all", is_flag=True, help="Score dropped documents further, too.")
@work_option
@engine_options
@page_option
@force_option
@json_option
def command(
    recipe: Path,
    sources: tuple[str, ...],
    taggers: tuple[str, ...],
    score_all: bool,
    work: Path | None,
    engine: "EngineChoice",
    no_report: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Tag and filter the documents of RECIPE: attributes/ and curated/ in the work directory.

    Scores that stand in attributes/ and still hold are used, not made again.
    """
    with opened(recipe, work, engine, force) as context:
        from dolma_pipe.run import tag

        summary = tag(context, sources, taggers, score_all)
        show(context, summary, as_json=as_json)
    if not no_report:
        report_of(context)
    fail_if_incomplete(summary.failed)
