"""What the page says of a corpus as a whole: key figures, funnel, languages, times."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from dolma_pipe.report.html.charts import bars
from dolma_pipe.report.html.drawing import Chart, palette_of
from dolma_pipe.report.html.numbers import percent, seconds, short, shown, size
from dolma_pipe.report.page.model import Page, Step

LANGUAGES = 10
AFTER = ("mix", "tokenize", "output")
"""Steps of the survivors, which the mix chooses from and repeats."""
TITLES = (
    ("overview", "Overview", None),
    ("funnel", "Funnel", "funnel"),
    ("rules", "Rules", "rules"),
    ("columns", "Other columns", "columns"),
    ("languages", "Languages", "languages"),
    ("spans", "PII and spans", "spans"),
    ("duplicates", "Duplicates", "entries"),
    ("mix", "Mix", "mix_chart"),
    ("lengths", "Token lengths", "lengths"),
    ("times", "Time", "times"),
    ("recipe", "Recipe", None),
    ("versions", "Versions", "facts"),
)


class Figure(NamedTuple):
    """A key figure: of all sources together, and of each."""

    title: str
    value: str
    note: str
    by_source: dict[str, tuple[str, str]]


class SourceRow(NamedTuple):
    """A line of the first table; "" is all of them."""

    source: str
    cells: tuple[str, ...]


def contents(values: dict[str, Any]) -> list[tuple[str, str]]:
    """The sections that have something to show."""
    return [(id, title) for id, title, needs in TITLES if needs is None or values[needs]]


def key_figures(page: Page) -> list[Figure]:
    """Documents and text that were kept, tokens of the output, time."""
    ends = _ends(page)
    made = [
        _figure("Documents kept", ends, "documents", short),
        _figure("Text kept", ends, "bytes", size),
    ]
    output = {step.source: step for step in page.steps if step.stage == "output"}
    if any(step.tokens is not None for step in output.values()):
        tokens = sum(step.tokens or 0 for step in output.values())
        documents = sum(step.documents for step in output.values())
        told = {
            name: (short(step.tokens or 0), f"in {short(step.documents)} documents")
            for name, step in output.items()
        }
        made.append(Figure("Tokens out", short(tokens), f"in {short(documents)} documents", told))
    if page.seconds is not None:
        everyone = {name: (seconds(page.seconds), "for all sources") for name in page.sources}
        made.append(Figure("Time", seconds(page.seconds), "by the clock", everyone))
    return made


def source_rows(page: Page) -> list[SourceRow]:
    """Lines read, documents, kept, text, tokens: a line a source, then all of them."""
    intake = {row.source: row for row in page.intake}
    output = {step.source: step.tokens for step in page.steps if step.stage == "output"}
    made, total = [], Counter[str]()
    for name, (first, last) in _ends(page).items():
        row = intake.get(name)
        numbers = {
            "lines": row.lines if row else first.documents,
            "quarantined": row.quarantined if row else 0,
            "documents": first.documents,
            "kept": last.documents,
            "bytes": first.bytes or 0,
            "bytes kept": last.bytes or 0,
            "tokens": output.get(name) or 0,
        }
        total.update(numbers)
        made.append(SourceRow(name, _cells(numbers)))
    return [*made, SourceRow("", _cells(total))] if len(made) > 1 else made


def funnel(page: Page) -> dict[str, Chart]:
    """By unit: what is left of each source after each stage."""
    steps = page.steps
    made = {}
    for unit, title in (
        ("documents", "Documents"),
        ("bytes", "Bytes of text"),
        ("tokens", "Tokens"),
    ):
        known = [step for step in steps if getattr(step, unit) is not None]
        if not known:
            continue
        rows = [(step.stage, step.source, getattr(step, unit)) for step in known]
        rough = frozenset((s.stage, s.source) for s in known if unit == "tokens" and s.estimated)
        made[unit] = bars(
            f"{title} after each stage",
            _left(known, unit) + ("; ~ estimated from bytes" if rough else ""),
            rows,
            page.sources,
            category="stage",
            unit="bytes" if unit == "bytes" else "count",
            approximate=rough,
        )
    return made


def languages(page: Page) -> list[Chart]:
    """By column of labels: documents of the sample in each language."""
    columns: dict[str, Counter[str]] = defaultdict(Counter)
    for share in page.languages:
        columns[share.column][share.language] += share.documents
    made = []
    for column, counts in columns.items():
        found = [name for name, _ in counts.most_common() if name not in ("other", "none")]
        shown_ones = found[:LANGUAGES]
        rows: Counter[tuple[str, str]] = Counter()
        for share in page.languages:
            if share.column == column:
                known = share.language in shown_ones or share.language == "none"
                rows[share.language if known else "other", share.source] += share.documents
        order = [*shown_ones, "other", "none"]
        first = found[0] if found else "none"
        made.append(
            bars(
                f"Documents by language{f' ({column})' if column else ''}",
                f"{first} is {percent(counts[first] / max(1, counts.total()))} of the sample",
                [
                    (a, b, n)
                    for (a, b), n in sorted(rows.items(), key=lambda r: order.index(r[0][0]))
                ],
                page.sources,
                category="language",
            )
        )
    return made


def times(page: Page) -> Chart | None:
    """Seconds of workers in each pass."""
    if not page.times:
        return None
    spent: Counter[str] = Counter()
    for row in page.times:
        spent[row.name] += row.worker_seconds  # type: ignore[assignment]  # seconds are not whole
    [(longest, took)] = spent.most_common(1)
    others = dict.fromkeys(row.source for row in page.times if row.source not in page.sources)
    names = {name: name or "all" for name in others}
    return bars(
        "Seconds of workers in each pass",
        f"{longest} took longest, {seconds(took)} in all",
        [(row.name, names.get(row.source, row.source), row.worker_seconds) for row in page.times],
        [*page.sources, *names.values()],
        category="pass",
        unit="seconds",
        colours=palette_of(page.sources) | dict.fromkeys(names.values(), "var(--line)"),
    )


def facts(page: Page) -> dict[str, list[tuple[str, str]]]:
    """By section: names and values."""
    made: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for fact in page.facts:
        made[fact.section].append((fact.name, fact.value))
    return dict(made)


def _ends(page: Page) -> dict[str, tuple[Step, Step]]:
    """The input of each source, and what the last stage kept that removes documents."""
    made: dict[str, tuple[Step, Step]] = {}
    for step in page.steps:
        if step.stage not in AFTER:
            made[step.source] = (made.get(step.source, (step, step))[0], step)
    return {name: made[name] for name in page.sources if name in made}


def _figure(
    title: str, ends: dict[str, tuple[Step, Step]], unit: str, told: Callable[[float], str]
) -> Figure:
    """The last step, and of how much."""
    before = {name: getattr(first, unit) or 0 for name, (first, _) in ends.items()}
    after = {name: getattr(last, unit) or 0 for name, (_, last) in ends.items()}
    each = {name: (told(after[name]), f"of {told(before[name])}") for name in ends}
    return Figure(title, told(sum(after.values())), f"of {told(sum(before.values()))}", each)


def _cells(row: dict[str, int] | Counter[str]) -> tuple[str, ...]:
    kept = row["kept"] / row["documents"] if row["documents"] else 0
    return (
        shown(row["lines"]),
        shown(row["quarantined"]),
        shown(row["documents"]),
        shown(row["kept"]),
        shown(kept, "percent"),
        shown(row["bytes"], "bytes"),
        shown(row["bytes kept"], "bytes"),
        shown(row["tokens"]),
    )


def _left(steps: list[Step], unit: str) -> str:
    """The stage that removed most of a unit."""
    sums: dict[str, float] = {}
    for step in steps:
        sums[step.stage] = sums.get(step.stage, 0) + getattr(step, unit)
    stages = list(sums)
    if len(stages) < 2:
        return ""
    filters = [stage for stage in stages[1:] if stage != "output"] or stages[1:]
    lost = {stage: sums[stages[stages.index(stage) - 1]] - sums[stage] for stage in filters}
    most = max(filters, key=lambda stage: lost[stage])
    if not sums[stages[0]] or lost[most] <= 0:
        return "no stage removed any"
    share = percent(lost[most] / sums[stages[0]])
    return f"{most} removed most, {share} of the input"
