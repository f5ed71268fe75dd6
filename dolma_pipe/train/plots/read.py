"""metrics.jsonl of a run, which may still go on: curves by OLMo's names."""

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.errors import TrainError
from dolma_pipe.train.metrics.file import (
    GRAD_NORM,
    LOSS,
    LR,
    METRICS,
    MFU,
    RESTARTED,
    SKIPPED,
    SPEED,
    STEP,
    TOKENS,
)
from dolma_pipe.train.plots.reduce import Floats, Series, reduce

CONFIG = "config.json"
Axis = Literal["steps", "tokens"]
CURVES = (LOSS, LR, GRAD_NORM, SPEED, MFU)
COLUMNS = (STEP, TOKENS, *CURVES, SKIPPED, RESTARTED)
LARGEST = 1e300


class Points(NamedTuple):
    """Evaluations by one name, float64[k] each, by x."""

    x: Floats
    y: Floats


class Run(NamedTuple):
    """x everywhere: steps or tokens, as asked. last_step: 0 before the first. ends: the first and
    the last x. last: what the last step and the last evaluations said. left_out: lines of
    something else."""

    name: str
    config: Any
    last_step: int
    ends: tuple[float, float]
    last: dict[str, float]
    curves: dict[str, Series]
    evaluations: dict[str, Points]
    skipped: Floats
    restarts: Floats
    left_out: int


def read_run(folder: Path, name: str, axis: Axis) -> Run:
    """Raises TrainError for what is no folder of a run, and where there is nothing to draw yet.

    Holds 72 bytes a step while it reads, and no more than a picture shows after.
    """
    path = _metrics_of(folder)
    lines = _Lines(path)
    columns, found = lines.columns(), lines.evaluations
    if not (len(columns[STEP]) or found):
        told = f", {lines.left_out} lines of something else" if lines.left_out else ""
        raise TrainError(f"{path} has no whole line of a step yet{told}: nothing to draw")
    place = _place(path, columns, found) if axis == "tokens" else np.asarray
    x = place(columns[STEP])
    evaluations = {n: Points(place(steps), y) for n, (steps, _, y) in found.items()}
    last = {name: number(value) for name, value in lines.last.items()}
    every = np.concatenate([x, *(points.x for points in evaluations.values())])
    return Run(
        name=name,
        config=_config(folder),
        last_step=int(columns[STEP].max(initial=0)),
        ends=(every.min(), every.max()),
        last=last | {n: points.y[-1] for n, points in evaluations.items()},
        curves={n: reduce(x, columns[n]) for n in CURVES if np.isfinite(columns[n]).any()},
        evaluations=evaluations,
        skipped=x[columns[SKIPPED] > 0],
        restarts=x[columns[RESTARTED] > 0],
        left_out=lines.left_out,
    )


class _Lines:
    """All that is drawn of a file: NaN where a line does not have it."""

    def __init__(self, path: Path) -> None:
        self._columns = {name: array("d") for name in COLUMNS}
        self._evaluations: dict[str, dict[float, tuple[float, float]]] = {}
        self.last: dict[str, Any] = {}
        self.left_out = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):  # the last one may be half-written
                        self._add(line)
        except OSError as error:
            raise TrainError(f"{path} cannot be read: {error.strerror}") from None

    def columns(self) -> dict[str, Floats]:
        """float64[steps] each, by step."""
        columns = {name: np.frombuffer(column) for name, column in self._columns.items()}
        order = np.argsort(columns[STEP], kind="stable")
        return {name: column[order] for name, column in columns.items()}

    @property
    def evaluations(self) -> dict[str, Floats]:
        """float64[3, k] of each name: steps, tokens, values."""
        return {
            name: np.array([(step, *given[step]) for step in sorted(given)]).T
            for name, given in self._evaluations.items()
        }

    def _add(self, line: bytes) -> None:
        try:
            values = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            values = None
        if not isinstance(values, dict) or np.isnan(step := number(values.get(STEP))):
            self.left_out += 1
            return
        if LOSS in values:
            for name, column in self._columns.items():
                column.append(number(values.get(name)))
            self.last = values
        if b'"eval/' in line:
            tokens = number(values.get(TOKENS))
            for name, value in values.items():
                if name.startswith("eval/"):
                    self._evaluations.setdefault(name, {})[step] = (tokens, number(value))


def number(value: Any) -> float:
    """NaN for null and what is no number."""
    if (type(value) is float or type(value) is int) and -LARGEST < value < LARGEST:
        return float(value)
    return float("nan")


def _metrics_of(folder: Path) -> Path:
    path = folder / METRICS
    if path.is_file():
        return path
    if not folder.exists():
        raise TrainError(f"{folder}: there is no such folder")
    if folder.is_file():
        raise TrainError(f"{folder} is a file: name the folder of a run, in which {METRICS} is")
    near = [*sorted(folder.glob(f"*/{METRICS}")), folder.parent / METRICS]
    told = next((f" ({place.parent} has one)" for place in near if place.is_file()), "")
    raise TrainError(f"{folder} is not the folder of a run: {METRICS} is missing{told}")


def _place(
    path: Path, columns: dict[str, Floats], evaluations: dict[str, Floats]
) -> Callable[[Floats], Floats]:
    """From steps to tokens, as the lines say of both."""
    steps = np.concatenate([columns[STEP], *(given[0] for given in evaluations.values())])
    tokens = np.concatenate([columns[TOKENS], *(given[1] for given in evaluations.values())])
    known = np.isfinite(tokens)
    if not known.any():
        raise TrainError(f"{path} has no {TOKENS}: draw it over steps (--x steps)")
    order = np.argsort(steps[known], kind="stable")
    return lambda asked: np.interp(asked, steps[known][order], tokens[known][order])


def _config(folder: Path) -> Any:
    """What config.json has; nothing where it cannot be read."""
    try:
        return msgspec.json.decode((folder / CONFIG).read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
