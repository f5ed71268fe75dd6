"""`dolma-pipe train plot`: what runs did, as a picture."""

from pathlib import Path
from typing import Literal

import click

from dolma_pipe.cli.options import json_option, show_json


@click.command("plot")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="FILE.png, or FILE.html with tables of last values and of settings that differ"
    " [default: curves.png in RUN, or here where there are several]",
)
@click.option("--x", type=click.Choice(["steps", "tokens"]), default="steps", show_default=True)
@json_option
def command(
    runs: tuple[Path, ...], out: Path | None, x: Literal["steps", "tokens"], as_json: bool
) -> None:
    """Draw loss, learning rate, gradient norm, speed and every evaluation of RUNs.

    RUN: the folder of a training, finished or not. Several are drawn into the same panels, for
    comparison. How to read them: docs/training-curves.md.
    """
    from dolma_pipe.train.plots.write import write_plot

    out = out or (runs[0] / "curves.png" if len(runs) == 1 else Path("curves.png"))
    drawn = write_plot(runs, out, x)
    if as_json:
        show_json(drawn)
    else:
        click.echo(drawn.told())
