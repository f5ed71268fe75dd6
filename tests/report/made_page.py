"""A made Page with several sources and all sections; its texts try to break out of the HTML."""

import random

from dolma_pipe.report.page.model import (
    Bins,
    Bucket,
    ClusterPanel,
    ColumnPanel,
    Copy,
    EntryPanel,
    Example,
    Fact,
    LanguageShare,
    Lengths,
    MixPanel,
    Packing,
    Page,
    Piece,
    RulePanel,
    SourceBins,
    SpanCount,
    Step,
)
from dolma_pipe.report.summary import Intake, MixRow, PassTime

SOURCES = ("web", "wiki", "code")
STAGES = ("language", "quality", "content", "dedup", "mix", "tokenize")
HOSTILE = (
    "</script><script>window.hacked = 1</script><!-- "
    "<img src=x onerror='window.hacked = 2'> "
    '<a href="javascript:window.hacked = 3">click</a> {{ 7 * 7 }} \' onclick="hacked" & '
    "admin\u202etxt.exe\u202c nul\x00 bell\x07 escape\x1b[31m zero\u200bwidth \u2066isolate "
    "שלום ${alert(1)} </style></textarea></title> "
)


def made_page(
    rules: int = 4, sources: tuple[str, ...] = SOURCES, text: str = HOSTILE, columns: int = 2
) -> Page:
    """The page. rules, columns: how many; text: wherever a document can set one."""
    return Page(
        name=f"made {text[:60]}",
        place="work/made",
        stages=STAGES,
        sources=sources,
        intake=tuple(_intake(name, i) for i, name in enumerate(sources)),
        steps=tuple(_steps(sources)),
        rules=tuple(_rule(i, sources, text) for i in range(rules)),
        columns=tuple(_column(i, sources, text) for i in range(columns)),
        languages=tuple(
            LanguageShare(name, language, 100 // (1 + i + 2 * j), 10_000, "lid.top")
            for i, name in enumerate(sources)
            for j, language in enumerate(("en", "de", text[:30], "other", "none"))
        ),
        spans=tuple(
            SpanCount(
                source=name,
                column=column,
                documents=10,
                spans=25,
                sampled=100,
                masked=7 if column == "pii.email" else None,
                hidden=column == "pii.email",
                examples=(example(text, name),),
            )
            for column in ("pii.email", "c4.removed")
            for name in sources
        ),
        dedup=(_entry(1, "exact", sources, text), _entry(2, "minhash", sources, text)),
        mix=_mix(sources),
        lengths=tuple(
            Lengths(name, 100, 50_000, 400.0, 2000, _bins(i), 100) for i, name in enumerate(sources)
        ),
        packing=(
            Packing("padded-2048", "padded", 2048, 100, 0.4, 3, True),
            Packing("best-fit-2048", "best-fit", 2048, 60, 0.001, 9, True),
        ),
        times=(
            PassTime("curate", sources[0], 3, 12.5, 11.0, 10**8, 5.5),
            PassTime("curate", sources[-1], 3, 2.5, 1.0, 10**8, 25.5),
            PassTime("dedup", "", 3, 0.25, 0.1, 10**8, None),
        ),
        seconds=17.25,
        notes=(f"a note {text}",),
        damaged={"web/web-0007": f"truncated {text}"},
        failed={"wiki/wiki-0001": "no such file"},
        sampled="All of 900 documents are in the sample.",
        recipe=f"name: made\nnote: {text!r}\nsources: {{}}\n",
        facts=(
            Fact("versions", "dolma-pipe", "0.1.0"),
            Fact("fingerprints", "curate web", f"ab12 {text}"),
        ),
    )


def _intake(name: str, number: int) -> Intake:
    return Intake(name, 2, 1005, 1000, 500_000 * (number + 1), 5, 1, {"not JSON": 5}, 3, {})


def _steps(sources: tuple[str, ...]) -> list[Step]:
    made = []
    for i, name in enumerate(sources):
        left = 1000
        for stage in ("input", *STAGES, "output"):
            size = None if stage in ("tokenize", "output") else left * 500 * (i + 1)
            early = stage in ("input", "language", "quality")
            made.append(Step(name, stage, left, size, left * 120, early))
            left = left * max(2, 8 - i) // 10 if stage != "mix" else left * 2
    return made


def _bins(seed: int) -> Bins:
    drawn = random.Random(seed)
    edges = tuple(round(10 * 1.3**i, 3) for i in range(25))
    return Bins(edges, tuple(drawn.randrange(40) for _ in edges[1:]), "log")


def _rule(number: int, sources: tuple[str, ...], text: str) -> RulePanel:
    """Every third has a minimum alone, and is of all sources but the first."""
    some = sources[1:] if number % 3 == 1 and len(sources) > 1 else sources
    return RulePanel(
        stage=("quality", "content")[number % 2],
        column=f"made.column_{number}",
        minimum=50.0,
        maximum=None if number % 3 == 1 else 1000.0,
        help=f"`column_{number}`: {text}",
        removed={name: 10 * number + i for i, name in enumerate(some)},
        would={name: 10 * number + i + 1 for i, name in enumerate(some)},
        scored=dict.fromkeys(some, 500),
        histograms=tuple(
            SourceBins(name, 500, 1000, _bins(number * 10 + i)) for i, name in enumerate(some)
        ),
        examples=tuple(
            example(text, some[i % len(some)], value)
            for i, value in enumerate((48.0, 49.0, 50.0, 51.0, 999.0, 1001.0))
        ),
        borders=(50.0,) if number % 3 == 1 else (50.0, 1001.0),
    )


def _column(number: int, sources: tuple[str, ...], text: str) -> ColumnPanel:
    some = sources[number % 2 :]
    bins = tuple(SourceBins(name, 500, 1000, _bins(i)) for i, name in enumerate(some))
    return ColumnPanel(f"made.free_{number}", f"`free`: {text}", (1.0, 50.0, 900.0), bins)


def example(text: str, source: str, value: float | None = None) -> Example:
    """A document: its text is hostile in all of its pieces."""
    kept = value is None or 50 <= value <= 1000
    pieces = (Piece("before "), Piece(text, "match"), Piece(f" after {text}\nsecond line"))
    reason = None if kept else "made.column_0"
    shard = f"{source}-0000"
    return Example(f"{source}/{text}", source, shard, 17, 321, value, kept, reason, pieces)


def _entry(number: int, method: str, sources: tuple[str, ...], text: str) -> EntryPanel:
    kept = (Piece("the same "), Piece(text, "gone"))
    copied = (Piece("the same "), Piece(text, "new"))
    copies = (Copy(example(text, sources[-1]), 0.875, kept, copied),)
    copies += (Copy(example(text, sources[0]), None, (), ()),)
    cluster = ClusterPanel(9, example(text, sources[0]), dict.fromkeys(sources, 3), copies)
    return EntryPanel(
        number=number,
        method=method,
        action="remove",
        settings={"keep": "first", "prefer": "[]", "note": text[:50]},
        documents=900,
        removed=dict.fromkeys(sources, 12 * number),
        cut_bytes=1234,
        clusters=30,
        sizes={"17-32": 1, "2": 20, "3-4": 9},
        by_sources=((sources[0], sources[-1], 12), (sources[0], sources[0], 3)),
        biggest=(cluster,),
    )


def _mix(sources: tuple[str, ...]) -> MixPanel:
    rows = [
        MixRow(name, 60_000, 40_000, 10_000, 9_000, 1_000, 20_000, 60_000, 1 / len(sources))
        for name in sources
    ]
    buckets = [
        Bucket(sources[0], "", low / 4, (low + 1) / 4, low, low + 1, 15_000, low, low * 15_000, low)
        for low in range(4)
    ]
    buckets.append(Bucket(sources[-1], "", 0, 1, None, None, 60_000, 1, 60_000, 60_000))
    return MixPanel(
        target=180_000,
        output=60_000 * len(sources),
        rows=tuple(rows),
        shares=dict.fromkeys(sources, 1 / len(sources)),
        asked=dict.fromkeys(sources, 70_000),
        buckets=tuple(buckets),
        curves={sources[0]: ((0.0, 0.0), (0.5, 1.0), (1.0, 3.0))},
        notes=("the cap of web binds",),
    )
