"""What was removed: by each rule, and as duplicates by each dedup entry."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from dolma_pipe.report.html.charts import bars
from dolma_pipe.report.html.columns import binned, value_of
from dolma_pipe.report.html.drawing import Chart, Told
from dolma_pipe.report.html.numbers import count, number, percent
from dolma_pipe.report.page.duplicates import NOTES
from dolma_pipe.report.page.model import EntryPanel, Example, Page, RulePanel

UNSAID = ("null", "[]", "")
ACCENT = {"documents": "var(--accent)", "clusters": "var(--accent)"}


class Side(NamedTuple):
    """Examples on one side of a border. kept: whether the rule keeps them."""

    title: str
    kept: bool
    examples: tuple[Example, ...]


class Loss(NamedTuple):
    """Of one source: documents that the rule removed, of those it had at the input, and that would
    break it in the sample, of so many that were scored."""

    source: str
    removed: int
    of: int
    would: int
    scored: int


class Rule(NamedTuple):
    """A rule as it is shown."""

    panel: RulePanel
    range: str
    total: int
    losses: tuple[Loss, ...]
    chart: Chart | None
    sides: tuple[Side, ...]


def rule_of(rule: RulePanel, page: Page, by_source: bool) -> Rule:
    """The rule with its histogram and its examples by the side of the border that they lie on."""
    documents = {row.source: row.documents for row in page.intake}
    losses = tuple(
        Loss(name, gone, documents.get(name, 0), rule.would.get(name, 0), rule.scored.get(name, 0))
        for name, gone in rule.removed.items()
    )
    return Rule(
        panel=rule,
        range=range_of(rule.minimum, rule.maximum),
        total=sum(rule.removed.values()),
        losses=losses,
        chart=_chart(rule, page.sources, by_source),
        sides=tuple(_sides(rule)),
    )


def range_of(low: float | None, high: float | None) -> str:
    """What a rule keeps."""
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    if low is not None:
        return f"at least {number(low)}"
    return f"at most {number(high)}" if high is not None else "everything"


def removed_by_entry(page: Page) -> Chart | None:
    """Documents that each dedup entry removed from each source."""
    if not page.dedup:
        return None
    rows = [
        (_named(entry), source, gone)
        for entry in page.dedup
        for source, gone in entry.removed.items()
    ]
    total = sum(row[2] for row in rows)
    if not rows:
        return None
    finding = f"{count(total)} documents had a copy that stayed"
    return bars("Duplicates removed", finding, rows, page.sources, category="entry")


class Entry(NamedTuple):
    """A dedup entry. lost: by source that lost documents, by source that kept their originals."""

    panel: EntryPanel
    title: str
    sizes: Chart | None
    keepers: tuple[str, ...]
    lost: dict[str, dict[str, int]]
    most: int
    settings: dict[str, str]


def entries_of(page: Page) -> list[Entry]:
    """Entries in their order."""
    made = []
    for entry in page.dedup:
        lost: dict[str, dict[str, int]] = {}
        for keeper, loser, documents in entry.by_sources:
            lost.setdefault(loser, {})[keeper] = documents
        keepers = tuple(dict.fromkeys(keeper for keeper, _, _ in entry.by_sources))
        said = {name: value for name, value in entry.settings.items() if value not in UNSAID}
        most = max((documents for _, _, documents in entry.by_sources), default=0)
        made.append(Entry(entry, _named(entry), _sizes(entry), keepers, lost, most, said))
    return made


def _named(entry: EntryPanel) -> str:
    return f"{entry.number} {entry.method}" + " (only notes)" * (entry.action == NOTES)


def _sizes(entry: EntryPanel) -> Chart | None:
    if not entry.sizes:
        return None
    most = max(entry.sizes, key=lambda name: entry.sizes[name])
    return bars(
        "Clusters by size",
        f"{count(entry.clusters)} clusters, most of {most} documents",
        [(name, "clusters", entry.sizes[name]) for name in sorted(entry.sizes, key=_least)],
        ["clusters"],
        category="documents in a cluster",
        filtered="",
        colours=ACCENT,
    )


def _least(sizes: str) -> int:
    """Of "3-4" or "more than 128"."""
    return int((re.findall(r"\d+", sizes) or ["0"])[0])


def _chart(rule: RulePanel, sources: Sequence[str], by_source: bool) -> Chart | None:
    total, breaking = sum(rule.scored.values()), sum(rule.would.values())
    finding = (
        f"{percent(breaking / max(1, total))} of the {count(total)} documents sampled are outside "
        f"{range_of(rule.minimum, rule.maximum)}{_unshown(rule)}"
    )
    return binned(
        Told(rule.column, finding),
        {one.source: one.bins for one in rule.histograms},
        sources,
        by_source,
        value=value_of(rule.column),
        rule=rule,
    )


def _unshown(rule: RulePanel) -> str:
    """What the bars do not hold of these documents."""
    valued = [sum(b.counts) + b.below + b.above for b in (one.bins for one in rule.histograms)]
    told = [
        (sum(one.bins.below for one in rule.histograms), "lower than shown"),
        (sum(one.bins.above for one in rule.histograms), "higher than shown"),
        (sum(rule.scored.values()) - sum(valued), "without a value"),
    ]
    parts = [f"{count(many)} {what}" for many, what in told if many > 0]
    return f" ({', '.join(parts)})" if parts else ""


def _sides(rule: RulePanel) -> list[Side]:
    low, high = rule.minimum, rule.maximum
    below, within, above = [], [], []
    both = low is not None and high is not None
    for one in rule.examples:
        value = one.value if isinstance(one.value, int | float) else None
        if value is not None and low is not None and value < low:
            below.append(one)
        elif value is not None and high is not None and value > high:
            above.append(one)
        else:
            within.append(one)
    middle = (len(within) + 1) // 2 if both else len(within)
    made = [
        Side(f"Removed: below {number(low or 0)}", False, tuple(below)),
        Side("Kept: the lowest values" if both else "Kept", True, tuple(within[:middle])),
        Side("Kept: the highest values", True, tuple(within[middle:])),
        Side(f"Removed: above {number(high or 0)}", False, tuple(above)),
    ]
    return [side for side in made if side.examples]
