"""What was made of the survivors: the mix, repeats by quality, lengths, padding."""

from collections import Counter, defaultdict
from typing import NamedTuple

from dolma_pipe.report.html.charts import bars, steps
from dolma_pipe.report.html.columns import binned
from dolma_pipe.report.html.drawing import Chart, Told, TwinRow, palette_of
from dolma_pipe.report.html.numbers import count, percent, short, shown, times
from dolma_pipe.report.page.model import Bucket, Page

SERIES = {"asked": "var(--line)", "got": "var(--accent)"}
MOST = 24
"""Charts of repeats."""
BUCKETS = ("token quantile", "score", "available", "repeats asked", "repeats got", "tokens got")


class Repeats(NamedTuple):
    """Repeats of one source, or of one group of it."""

    source: str
    chart: Chart


def asked_and_got(page: Page) -> Chart | None:
    """Tokens of each source: by the recipe, and in the output."""
    if page.mix is None:
        return None
    asked = page.mix.asked
    rows: list[tuple[str, str, float | None]] = []
    for row in page.mix.rows:
        rows += [(row.source, "asked", asked[row.source])] if row.source in asked else []
        rows.append((row.source, "got", row.output))
    short_of = [r.source for r in page.mix.rows if r.output < 0.99 * asked.get(r.source, 0)]
    finding = f"{', '.join(short_of)} got less than asked" if short_of else "all got what was asked"
    return bars(
        "Tokens of each source",
        finding if asked else "nothing was asked: every source as it is",
        rows,
        ["asked", "got"] if asked else ["got"],
        category="source",
        filtered="category",
        stacked=False,
        colours=SERIES,
    )


def repeats(page: Page) -> list[Repeats]:
    """By source and group: how often its tokens are in the output, from worst to best."""
    if page.mix is None:
        return []
    found: dict[tuple[str, str], list[Bucket]] = defaultdict(list)
    for bucket in page.mix.buckets:
        found[bucket.source, bucket.group].append(bucket)
    return [
        Repeats(source, _repeats(page, source, group, buckets))
        for (source, group), buckets in list(found.items())[:MOST]
        if len(buckets) > 1
    ]


def even(page: Page) -> dict[str, str]:
    """Sources that have one bucket, and how often its tokens are in the output."""
    buckets = page.mix.buckets if page.mix is not None else ()
    names = Counter(bucket.source for bucket in buckets)
    return {
        one.source: times(one.got / one.available)
        for one in buckets
        if names[one.source] == 1 and one.available
    }


def lengths(page: Page, by_source: bool = True) -> Chart | None:
    """Documents of the output by their tokens."""
    total = sum(one.documents for one in page.lengths)
    tokens = sum(one.tokens for one in page.lengths)
    finding = f"{short(tokens / max(1, total))} tokens a document on average"
    bins = {one.source: one.bins for one in page.lengths}
    told = Told("Documents by length", finding)
    return binned(told, bins, page.sources, by_source, value="tokens")


def padding(page: Page) -> Chart | None:
    """The share of places that hold no token, by plan."""
    if not page.packing:
        return None
    best = min(page.packing, key=lambda plan: plan.padding)
    names = [f"{plan.method} {plan.length:,}" for plan in page.packing]
    twice = len(set(names)) < len(names)
    rows: list[tuple[str, str, float | None]] = [
        (f"{plan.name} {name}" if twice else name, "padding", plan.padding)
        for plan, name in zip(page.packing, names, strict=True)
    ]
    return bars(
        "Padding by way of packing",
        f"{best.method} wastes least, {percent(best.padding)} at {best.length:,}",
        rows,
        ["padding"],
        category="way and length",
        unit="percent",
        filtered="",
        colours={"padding": "var(--accent)"},
    )


def _repeats(page: Page, source: str, group: str, buckets: list[Bucket]) -> Chart:
    assert page.mix is not None
    name = f"{source}/{group}" if group else source
    got = [bucket.got / bucket.available if bucket.available else 0.0 for bucket in buckets]
    curve = page.mix.curves.get(name) or page.mix.curves.get(source) or ()
    rows = tuple(
        TwinRow(
            f"{percent(b.low)} to {percent(b.high)}",
            (
                f"{shown(b.lowest, 'number')} to {shown(b.highest, 'number')}",
                count(b.available),
                times(b.repeats),
                times(rate),
                count(b.got),
            ),
        )
        for b, rate in zip(buckets, got, strict=True)
    )
    return steps(
        Told(name, f"the best tokens are used {times(got[-1])}, the worst {times(got[0])}"),
        [(b.low, b.high, rate) for b, rate in zip(buckets, got, strict=True)],
        curve,
        (BUCKETS, rows),
        fill=palette_of(page.sources).get(source, "var(--accent)"),
        x="token quantile, from worst to best",
        y="repeats",
    )
