"""`dolma-pipe train plot`: what runs did, as a picture."""

from pathlib import Path
from typing import Literal

import click


@click.command("plot")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="FILE.png, or FILE.html with tables of last values and of settings that differ"
    " [default: curves.png in RUN, or here where there are several]",
)
@click.option("--x", type=click.Choice(["steps", "tokens"]), default="steps", show_default=True)
def command(runs: tuple[Path, ...], out: Path | None, x: Literal["steps", "tokens"]) -> None:
    """Draw loss, learning rate, gradient norm, speed and every evaluation of RUNs.

    RUN: the folder of a training, finished or not. Several are drawn into the same panels, for
    comparison. How to read them: docs/training-curves.md.
    """
    from dolma_pipe.train.plots.write import write_plot

    out = out or (runs[0] / "curves.png" if len(runs) == 1 else Path("curves.png"))
    click.echo(write_plot(runs, out, x))
