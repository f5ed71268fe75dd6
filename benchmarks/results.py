"""RESULTS.md: what was measured, on what, with which versions."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.chain import WANTED, Timed
from benchmarks.comparisons import Comparison
from benchmarks.dedup import Tool
from benchmarks.dedup_entries import WANTED as ENTRY_WANTED
from benchmarks.dedup_entries import Alone
from benchmarks.growth import SIZES, WORST, ratio
from benchmarks.process import Cost
from benchmarks.race import OURS, Standing
from benchmarks.tables import table
from benchmarks.whole import Ran

INTRODUCTION = """# Results

Written by the benchmarks themselves. Every ratio is one of CPU seconds (on all cores: of wall
seconds), both sides in one run on the same documents: they take turns, one thread each, what loads
or compiles is done before, and medians count. MB are 1e6 bytes of UTF-8 text, MB/s are per CPU
second; peak memory is that of the process with all documents in it, and in the whole run that of
its largest process. A figure of another day or machine cannot be compared with these.
"""

WHOLE = """Documents to token arrays with one worker: language, Gopher quality and repetition, C4
with a list of words, PII, the same rules and masks, duplicates, tokens. Duplicates are not the same
work: ours are exact ones and MinHash with verified Jaccard over all sources; dolma 1.2.1 has no
search for near copies, its Bloom filters find equal documents and equal paragraphs, which it takes
out. So the counts that come out are near, not equal. Ours does not score a document further once a
rule has dropped it; dolma tags all documents with all taggers before its mixer looks at the rules.
What a run on two short documents costs is subtracted. A worker of ours is to stay under 1,000 MB.
"""

CHAIN = """Stages 1 to 3 with one worker, every document through every tagger (language, Gopher
quality and repetition, C4, PII), from JSONL.zst on the disk to what each tool writes: ours
attributes and the documents that are kept, dolma attributes, datatrove documents with the reasons
(its filters one after another, its words remembered between them). What a run on two short
documents costs is subtracted.
"""

DEDUP = """From shards to filtered shards with one worker, all sources together, id and text as
plain JSONL. MinHash: 14 bands of 8 rows over shingles of 5 words everywhere; ours verifies every
pair and removes a document only for one that stays, the others trust the bands, so ours keeps more.
Exact: dolma's Bloom filter and its mixer; and what the search for equal texts adds to a run: ours
hashes while it curates, dolma's deduper reads the documents for itself. What a run on two short
documents costs is subtracted.
"""

ENTRIES = """CPU seconds that one entry, alone in a recipe, adds to a run without one, one worker;
start-up subtracted. ast sees the source `code` only, decontaminate looks for paragraphs drawn from
the documents themselves.
"""

LEAST_MBS = 10
"""MB a second that no tagger may fall below."""

SHELF = f"""Each tagger with its default settings, words and lines split for it alone; from Arrow
batches in memory. Wanted: {LEAST_MBS} MB/s on one core.
"""

GROWTH = f"""One document of {", ".join(map(str, SIZES))} MiB: CPU time a MiB at the last size
against the first. Wanted: below {WORST:g}. Tables that outgrow the processor's caches cost a step,
once; "last step" is the same between the last two sizes, where a quadratic tagger would show 4.
Times are the better of two.
"""


def machine() -> str:
    """Processor, cores, system and the versions that matter."""
    names = ("numpy", "numba", "pyarrow", "gigatoken", "tokenizers", "zstandard", "msgspec")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.machine()}, Python {platform.python_version()}; {versions}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        "unknown",
    )


def compared(
    comparison: Comparison,
    standings: Sequence[Standing],
    refusals: Sequence[str],
    megabytes: float,
    documents: Sequence[str],
) -> str:
    """A section: ours and each peer, side by side."""
    ours = standings[0]
    wall = comparison.all_cores
    rows = [_row(ours, megabytes, wall, "", "", "")]
    for peer in comparison.peers:
        for standing in standings[1:]:
            if standing.side is peer.side:
                ratio = standing.times_slower(ours, wall) if peer.side.environment != OURS else None
                wanted = f"{peer.least:g} x" if peer.least else ""
                check = peer.check(ours.told, standing.told, list(documents))
                told = f"{ratio:.1f} x" if ratio else ""
                rows.append(_row(standing, megabytes, wall, told, wanted, check))
    head = ("side", "MB/s", "CPU s", "wall s", "peak MB", "ours is faster", "wanted", "same result")
    told = (
        f"{comparison.about}. {megabytes:.1f} MB, {len(documents):,} documents,"
        f" {len(ours.cpu)} rounds."
    )
    missing = "".join(f"\n\nNot measured: {refusal}" for refusal in refusals)
    return f"### {comparison.name}\n\n{told}\n\n{table(head, rows)}{missing}\n"


def _row(
    standing: Standing, megabytes: float, all_cores: bool, ratio: str, wanted: str, check: str
) -> list[str]:
    """all_cores: by wall seconds; CPU and memory of the workers are not known."""
    cpu, wall = median(standing.cpu), median(standing.wall)
    return [
        standing.side.name,
        f"{megabytes / (wall if all_cores else cpu):.3g}",
        "" if all_cores else f"{cpu:.3f}",
        f"{wall:.3f}",
        "" if all_cores else f"{standing.peak / 1e6:.0f}",
        ratio,
        wanted,
        check,
    ]


def whole(ours: Ran, dolma: Ran | None, ratio: float | None, megabytes: float) -> str:
    """The whole run, stage by stage of dolma."""
    runs = [("dolma-pipe run", ours)] + ([("dolma 1.2.1, five commands", dolma)] if dolma else [])
    rows = []
    for name, ran in runs:
        rows.append(
            [f"**{name}**", *_costs(ran.cost, megabytes), f"{ran.documents:,}", f"{ran.tokens:,}"]
        )
        if len(ran.stages) > 1:
            rows += [
                [stage, *_costs(cost, megabytes), "", ""] for stage, cost in ran.stages.items()
            ]
        rows.append(["start-up, subtracted", *_costs(ran.start_up, 0), "", ""])
    head = ("", "MB/s", "CPU s", "wall s", "peak MB of a process", "documents out", "tokens out")
    told = f"\nOurs is **{ratio:.1f} x** faster in CPU seconds (wanted: 20 x).\n" if ratio else ""
    return f"### whole run\n\n{WHOLE}{told}\n{table(head, rows)}\n"


def _costs(cost: Cost, megabytes: float) -> list[str]:
    rate = f"{megabytes / cost.cpu:.3g}" if megabytes and cost.cpu > 0.01 else ""
    return [rate, f"{cost.cpu:.2f}", f"{cost.wall:.2f}", f"{cost.peak / 1e6:.0f}"]


def parts(seconds: dict[str, float], megabytes: float) -> str:
    """Where our time goes, dearest first."""
    total = sum(seconds.values())
    rows = [
        [label, f"{took:.3f}", f"{took / total:.1%}", f"{megabytes / took:,.0f}"]
        for label, took in sorted(seconds.items(), key=lambda item: -item[1])
        if took >= 0.002 * total
    ]
    rows.append(["all", f"{total:.3f}", "", f"{megabytes / total:.1f}"])
    return (
        "### where our time goes\n\nThe whole run again in one process, a clock at the doors of its"
        " parts. MB/s: of the whole input, also where fewer documents come so far.\n\n"
        + table(("part", "CPU s", "share", "MB/s"), rows)
        + "\n"
    )


def chain(timed: Sequence[Timed], refusals: Sequence[str], megabytes: float) -> str:
    """Stages 1 to 3, ours and the others."""
    ours, rows = timed[0], []
    for one in timed:
        wanted = next((n for name, n in WANTED.items() if one.name.startswith(name + " ")), None)
        faster = f"{one.cost.cpu / ours.cost.cpu:.1f} x" if one is not ours else ""
        costs = _costs(one.cost, megabytes)
        rows.append([one.name, *costs, f"{one.start_up.cpu:.2f}", faster])
        rows[-1].append(f"{wanted} x" if wanted and one is not ours else "")
    head = ("", "MB/s", "CPU s", "wall s", "peak MB", "start-up CPU s", "ours is faster", "wanted")
    missing = "".join(f"\n\nNot measured: {refusal}" for refusal in refusals)
    told = f"{megabytes:.1f} MB, {len(ours.costs)} runs of ours"
    return f"### chain of taggers\n\n{CHAIN}{told}.\n\n{table(head, rows)}{missing}\n"


def dedup(tools: Sequence[Tool], refusals: Sequence[str], megabytes: float) -> str:
    """Every tool on every method, ours first."""
    rows = []
    for tool in tools:
        ours = next(one for one in tools if one.method == tool.method)
        faster = f"{tool.cost.cpu / ours.cost.cpu:.1f} x" if tool is not ours else ""
        rows.append([tool.method, tool.name, *_costs(tool.cost, megabytes)])
        rows[-1] += [f"{tool.start_up.cpu:.2f}", _count(tool.documents), faster]
        rows[-1].append(f"{tool.wanted:g} x" if tool.wanted else "")
    head = ("method", "", "MB/s", "CPU s", "wall s", "peak MB", "start-up CPU s", "documents left")
    head += ("ours is faster", "wanted")
    missing = "".join(f"\n\nNot measured: {refusal}" for refusal in refusals)
    told = f"{megabytes:.1f} MB, {len(tools[0].costs)} runs of ours"
    return f"### deduplication\n\n{DEDUP}{told}.\n\n{table(head, rows)}{missing}\n"


def entries(found: Sequence[Alone]) -> str:
    """What each dedup entry adds to a run."""
    rows = []
    for one in found:
        if one.refused:
            rows.append([one.name, *[""] * 7, f"not measured: {one.refused}"])
            continue
        cpu = max(one.cost.cpu, 0.01)
        row = [one.name, f"{one.bytes / 1e6 / cpu:.3g}", f"{one.documents / cpu:,.0f}"]
        row += [f"{one.cost.cpu:.2f}", f"{one.cost.peak / 1e6:.0f}", f"{one.documents:,}"]
        row += [f"{one.removed:,}", f"{one.cut_bytes / 1e6:.2f}", ENTRY_WANTED.get(one.name, "")]
        rows.append(row)
    head = ("entry", "MB/s", "documents/s", "CPU s", "peak MB", "documents", "removed", "MB cut")
    return f"### dedup entries\n\n{ENTRIES}\n{table((*head, 'wanted'), rows)}\n"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def shelf(told: dict[str, Any], megabytes: float) -> str:
    """Every tagger alone, the slowest first."""
    rows = []
    for name, found in sorted(told.items(), key=lambda item: item[1].get("MB/s", 0.0)):
        if "refused" in found:
            rows.append([name, "", "", f"not measured: {found['refused']}"])
            continue
        source, slowest = min(found["sources"].items(), key=lambda item: item[1])
        below = f"below {LEAST_MBS}" if found["MB/s"] < LEAST_MBS else ""
        rows.append([name, f"{found['MB/s']:.3g}", f"{slowest:.3g} ({source})", below])
    head = ("tagger", "MB/s", "slowest source", "")
    return f"### each tagger alone\n\n{SHELF}{megabytes:.1f} MB.\n\n{table(head, rows)}\n"


def growth(told: dict[str, Any], sizes: Sequence[float] = SIZES) -> str:
    """Time against size: the kind that grows most of each tagger, and the slowest kind."""
    rows = []
    for name, found in sorted(told.items()):
        if "refused" in found:
            rows.append([name, "", "", "", f"not measured: {found['refused']}"])
            continue
        ratios = {kind: ratio(took, sizes) for kind, took in found.items()}
        worst = max(ratios, key=lambda kind: ratios[kind])
        rates = {k: sizes[-1] / took[sizes[-1]] for k, took in found.items() if sizes[-1] in took}
        slowest = min(rates, key=lambda kind: rates[kind], default="")
        bad = [f"{k}: {_grown(found[k], sizes)}" for k, r in ratios.items() if r > WORST]
        rate = f"{rates[slowest]:.3g} ({slowest})" if slowest else ""
        steps = [ratio(took, sizes[-2:]) for took in found.values()]
        grew = f"{ratios[worst]:.2f} ({worst})"
        rows.append([name, grew, f"{max(steps):.2f}", rate, "; ".join(bad)])
    slow = f"MiB/s at {sizes[-1]} MiB, slowest"
    head = ("tagger", "growth, worst", "last step, worst", slow, "too steep")
    return f"### growth with the size of a document\n\n{GROWTH}\n{table(head, rows)}\n"


def _grown(took: dict[float, float], sizes: Sequence[float]) -> str:
    return ", ".join(
        f"{size} MiB {took[size]:.2f} s" if size in took else f"{size} MiB too long"
        for size in sizes
    )
