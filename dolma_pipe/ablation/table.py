"""The result of an ablation as text."""

from collections.abc import Iterator

from dolma_pipe.ablation.intervals import CONFIDENCE, deviation
from dolma_pipe.ablation.result import Ablation, Measured, Row
from dolma_pipe.ablation.yardstick import Fate
from dolma_pipe.report.layout import counted, table


def told(found: Ablation) -> str:
    """Recipes, a table for each yardstick, notes, and the verdict as the last line."""
    lines = [
        f"{found.preset}: {found.parameters:,} parameters, {found.tokens:,} tokens,"
        f" {counted(len(found.seeds), 'seed', 'seeds')}, tokenizer {found.tokenizer}",
        *_recipes(found),
    ]
    for measured in found.yardsticks:
        lines += ["", *_yardstick(measured)]
    lines += ["", *(f"note: {note}" for note in found.notes)]
    return "\n".join([*lines, found.verdict])


def _recipes(found: Ablation) -> list[str]:
    head = ["", "recipe", "docs in", "docs kept", "tokens", "unique", "steps", "trained", "epochs"]
    rows = []
    for label, side in found.recipes.items():
        of = found.trained[label]
        counts = (side.documents_in, side.documents, side.tokens, side.unique, of.steps, of.tokens)
        numbers = [f"{count:,}" for count in counts]
        rows.append([label, side.name, *numbers, f"{of.epochs:.2f}"])
    return table(head, rows, left=2)


def _yardstick(measured: Measured) -> Iterator[str]:
    yield f"{measured.name}: {_fate(measured.documents)}"
    interval = f"{round(100 * CONFIDENCE)} % CI"
    head = ["bits per byte", "docs", "kB", "A", "\N{PLUS-MINUS SIGN}", "B", "\N{PLUS-MINUS SIGN}"]
    rows = measured.rows[:1] if len(measured.rows) == 3 else measured.rows  # one is its averages
    yield from table([*head, "B - A", interval, "better"], [_cells(row) for row in rows])


def _fate(of: Fate) -> str:
    left_out = [f"trained on by {label} {count:,}" for label, count in of.seen_by.items() if count]
    left_out += [f"too short {of.too_short:,}"] if of.too_short else []
    left_out += [f"not needed {of.not_needed:,}"] if of.not_needed else []
    documents = counted(of.kept, "document", "documents")
    return f"{documents} of {of.looked_at:,}" + (f" ({', '.join(left_out)})" if left_out else "")


def _cells(row: Row) -> list[str]:
    of = row.difference
    interval = "-" if of.low is None else f"{of.low:+.4f} to {of.high:+.4f}"
    winner = of.winner if of.winner in ("A", "B") else "-"
    values = []
    for seeds in (row.A, row.B):
        spread = f"{deviation(seeds):.4f}" if len(seeds) > 1 else "-"
        values += [f"{sum(seeds) / len(seeds):.4f}", spread]
    counts = [f"{row.documents:,}", f"{row.bytes / 1e3:,.1f}"]
    return [row.name, *counts, *values, f"{of.mean:+.4f}", interval, winner]
