"""The page of two runs side by side, from a Comparison: one file that opens anywhere."""

from collections import Counter
from typing import Any, NamedTuple

from dolma_pipe.report.comparison.changes import by_setting
from dolma_pipe.report.comparison.model import Comparison, MovedExample
from dolma_pipe.report.html.charts import bars
from dolma_pipe.report.html.drawing import Chart
from dolma_pipe.report.html.numbers import shown
from dolma_pipe.report.html.overlay import Drawn, overlay_of
from dolma_pipe.report.html.render import rendered
from dolma_pipe.report.page.model import Page

MOST = 500
"""Rows of a table, pairs of fates with examples."""
CHARTS = 60
BY_SOURCE = 12
"""Sources, up to which charts know each of them."""
SECTIONS = (
    ("changes", "Changes"),
    ("documents", "Documents"),
    ("examples", "Examples"),
    ("funnel", "Funnel"),
    ("rules", "Rules"),
    ("mix", "Mix"),
)
FATES = {
    "stayed": "var(--series-1)",
    "entered": "var(--series-3)",
    "left": "var(--series-2)",
}


class Row(NamedTuple):
    """A number of both runs. source: None where it is of all."""

    name: str
    source: str | None
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        return None if self.a is None or self.b is None else self.b - self.a


class Group(NamedTuple):
    """Examples with the same fates."""

    source: str
    before: str
    after: str
    documents: int
    examples: list[MovedExample]


def render_comparison(told: Comparison) -> str:
    """The page as HTML. Raises MissingExtra."""
    names = list(dict.fromkeys((*told.a.sources, *told.b.sources)))
    titles = [told.a.name, told.b.name]
    titles = titles if titles[0] != titles[1] else [told.a.place, told.b.place]
    values: dict[str, Any] = {
        "told": told,
        "titles": titles,
        "changes": by_setting(told.changes),
        "sources": names,
        "moved_chart": _moved(told, names),
        "transitions": [t for t in told.transitions if t.before != t.after][:MOST],
        "groups": _groups(told)[:MOST],
        "funnel": _funnel(told),
        "steps": _steps(told),
        "rules": _removed(told)[:MOST],
        "overlays": _overlays(told, len(names)),
        "mix": _mix(told),
    }
    shows = {"examples": values["groups"], "rules": values["rules"], "mix": values["mix"]}
    sections = [(id, title) for id, title in SECTIONS if shows.get(id, True)]
    return rendered("comparison.html.j2", **values, sections=sections)


def _moved(told: Comparison, names: list[str]) -> Chart:
    stayed, entered, left = (sum(getattr(m, kind) for m in told.moved) for kind in FATES)
    rows = [(m.source, kind, getattr(m, kind)) for m in told.moved for kind in FATES]
    return bars(
        "Documents that survive stage 4",
        f"{shown(stayed)} stayed, {shown(entered)} entered, {shown(left)} left",
        [row for row in rows if row[0] in names],
        list(FATES),
        category="source",
        filtered="category",
        colours=FATES,
    )


def _groups(told: Comparison) -> list[Group]:
    """Largest first."""
    counts = {(t.source, t.before, t.after): t.documents for t in told.transitions}
    made: dict[tuple[str, str, str], list[MovedExample]] = {}
    for one in told.examples:
        made.setdefault((one.document.source, one.before, one.after), []).append(one)
    groups = [Group(*fates, counts[fates], some) for fates, some in made.items()]
    return sorted(groups, key=lambda group: (-group.documents, group[:3]))


def _funnel(told: Comparison) -> Chart:
    counts: Counter[tuple[str, str]] = Counter()
    stages: dict[str, None] = {}
    for run, page in (("A", told.a), ("B", told.b)):
        for step in page.steps:
            counts[step.stage, run] += step.documents
            stages[step.stage] = None
    ends = [sum(m.stayed + getattr(m, kind) for m in told.moved) for kind in ("left", "entered")]
    return bars(
        "Documents after each stage",
        f"A keeps {shown(ends[0])} documents, B {shown(ends[1])}",
        [(stage, run, counts[stage, run]) for stage in stages for run in "AB"],
        ["A", "B"],
        category="stage",
        filtered="",
        stacked=False,
    )


def _both(a: dict[tuple[str, str], float], b: dict[tuple[str, str], float]) -> list[Row]:
    return [Row(*key, a.get(key), b.get(key)) for key in dict.fromkeys((*a, *b))]


def _steps(told: Comparison) -> list[Row]:
    def of(page: Page) -> dict[tuple[str, str], float]:
        return {(step.stage, step.source): step.documents for step in page.steps}

    return _both(of(told.a), of(told.b))


def _removed(told: Comparison) -> list[Row]:
    """What each rule and entry removed, and quarantined lines; those first that changed most."""

    def of(page: Page) -> dict[tuple[str, str], float]:
        removed: Counter[tuple[str, str]] = Counter()
        for rule in page.rules:
            removed.update({(rule.column, name): n for name, n in rule.removed.items()})
        for entry in page.dedup:
            name = f"dedup {entry.number} {entry.method}"
            removed.update({(name, source): n for source, n in entry.removed.items()})
        removed.update({("quarantined lines", row.source): row.quarantined for row in page.intake})
        return {key: float(n) for key, n in removed.items()}

    rows = [row for row in _both(of(told.a), of(told.b)) if row.a or row.b]
    return sorted(rows, key=lambda row: -abs((row.b or 0) - (row.a or 0)))


def _overlays(told: Comparison, sources: int) -> list[Drawn]:
    """Those whose range changed first; of many sources all together."""
    every = (overlay_of(one, sources, sources <= BY_SOURCE) for one in told.overlays)
    return sorted(filter(None, every), key=lambda one: not one.changed)[:CHARTS]


def _mix(told: Comparison) -> list[Row]:
    """Tokens of the output."""

    def of(page: Page) -> dict[tuple[str, str], float]:
        rows = page.mix.rows if page.mix else ()
        told = {("output", row.source): float(row.output) for row in rows}
        return told | {("repeats", row.source): float(row.repeats) for row in rows}

    return _both(of(told.a), of(told.b))
