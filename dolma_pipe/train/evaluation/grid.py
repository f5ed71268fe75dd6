"""Tasks x models as a table, Catwalk's way (Groeneveld et al. 2023); the best of a row has a *."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from dolma_pipe.train.evaluation.compare import Comparison
from dolma_pipe.train.evaluation.perplexity import Fit, Fits
from dolma_pipe.train.evaluation.tasks import TaskScore

AVERAGE = "macro average"


class Row(NamedTuple):
    """values: the first is what chance gets, then one for each model."""

    name: str
    values: list[float]


class Section(NamedTuple):
    """decimals: of the values shown. best: min or max."""

    title: str
    decimals: int
    best: Callable[[list[float]], float]
    rows: list[Row]


def sections(found: Comparison) -> Iterator[Section]:
    """Bits per byte and perplexity of sources, accuracies of tasks; of what there is."""
    if found.chance is not None:
        each = [found.chance, *(m.held_out for m in found.models.values() if m.held_out)]
        title = "bits per byte (lower is better)"
        yield Section(title, 4, min, _fit_rows(each, lambda fit: fit.bits_per_byte))
        title = "perplexity a token (lower is better)"
        yield Section(title, 2, min, _fit_rows(each, lambda fit: fit.perplexity))
    scores = [m.tasks for m in found.models.values()]
    if scores and scores[0]:
        rows = [_task_row(name, [of[name] for of in scores]) for name in scores[0]]
        if len(rows) > 1:
            columns = zip(*(row.values for row in rows), strict=True)
            rows.append(Row(AVERAGE, [sum(column) / len(column) for column in columns]))
        yield Section("accuracy, % (higher is better)", 1, max, rows)


def grid(found: Comparison) -> str:
    """The table as text."""
    head = ["", *(f"{name} " for name in ("chance", *found.models))]
    parts = [(part.title, [_cells(row, part) for row in part.rows]) for part in sections(found)]
    rows = [head, *(row for _, cells in parts for row in cells)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    told = [_line(head, widths)]
    for title, cells in parts:
        told += ["", title, *(_line(row, widths) for row in cells)]
    return "\n".join([*told, "", f"windows of {found.length:,} tokens"])


def _fit_rows(each: list[Fits], value: Callable[[Fit], float]) -> list[Row]:
    rows = [Row(name, [value(fits.sources[name]) for fits in each]) for name in each[0].sources]
    if len(rows) > 1:
        rows.append(Row(AVERAGE, [value(fits.macro) for fits in each]))
        rows.append(Row("micro average", [value(fits.micro) for fits in each]))
    return rows


def _task_row(name: str, scores: list[TaskScore]) -> Row:
    first = scores[0]
    told = f"{name} ({first.metric}, {first.questions:,})"
    return Row(told, [100 * first.chance, *(100 * score.score for score in scores)])


def _cells(row: Row, section: Section) -> list[str]:
    told = [f"{value:,.{section.decimals}f}" for value in row.values]
    best = section.best(row.values[1:])
    several = len(row.values) > 2
    marks = ["*" if several and value == best else " " for value in row.values[1:]]
    models = [f"{value}{mark}" for value, mark in zip(told[1:], marks, strict=True)]
    return [f"  {row.name}", f"{told[0]} ", *models]


def _line(cells: list[str], widths: list[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = (cell.rjust(width + 2) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return (first + "".join(others)).rstrip()
