"""Statistics as a page: one self-contained file with charts, and a filter by corpus."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dolma_pipe.report.html.charts import bars, histogram
from dolma_pipe.report.html.drawing import Chart
from dolma_pipe.report.html.numbers import short, size
from dolma_pipe.report.html.render import rendered
from dolma_pipe.report.html.sections import Figure
from dolma_pipe.report.layout import counted
from dolma_pipe.statistics.numbers import count, number, share
from dolma_pipe.statistics.table import (
    overlap_tables,
    shown_share,
    told_of_boilerplate,
    told_of_runs,
)
from dolma_pipe.statistics.told import CorpusStatistics, Shared, Statistics
from dolma_pipe.work import atomic_write

UNITS = ("words", "tokens", "bytes")
SHOWN = 12
"""Domains and languages of a chart."""
TITLES = (
    ("overview", "Overview"),
    ("lengths", "Lengths"),
    ("ngrams", "n-grams"),
    ("addresses", "Domains and URLs"),
    ("languages", "Languages"),
    ("duplicates", "Duplicates"),
    ("found", "Personal data"),
    ("overlaps", "Overlap"),
    ("evaluations", "Evaluation sets"),
)
Rows = list[tuple[str, str, float | None]]


def write_page(found: Statistics, path: Path) -> None:
    """Write it atomically. Raises MissingExtra where the extra `report` is not installed."""
    content = render(found)
    with atomic_write(path) as file:
        file.write(content.encode())


def render(found: Statistics) -> str:
    """The page as HTML."""
    corpora = found.corpora
    names = [corpus.name for corpus in corpora]
    whole = found.total or corpora[0]
    groups = [(corpus.name, corpus) for corpus in corpora]
    if found.total is not None:
        groups.append(("", found.total))
    values: dict[str, Any] = {
        "found": found,
        "whole": whole,
        "sources": names,
        "groups": groups,
        "runs": list(told_of_runs(found)),
        "boilerplate": list(told_of_boilerplate(found)),
        "figures": _figures(corpora, whole),
        "lengths": [chart for unit in UNITS if (chart := _lengths(corpora, unit))],
        "units": UNITS,
        "ngrams": [one.words for one in whole.ngrams],
        "addresses": _domains(corpora, names) if whole.addresses else None,
        "languages": _languages(corpora, whole, names) if whole.languages else None,
        "found_kinds": _kinds(corpora, names),
        "overlap_tables": list(overlap_tables(found.overlaps, found.overlap_ngram)),
        "number": number,
        "percent_of": share,
        "count_of": count,
        "shown_share": shown_share,
        "heaviest": _heaviest,
    }
    shown = {
        "lengths": values["lengths"],
        "ngrams": values["ngrams"],
        "addresses": whole.addresses,
        "languages": values["languages"],
        "duplicates": whole.duplicates,
        "found": whole.pii or whole.toxicity,
        "overlaps": values["overlap_tables"],
        "evaluations": found.evaluations,
    }
    sections = [(id, title) for id, title in TITLES if shown.get(id, True)]
    return rendered("stats.html.j2", **values, sections=sections)


def _heaviest(told: str, rows: Sequence[Sequence[Shared | None]]) -> float:
    """The largest share of a matrix."""
    cells = [cell for row in rows for cell in row if cell is not None]
    return max((shown_share(told, cell).value for cell in cells), default=0.0)


def _figures(corpora: Sequence[CorpusStatistics], whole: CorpusStatistics) -> list[Figure]:
    told: list[tuple[str, Callable[[CorpusStatistics], tuple[str, str]]]] = [
        (
            "Documents",
            lambda one: (short(one.documents), f"in {counted(one.shards, 'shard', 'shards')}"),
        ),
        ("Text", lambda one: (size(one.bytes), f"{short(one.characters)} code points")),
        ("Words", lambda one: (short(one.words), _each(one.words, one))),
    ]
    if whole.tokens is not None:
        told.append(("Tokens", lambda one: (short(one.tokens or 0), _each(one.tokens or 0, one))))
    if whole.duplicates is not None:
        told.append(("Duplicates", _duplicates))
    return [
        Figure(title, *tell(whole), {one.name: tell(one) for one in corpora})
        for title, tell in told
    ]


def _each(amount: int, of: CorpusStatistics) -> str:
    return f"{amount / max(of.documents, 1):,.0f} a document"


def _duplicates(of: CorpusStatistics) -> tuple[str, str]:
    assert of.duplicates is not None
    return share(of.duplicates.share), f"{number(of.duplicates.duplicates)} documents"


def _lengths(corpora: Sequence[CorpusStatistics], unit: str) -> Chart | None:
    tables = {one.name: one.lengths[unit] for one in corpora if unit in one.lengths}
    by_edge = {
        name: {one.least: one.documents for one in of.by_power} for name, of in tables.items()
    }
    edges = sorted({edge for counts in by_edge.values() for edge in counts})
    if not edges:
        return None
    counts = {name: [of.get(edge, 0) for edge in edges] for name, of in by_edge.items()}
    borders = [*map(float, edges), float(max(2 * edges[-1], 1))]
    medians = ", ".join(f"{name} {of.median.value:,.0f}" for name, of in tables.items())
    return histogram(
        f"{unit.capitalize()} a document",
        f"median: {medians}",
        borders,
        counts,
        list(tables),
        value=unit,
        log=True,
    )


def _domains(corpora: Sequence[CorpusStatistics], names: list[str]) -> Chart | None:
    rows: Rows = []
    for corpus in corpora:
        for item in corpus.addresses.domains.top[:SHOWN] if corpus.addresses else ():
            rows.append((item.text or "?", corpus.name, item.lower))
    if not rows:
        return None
    rows.sort(key=lambda row: -(row[2] or 0))
    return bars(
        "Documents by domain",
        f"the first {SHOWN} of each corpus",
        rows,
        names,
        category="domain",
    )


def _languages(
    corpora: Sequence[CorpusStatistics], whole: CorpusStatistics, names: list[str]
) -> Chart:
    order = [one.label for one in (whole.languages or ())[:SHOWN]]
    rows: Rows = []
    for label in order:
        for corpus in corpora:
            numbers = {one.label: one.documents for one in corpus.languages or ()}
            rows.append((label or "none", corpus.name, numbers.get(label, 0)))
    first = (whole.languages or ())[0]
    finding = f"{first.documents / max(whole.documents, 1):.0%} are {first.label or 'unknown'}"
    return bars("Documents by language", finding, rows, names, category="language")


def _kinds(corpora: Sequence[CorpusStatistics], names: list[str]) -> Chart | None:
    rows: Rows = [
        (one.kind.replace("_", " "), corpus.name, one.documents_per_1000)
        for corpus in corpora
        for one in (*(corpus.pii or ()), *([corpus.toxicity] if corpus.toxicity else []))
    ]
    there = {kind for kind, _, value in rows if value}
    rows = [row for row in rows if row[0] in there]
    if not rows:
        return None
    return bars(
        "Documents that have any",
        "of 1,000; the word list knows no context",
        rows,
        names,
        category="kind",
        unit="number",
        stacked=False,
    )
