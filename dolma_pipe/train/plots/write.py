"""From the folders of runs to a PNG or an HTML page."""

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.errors import MissingExtra, TrainError
from dolma_pipe.train.plots.names import shown
from dolma_pipe.train.plots.page import page
from dolma_pipe.train.plots.picture import picture
from dolma_pipe.train.plots.read import Axis, Run, read_run
from dolma_pipe.work import atomic_write

ENDINGS = (".png", ".html")
STYLE = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "dolma-pipe"}
"""A $ in a name is a $; text stays text; the same runs give the same bytes."""
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


class DrawnRun(msgspec.Struct):
    """A run in a picture. left_out: lines of its metrics.jsonl that are none of a training."""

    name: str
    last_step: int
    left_out: int


class Drawn(msgspec.Struct):
    """A picture that was written."""

    file: Path
    runs: list[DrawnRun]

    def told(self) -> str:
        """In one line."""
        left_out = sum(run.left_out for run in self.runs)
        counts = [f"{shown(run.name)} up to step {run.last_step:,}" for run in self.runs]
        more = [f"left out, no lines of a training: {left_out:,}"] if left_out else []
        return f"{self.file}: " + "; ".join([", ".join(counts), *more])


def write_plot(runs: Sequence[Path], out: Path, x: Axis = "steps") -> Drawn:
    """Draw runs in one picture. Returns what was drawn.

    out: .png, or .html for a page with tables. Raises TrainError, MissingExtra without matplotlib,
    WorkError where out cannot be written.
    """
    if out.suffix.lower() not in ENDINGS:
        raise TrainError(f"{out}: a picture is written as {' or '.join(ENDINGS)}")
    try:
        import matplotlib.style
    except ImportError:
        raise MissingExtra("train", "matplotlib") from None
    folders = list({folder.resolve(): folder for folder in runs}.values())
    found = [
        read_run(folder, name, x) for folder, name in zip(folders, _names(folders), strict=True)
    ]
    with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = picture(found, x)
        content = _png(figure) if out.suffix.lower() == ".png" else _html(found, figure)
    with atomic_write(out, durable=False) as file:
        file.write(content)
    return Drawn(out, [DrawnRun(run.name, run.last_step, run.left_out) for run in found])


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _html(runs: Sequence[Run], figure: Any) -> bytes:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=NO_METADATA)
    svg = file.getvalue()
    return page(runs, svg[svg.index("<svg") :]).encode("utf-8", "replace")


def _names(folders: Sequence[Path]) -> list[str]:
    """Of the folders themselves, or their paths where two have the same."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    return [os.fsencode(name).decode("utf-8", "replace") for name in names]
