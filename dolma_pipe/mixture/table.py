"""Runs of proxy models as users bring them: shares of the domains and losses of the tasks, CSV."""

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import InputError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.settings import nearest

RUN = ("run", "run_id", "index")
"""The column that names a run, the first of them that is there: ours, Olmix's, RegMix's."""
PASSED_OVER = ("name", "index", "")
"""Columns that the public swarms of Olmix have, and that are no numbers of a run."""
HIGHEST_LOSS = 1e6
"""Beyond any loss that means something; squares of much more would not be finite."""
SUM = 1e-3
"""How far shares may be from a sum of 1, through rounding."""


class Table(NamedTuple):
    """weights: float64[runs, domains], rows sum to 1; losses: float64[runs, tasks], bits per byte.

    notes: what to tell about the runs.
    """

    runs: tuple[str, ...]
    domains: tuple[str, ...]
    tasks: tuple[str, ...]
    weights: F64
    losses: F64
    notes: tuple[str, ...] = ()


class _Columns(NamedTuple):
    """Some columns of a file: values by run, and the line of each run."""

    path: Path
    names: tuple[str, ...]
    values: dict[str, F64]
    lines: dict[str, int]

    def place(self, run: str) -> str:
        return f"{self.path} line {self.lines[run]}"


def read_table(
    paths: Sequence[Path], weight_prefix: str, loss_prefix: str, tasks: Sequence[str] = ()
) -> Table:
    """One file with both kinds of columns, told apart by their prefixes; or two files, shares
    first, joined on `run`: there the prefixes may be missing.

    tasks: those to take, all where none is named. Raises InputError, one line.
    """
    prefixed = len(paths) == 1
    weights = _read(paths[0], weight_prefix, required=prefixed)
    losses = _read(paths[-1], loss_prefix, required=prefixed)
    for run in losses.lines:
        if run not in weights.lines:
            told = nearest(run, list(weights.lines)) if len(weights.lines) < 1000 else ""
            raise InputError(f"{losses.place(run)}: {weights.path} has no run '{run}'{told}")
    chosen = _chosen(losses, tasks)
    runs = tuple(run for run in weights.lines if run in losses.lines)
    absent = [run for run in weights.lines if run not in losses.lines]
    notes = [f"{len(absent)} runs without losses are left out: {_some(absent)}"] if absent else []
    if len(runs) < 2:
        told = f"only run '{runs[0]}'" if runs else "no run"
        raise InputError(f"{losses.path}: {told} in it")
    for run in runs:
        _check_weights(weights, run)
        _check_losses(losses, run, chosen)
    shares = np.array([weights.values[run] for run in runs])
    table = Table(
        runs,
        weights.names,
        tuple(losses.names[i] for i in chosen),
        shares / shares.sum(axis=1, keepdims=True),
        np.array([losses.values[run][chosen] for run in runs]),
        tuple(notes),
    )
    _check_whole(table, weights)
    return table


def _read(path: Path, prefix: str, *, required: bool) -> _Columns:
    """The columns that start with the prefix; where none does and none must, all of them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {path}: {told}") from None
    if not rows:
        raise InputError(f"{path}: empty, a line of column names is needed")
    header = [name.strip() for name in rows[0]]
    if len(header) == 1 and (other := re.search("[;\t|]", header[0])):
        raise InputError(f"{path}: has {other[0]!r} between its columns, a comma is needed")
    key = next((header.index(name) for name in RUN if name in header), None)
    columns = [i for i, name in enumerate(header) if name.startswith(prefix)]
    if not columns and required:
        told = nearest(prefix, header)
        raise InputError(f"{path}: no column starts with '{prefix}'{told}")
    if not columns:
        columns = [i for i, name in enumerate(header) if i != key and name not in PASSED_OVER]
        prefix = ""
    if key is None and not required:
        raise InputError(f"{path}: has no column 'run', on which the two files are joined")
    names = tuple(header[i].removeprefix(prefix) for i in columns)
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{path}: the column {min(twice)} is there twice")
    found = _Columns(path, names, {}, {})
    for line, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row):
            _add(found, line, row, header, key, columns)
    return found


def _add(
    found: _Columns,
    line: int,
    row: list[str],
    header: list[str],
    key: int | None,
    columns: list[int],
) -> None:
    if len(row) != len(header):
        told = f"{len(row)} cells under {len(header)} column names"
        raise InputError(f"{found.path} line {line}: {told}")
    run = f"line {line}" if key is None else row[key].strip()
    if run in found.lines:
        raise InputError(
            f"{found.path} line {line}: run '{run}' is in line {found.lines[run]} already"
        )
    found.lines[run] = line
    found.values[run] = np.array([_number(found, run, header[i], row[i]) for i in columns])


def _number(found: _Columns, run: str, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        told = f"is '{cell.strip()}'" if cell.strip() else "is missing"
        raise InputError(f"{found.place(run)}: {column} of run '{run}' {told}, a number is needed")
    return value


def _chosen(losses: _Columns, tasks: Sequence[str]) -> list[int]:
    for task in tasks:
        if task not in losses.names:
            raise InputError(
                f"--tasks: {losses.path} has no losses of '{task}'"
                f"{nearest(task, list(losses.names))}"
            )
    return [i for i, name in enumerate(losses.names) if not tasks or name in tasks]


def _check_weights(weights: _Columns, run: str) -> None:
    values = weights.values[run]
    if (values < 0).any():
        name = weights.names[int(np.argmin(values))]
        raise InputError(f"{weights.place(run)}: {name} has a negative weight, {values.min():g}")
    if abs(values.sum() - 1) > SUM:
        raise InputError(
            f"{weights.place(run)}: the weights of run '{run}' sum to {values.sum():.6g}, not to 1"
        )


def _check_losses(losses: _Columns, run: str, chosen: list[int]) -> None:
    for i in chosen:
        if not 0 < losses.values[run][i] <= HIGHEST_LOSS:
            raise InputError(
                f"{losses.place(run)}: {losses.names[i]} of run '{run}' is "
                f"{losses.values[run][i]:g}; bits per byte are above 0, and below {HIGHEST_LOSS:g}"
            )


def _check_whole(table: Table, weights: _Columns) -> None:
    """What no single run shows: a column that says nothing, a run that is there twice."""
    for name, values in zip(table.tasks, table.losses.T, strict=True):
        if np.ptp(values) <= 1e-9 * values.max():
            raise InputError(
                f"task {name}: the same loss in all runs, nothing can be learned of it"
            )
    for name, values in zip(table.domains, table.weights.T, strict=True):
        if not values.any():
            raise InputError(f"domain {name}: weight 0 in every run; leave the column out")
    seen: dict[bytes, str] = {}
    for run, shares, losses in zip(table.runs, table.weights, table.losses, strict=True):
        first = seen.setdefault(np.concatenate([shares, losses]).tobytes(), run)
        if first != run:
            raise InputError(
                f"{weights.place(run)}: run '{run}' is run '{first}' again, weights and losses"
            )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
