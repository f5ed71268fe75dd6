"""What a run has to look at: sources and their counts, rules, dedup entries, columns."""

import msgspec

from dolma_pipe.browse.opened import Opened
from dolma_pipe.tagger import Kind


class SourceTold(msgspec.Struct):
    """A source, counted exactly. lines = kept + dropped + duplicates + quarantined; duplicates: by
    each dedup entry."""

    name: str
    shards: int
    lines: int
    kept: int
    quarantined: int
    dropped: dict[str, int]
    duplicates: list[int]
    ranges: dict[str, tuple[float | None, float | None]]


class EntryTold(msgspec.Struct):
    """A dedup entry of the recipe, by its number from 1."""

    number: int
    method: str
    action: str


class RunTold(msgspec.Struct):
    """columns: name and kind. rules: columns in the order of the recipe. missing: shards that have
    no attributes, with the reason where one is known. cuts: whether an entry edits texts."""

    name: str
    place: str
    sources: list[SourceTold]
    columns: dict[str, Kind]
    rules: list[str]
    entries: list[EntryTold]
    deduplicated: bool
    cuts: bool
    missing: dict[str, str]


def told_of(opened: Opened) -> RunTold:
    """All of it."""
    run = opened.run
    rules = {rule.column: None for source in run.recipe.sources for rule in source.rules}
    rules |= {rule: None for shard in opened.shards for rule in shard.counts.dropped}
    report = run.dedup_report if opened.deduplicated else None
    failed = run.summary.failed
    return RunTold(
        name=run.recipe.name,
        place=run.place,
        sources=[_source(opened, source.name) for source in run.recipe.sources],
        columns=opened.columns(),
        rules=list(rules),
        entries=[
            EntryTold(number, str(entry["method"]), str(entry.get("action", "remove")))
            for number, entry in enumerate(run.recipe.dedup if opened.deduplicated else (), 1)
        ],
        deduplicated=opened.deduplicated,
        cuts=bool(report and report.get("cut_bytes")),
        missing={
            shard.key: failed.get(shard.key, "not tagged")
            for shard in run.recipe.inputs()
            if opened.place(shard.key) is None
        },
    )


def _source(opened: Opened, name: str) -> SourceTold:
    counts = [opened.shards[place].counts for place in opened.chosen(name)]
    dropped: dict[str, int] = {}
    for one in counts:
        for rule, number in one.dropped.items():
            dropped[rule] = dropped.get(rule, 0) + number
    source = next(each for each in opened.run.recipe.sources if each.name == name)
    return SourceTold(
        name=name,
        shards=len(counts),
        lines=sum(one.lines for one in counts),
        kept=sum(one.kept for one in counts),
        quarantined=sum(one.quarantined for one in counts),
        dropped=dropped,
        duplicates=[sum(each) for each in zip(*(one.duplicates for one in counts), strict=True)],
        ranges={rule.column: (rule.minimum, rule.maximum) for rule in source.rules},
    )
