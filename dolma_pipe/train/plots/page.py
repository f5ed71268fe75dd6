"""The picture and two tables as one HTML page that needs nothing else."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any

import msgspec

from dolma_pipe.train.metrics.file import GRAD_NORM, LOSS, LR, MEMORY, MFU, SPEED, TOKENS
from dolma_pipe.train.metrics.numbers import short
from dolma_pipe.train.plots.axes import colour
from dolma_pipe.train.plots.names import shown
from dolma_pipe.train.plots.read import Run

LAST: dict[str, tuple[str, Callable[[float], str]]] = {
    TOKENS: ("tokens", short),
    LOSS: ("loss of the last step", "{:.4f}".format),
    LR: ("learning rate", "{:.3g}".format),
    GRAD_NORM: ("gradient norm", "{:.3g}".format),
    SPEED: ("tokens a second and device", "{:,.0f}".format),
    MFU: ("MFU", "{:.1%}".format),
    MEMORY: ("peak GPU memory, MB", "{:,.0f}".format),
}
LONGEST = 80
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
svg { width: 100%; height: auto; }
div { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0 2rem; }
th, td { padding: 0.15rem 0.9rem 0.15rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e3e3e3; }
td { font-variant-numeric: tabular-nums; }
"""


def page(runs: Sequence[Run], svg: str) -> str:
    """svg: the picture. All names are escaped."""
    title = escape(", ".join(shown(run.name, LONGEST) for run in runs))
    names = [
        f'<th scope="col" style="color:{colour(number)}">{_cell(run.name)}</th>'
        for number, run in enumerate(runs)
    ]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>",
        svg,
        "<h2>Last values</h2>",
        _table(names, _last_values(runs)),
    ]
    if differences := list(config_differences(runs)):
        parts += ["<h2>Settings that differ</h2>", _table(names, differences)]
    return "\n".join([*parts, "</body></html>", ""])


def config_differences(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
    """Places in config.json at which runs have other values, as JSON; empty where one has none."""
    flat = [dict(_flat(run.config)) for run in runs]
    for place in dict.fromkeys(place for settings in flat for place in settings):
        values = [settings.get(place, "") for settings in flat]
        if len(set(values)) > 1:
            yield place, values


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inside in value.items():
            yield from _flat(inside, f"{place}.{key}".strip("."))
    else:
        yield place, msgspec.json.encode(value).decode()


def _last_values(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
    yield "step", [f"{run.last_step:,}" for run in runs]
    ends = [run.curves[LOSS].smooth[-1] if LOSS in run.curves else math.nan for run in runs]
    yield "loss, mean of the last 1 % of steps", [_told(end, "{:.4f}".format) for end in ends]
    evaluations = sorted({name for run in runs for name in run.evaluations})
    names = LAST | {name: (name, "{:.4f}".format) for name in evaluations}
    for name, (label, told) in names.items():
        if any(name in run.last for run in runs):
            yield label, [_told(run.last.get(name, math.nan), told) for run in runs]


def _told(value: float, told: Callable[[float], str]) -> str:
    return told(value) if math.isfinite(value) else "–"


def _table(names: Sequence[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    lines = [f"<div><table><tr><th></th>{''.join(names)}</tr>"]
    for label, values in rows:
        cells = "".join(f"<td>{_cell(value)}</td>" for value in values)
        lines.append(f'<tr><th scope="row">{_cell(label)}</th>{cells}</tr>')
    return "\n".join([*lines, "</table></div>"])


def _cell(text: str) -> str:
    return escape(shown(text, LONGEST))
