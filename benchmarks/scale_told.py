"""What benchmarks.scale has measured, as tables, and where they stand in docs/scale.md."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bill import SIZES, bill, constants_in
from benchmarks.bill import told as bill_told
from benchmarks.tables import table

Part = Mapping[str, Any]

PLACE = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
"""In the document: what lies between is written by `rewrite`."""


def overhead(part: Part) -> str:
    """A task that does nothing."""
    rows = [["plain call", f"{part['plain']:.4f}", ""]]
    for engine, wanted in (("local", "< 0.5"), ("ray", "< 3")):
        found = part[engine]
        cell = f"{found:.3f}" if isinstance(found, float) else f"not measured: {found}"
        rows.append([engine, cell, wanted])
    head = ("a task that does nothing", "ms a task", "wanted")
    return _section(part, f"{part['tasks']:,} tasks, {part['workers']} workers", table(head, rows))


def load(part: Part) -> str:
    """Many shards on each engine."""
    head = ("engine", "shards", "MB", "kept", "tasks", "wall s", "CPU s", "of the driver")
    head += ("driver MB, first fifth", "last fifth", "peak", "its share (PSS)", "worker MB")
    rows = [_load_row(row, len(head)) for row in part["rows"]]
    text = f"{part['documents']:,} short documents a shard, {part['workers']} workers"
    return _section(part, text, f"{table(head, rows)}\n\n{_same(part['rows'])}")


def _load_row(row: Mapping[str, Any], width: int) -> list[str]:
    start = [row["engine"], f"{row['shards']:,}"]
    if "refused" in row:
        return [*start, f"not measured: {row['refused']}", *[""] * (width - 3)]
    cells = [f"{row['bytes'] / 1e6:,.0f}", f"{row['kept'] / row['documents']:.0%}"]
    cells += [f"{row['tasks']:,}", *(f"{row[name]:,.1f}" for name in ("wall", "total", "driver"))]
    sizes = ("first", "last", "peak", "pss", "worker")
    return [*start, *cells, *(f"{row[name] / 1e6:,.0f}" for name in sizes)]


def _same(rows: Sequence[Mapping[str, Any]]) -> str:
    """Whether all engines made the same bytes of the same shards."""
    lines = []
    for shards in dict.fromkeys(row["shards"] for row in rows):
        hashes = {r["engine"]: r["hash"] for r in rows if r["shards"] == shards and "hash" in r}
        if len(hashes) > 1:
            same = "the same bytes" if len(set(hashes.values())) == 1 else "OTHER BYTES"
            lines.append(f"tokens/ of {shards:,} shards on {' and '.join(hashes)}: {same}.")
        else:
            found = ", ".join(f"{value} ({name})" for name, value in hashes.items())
            lines.append(f"tokens/ of {shards:,} shards: {found or 'none'}.")
    return "\n".join(lines)


def growth(part: Part) -> str:
    """CPU a MB against the size."""
    head = ("MB of text", "documents", "shards", "kept", "wall s", "CPU s", "CPU s a MB")
    head += ("against the smallest", "MB/s a core", "driver CPU s", "driver MB", "worker MB")
    first = part["rows"][0]["cpu"] / part["rows"][0]["bytes"]
    rows = []
    for row in part["rows"]:
        each = row["cpu"] / row["bytes"]
        cells = [f"{row['bytes'] / 1e6:,.0f}", f"{row['documents']:,}", f"{row['shards']:,}"]
        cells += [f"{row['kept'] / row['documents']:.0%}", f"{row['wall']:,.1f}"]
        cells += [f"{row['cpu']:,.1f}", f"{each * 1e6:.4f}", f"{each / first:.2f}"]
        cells += [f"{1 / (each * 1e6):.1f}", f"{row['driver']:,.1f}"]
        rows.append([*cells, *(f"{row[name] / 1e6:,.0f}" for name in ("peak", "worker"))])
    text = f"{part['workers']} workers; {part['start']:.1f} CPU s of start-up subtracted"
    return _section(part, text, table(head, rows))


def workers(part: Part) -> str:
    """Two against one."""
    start = part["start"]
    walls: dict[int, list[float]] = {}
    rows = []
    for row in part["rows"]:
        count, own = row["workers"], row["wall"] - start[str(row["workers"])]
        walls.setdefault(count, []).append(own)
        cells = [f"{row['bytes'] / 1e6:,.0f}", f"{row['wall']:,.1f}", f"{own:,.1f}"]
        rows.append([str(count), *cells, f"{row['cpu']:,.1f}"])
    head = ("workers", "MB", "wall s", "without start-up", "CPU s")
    ratio = min(walls[1]) / min(walls[2])
    return _section(part, f"**{ratio:.2f} x** without start-up (wanted: 1.8 x)", table(head, rows))


def bill_of(parts: Mapping[str, Part]) -> str:
    """10^12 and 10^13 tokens, from the constants of the growth."""
    measured = constants_in(parts)
    text = f"constants of a run on {measured.bytes / 1e6:,.0f} MB"
    bills = [bill(measured, tokens, shard) for tokens, shard in SIZES]
    return _section(parts["growth"], text, bill_told(bills))


PARTS: dict[str, Callable[[Part], str]] = {
    "overhead": overhead,
    "load": load,
    "growth": growth,
    "workers": workers,
}


def _section(part: Part, what: str, told: str) -> str:
    how = f"text recombined from `{part['text']}`, {part['took']:.0f} s in all, {part['machine']}"
    return f"Measured: {what}; {how}.\n\n{told}\n"


def tables(found: Mapping[str, Any]) -> dict[str, str]:
    """What was measured, by part, and the bill where there is what it needs."""
    told = {name: PARTS[name](part) for name, part in found["parts"].items()}
    return told | ({"bill": bill_of(found["parts"])} if "growth" in told else {})


def rewrite(document: Path, found: Mapping[str, Any]) -> None:
    """Put the tables where the document has a place for them."""
    told = tables(found)

    def replaced(match: re.Match[str]) -> str:
        return f"{match[1]}\n{told[match[2]]}\n{match[3]}" if match[2] in told else match[0]

    text = document.read_text(encoding="utf-8")
    document.write_text(PLACE.sub(replaced, text), encoding="utf-8")
