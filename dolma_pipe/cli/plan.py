"""`dolma-pipe plan`: what the mix will be, before anything of it is written."""

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

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice


@click.command("plan", cls=GoesOn)
@recipe_argument
@work_option
@engine_options
@force_option
@click.option("--buckets", is_flag=True, help="Each quality bucket, too.")
@json_option
def command(
    recipe: Path,
    work: Path | None,
    engine: "EngineChoice",
    force: bool,
    buckets: bool,
    as_json: bool,
) -> None:
    """Print what the mix of RECIPE will be: asked, available, repeats, shares, and what binds.

    Counts are those of real tokens: what is not yet filtered, deduplicated and encoded is, but no
    plan and no token array is written. A target out of reach is refused with the largest that is
    not.
    """
    from dolma_pipe.cli.run import fail_if_incomplete
    from dolma_pipe.report.plan_table import plan_told
    from dolma_pipe.run import plan_only

    with opened(recipe, work, engine, force) as context:
        planned = plan_only(context)
    if as_json:
        show_json(planned)
    else:
        click.echo(plan_told(planned, buckets=buckets))
    fail_if_incomplete({key: failure.text for key, failure in context.failed.items()})
