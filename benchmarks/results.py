"""RESULTS.md: what was measured, on what, with which versions."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.comparisons import Comparison
from benchmarks.process import Cost
from benchmarks.race import OURS, Standing
from benchmarks.whole import Ran

INTRODUCTION = """# Results

Written by the benchmarks themselves. Every ratio is one of CPU seconds, both sides in one run on
the same documents: they take turns, one thread each, what loads or compiles is done before, and
medians count. MB are 1e6 bytes of UTF-8 text, MB/s are per CPU second; peak memory is that of the
process with all documents in it, and in the whole run that of its largest process. A figure of
another day or machine cannot be compared with these.
"""

WHOLE = """Documents to token arrays with one worker: language, Gopher quality and repetition, C4
with a list of words, PII, the same rules and masks, duplicates, tokens. Duplicates are not the same
work: ours are exact ones and MinHash with verified Jaccard over all sources; dolma 1.2.1 has no
search for near copies, its Bloom filters find equal documents and equal paragraphs, which it takes
out. So the counts that come out are near, not equal. Ours does not score a document further once a
rule has dropped it; dolma tags all documents with all taggers before its mixer looks at the rules.
What a run on two short documents costs is subtracted. A worker of ours is to stay under 1,000 MB.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


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
    rows = [_row(ours, megabytes, "", "", "")]
    for peer in comparison.peers:
        for standing in standings[1:]:
            if standing.side is peer.side:
                ratio = standing.times_slower(ours) if peer.side.environment != OURS else None
                wanted = f"{peer.least:g} x" if peer.least else ""
                check = peer.check(ours.told, standing.told, list(documents))
                rows.append(
                    _row(standing, megabytes, f"{ratio:.1f} x" if ratio else "", wanted, check)
                )
    head = ("side", "MB/s", "CPU s", "wall s", "peak MB", "ours is faster", "wanted", "same result")
    told = (
        f"{comparison.about}. {megabytes:.1f} MB, {len(documents):,} documents,"
        f" {len(ours.cpu)} rounds."
    )
    missing = "".join(f"\n\nNot measured: {refusal}" for refusal in refusals)
    return f"### {comparison.name}\n\n{told}\n\n{table(head, rows)}{missing}\n"


def _row(standing: Standing, megabytes: float, ratio: str, wanted: str, check: str) -> list[str]:
    cpu, wall = median(standing.cpu), median(standing.wall)
    return [
        standing.side.name,
        f"{megabytes / cpu:.3g}",
        f"{cpu:.3f}",
        f"{wall:.3f}",
        f"{standing.peak / 1e6:.0f}",
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
