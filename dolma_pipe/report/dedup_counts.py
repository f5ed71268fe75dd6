"""Counts that a method tells of itself, whatever they are, in a readable way."""

import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec

from dolma_pipe.report.layout import shortened, table
from dolma_pipe.report.table import JOINED
from dolma_pipe.report.terminal import harmless

TOLD_ELSEWHERE = {
    *("entry", "method", "settings", "documents", "bytes", "cut_documents", "cut_bytes"),
    *("cluster_sizes", "removed_documents", "removed_bytes", "removed_by_sources"),
    *("biggest_clusters", "cut_by_sources", "clusters"),
}
"""What the report has a place for; all other counts of a method are told by their names."""
CURVE = ("bands", "rows", "curve_threshold", "candidate_probability", "s_curve")
"""What an entry with bands tells of them, all or nothing but the last."""
ROWS = 20
"""Of a table."""
LONGEST = 40
"""Columns of a name or value."""


def only_some(report: dict[str, Any]) -> str:
    """That entries of the recipe did not run, as `dedup RECIPE --method M` leaves it; else ""."""
    ran = report["entries"]
    whole = report.get("entries_of_recipe", len(ran))
    if len(ran) == whole:
        return ""
    return f"{len(ran)} of {whole} entries ran (--method {ran[0]['method']})"


def counts_told(entry: dict[str, Any], width: int) -> list[str]:
    """Every count that has no place of its own, as name and value."""
    told = []
    for name, value in _flat(_others(entry)):
        if not _is_table(value):
            told.append(f"{_words(name)} {value_told(value)}".replace(" ", JOINED))
    lines = textwrap.wrap(", ".join(told), width, break_on_hyphens=False)
    return [line.replace(JOINED, " ") for line in lines]


def tables_of_counts(entry: dict[str, Any]) -> Iterator[list[str]]:
    """What a method tells by rows: of every dataset, of every language, ...; names come first."""
    for name, value in _others(entry).items():
        if not _is_table(value):
            continue
        rows = value
        if isinstance(value, dict):
            rows = [{"": key, **_row(told)} for key, told in value.items()]
        rows = [_row(row) for row in rows]
        head = list(dict.fromkeys(key for row in rows for key in row))
        head = [key for key in head if not any(_has_rows(row.get(key)) for row in rows)]
        head.sort(key=lambda key: not any(isinstance(row.get(key), str) for row in rows))
        cells = [[value_told(row.get(key)) for key in head] for row in rows[:ROWS]]
        head[0] = head[0] or _words(name)
        yield table([_words(key) for key in head], cells) + more_rows(rows)


def _flat(counts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Counts; of a few that belong together each by itself: filter bits, filter hashes."""
    for name, value in counts.items():
        if isinstance(value, dict) and len(value) <= ROWS and not _is_table(value):
            yield from ((f"{name} {key}", one) for key, one in value.items())
        else:
            yield name, value


def has_curve(entry: dict[str, Any]) -> bool:
    return all(name in entry for name in CURVE[:-1])


def _others(entry: dict[str, Any]) -> dict[str, Any]:
    """Counts that have no place of their own."""
    placed = TOLD_ELSEWHERE | set(CURVE if has_curve(entry) else ())
    return {name: value for name, value in entry.items() if name not in placed}


def _is_table(value: Any) -> bool:
    """A dict or list of dicts."""
    return _has_rows(list(value.values()) if isinstance(value, dict) else value)


def _has_rows(value: Any) -> bool:
    """A list of dicts, which has no room in a cell."""
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _row(told: Any) -> dict[str, Any]:
    return told if isinstance(told, dict) else {"value": told}


def more_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Below a table of the first ROWS."""
    return [f"and {len(rows) - ROWS:,} more"] if len(rows) > ROWS else []


def _words(name: str) -> str:
    return shortened(harmless(name.replace("_", " ")), LONGEST)


def value_told(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    told = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shortened(harmless(told), LONGEST)
