"""What a run's folder holds: its checkpoints, whole, as deltas, damaged or half-written."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.delta import DELTA, is_delta, read_header
from dolma_pipe.train.checkpoints.packing import OPTIMIZER, base_of, folder_bytes, verify
from dolma_pipe.train.checkpoints.retention import DELTAS, leftovers
from dolma_pipe.train.checkpoints.weights import ALONE, CONFIG, INDEX, Weights
from dolma_pipe.train.meta import CHECKPOINT, META, read_meta

COLUMNS = ("name", "step", "tokens", "loss", "lr", "weights", "optimizer", "saved", "kind")
UNITS = ("B", "kB", "MB", "GB")


class Row(msgspec.Struct, kw_only=True):
    """A checkpoint. kind: whole, delta or half-written. weights, optimizer: bytes on disk; base:
    where that of a delta lies, from the delta. problems: what is wrong with it."""

    name: str
    kind: str
    step: int | None = None
    tokens: int | None = None
    loss: float | None = None
    lr: float | None = None
    weights: int = 0
    optimizer: int = 0
    created: str | None = None
    base: str | None = None
    problems: list[str] = []

    @property
    def damaged(self) -> bool:
        """A folder that is half-written is not: a writer may be at work."""
        return bool(self.problems) and self.kind != "half-written"


def rows(run: Path, *, check: bool = False) -> list[Row]:
    """The checkpoints in a run's folder and its deltas/, by step; or the one checkpoint that it is.

    check: decode deltas, too, which reads them and their bases. Raises TrainError where there is
    no checkpoint.
    """
    if not run.is_dir():
        raise TrainError(f"{run} is no folder")
    if _is_checkpoint(run):
        return [_row(run, run.name, check)]
    found = [path for path in [*run.iterdir(), *run.glob(f"{DELTAS}/*")] if _is_checkpoint(path)]
    listed = [_row(path, path.relative_to(run).as_posix(), check) for path in found]
    listed.sort(key=lambda row: (row.step is None, row.step or 0, row.name))
    for path in [*leftovers(run), *leftovers(run / DELTAS)]:
        told = "a writer was killed here, or is writing; nothing reads it"
        name = path.relative_to(run).as_posix()
        size = folder_bytes(path)
        listed.append(Row(name=name, kind="half-written", weights=size, problems=[told]))
    if not listed:
        raise TrainError(f"no checkpoints in {run}")
    return listed


def table(listed: list[Row]) -> list[str]:
    """Lines for people; what is wrong stands below."""
    lines = [list(COLUMNS), *(_cells(row) for row in listed)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    told = []
    for name, *numbers, kind in lines:
        right = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        told.append("  ".join([name.ljust(widths[0]), *right, kind]))
    return told + [f"{row.name}: {problem}" for row in listed for problem in row.problems]


def size_told(size: float) -> str:
    """1234 as 1.23 kB."""
    unit = 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:,.0f} {UNITS[unit]}" if size >= 100 or not unit else f"{size:.3g} {UNITS[unit]}"


def _is_checkpoint(path: Path) -> bool:
    if not path.is_dir() or path.name.startswith("."):
        return False
    files = (META, DELTA, INDEX, *ALONE)
    return CHECKPOINT.match(path.name) is not None or any((path / name).exists() for name in files)


def _row(path: Path, name: str, check: bool) -> Row:
    row = Row(name=name, kind="delta" if is_delta(path) else "whole")
    row.optimizer = folder_bytes(path / OPTIMIZER)
    parts: list[Callable[[Row, Path], None]] = [_with_meta]
    parts += [_with_delta] if row.kind == "delta" else [_with_weights]
    parts += [_checked] if row.kind == "delta" and check else []
    for part in parts:
        try:
            part(row, path)
        except TrainError as error:
            row.problems = [*row.problems, str(error)]
    return row


def _with_meta(row: Row, path: Path) -> None:
    if not (path / META).exists():
        if CHECKPOINT.match(path.name):
            raise TrainError(f"no {META}: nothing starts or goes on here")
        return  # a Hugging Face directory
    meta = read_meta(path)
    row.step, row.tokens, row.created = meta.step, meta.tokens, meta.created
    row.loss, row.lr = meta.loss, meta.lr


def _with_weights(row: Row, path: Path) -> None:
    row.weights = Weights(path).bytes
    if not (path / CONFIG).is_file():
        raise TrainError(f"no {CONFIG}")


def _with_delta(row: Row, path: Path) -> None:
    row.weights = (path / DELTA).stat().st_size
    header = read_header(path / DELTA)
    row.base = header.base.path
    if (base := base_of(path, header)) is None:
        raise TrainError(f"its base {header.base.name} is not at {header.base.path}")
    row.base = os.path.relpath(base, path.resolve())
    if is_delta(base):
        raise TrainError(f"its base {base} is a delta itself: unpack that first")


def _checked(row: Row, path: Path) -> None:
    if not row.problems:
        verify(path)


def _cells(row: Row) -> list[str]:
    return [
        row.name,
        "-" if row.step is None else f"{row.step:,}",
        "-" if row.tokens is None else f"{row.tokens:,}",
        "-" if row.loss is None else f"{row.loss:.4f}",
        "-" if row.lr is None else f"{row.lr:.3g}",
        size_told(row.weights),
        size_told(row.optimizer) if row.optimizer else "-",
        "-" if row.created is None else row.created[:19].replace("T", " "),
        f"delta of {row.base}" if row.base else row.kind,
    ]
