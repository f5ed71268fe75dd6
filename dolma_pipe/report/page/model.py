"""What report.html shows, as data: bounded whatever the corpus. `dolma-pipe report --json` is this.

Everything but `times` and `seconds` is the same for the same run.
"""

from typing import Literal

import msgspec

from dolma_pipe.report.summary import Intake, MixRow, PassTime

Tone = Literal["plain", "match", "gone", "new"]


class Piece(msgspec.Struct, frozen=True):
    """A stretch of an excerpt: plain text, a span that a tagger found; gone: what a mask cut out,
    new: what it wrote; of two texts, words that the kept one (gone) or its copy (new) has alone."""

    text: str
    tone: Tone = "plain"


class Example(msgspec.Struct, frozen=True):
    """A document. line: of its shard, from 1, 0 where it is not known; value: of the column that is
    shown; kept, dropped_by: by stages 1 to 3, of a duplicate by its cluster; pieces: a stretch of
    its text, "…" where it was shortened, and what stands for personal data and masked text; none
    where the text cannot be read any more, or not be shown (note says why)."""

    id: str
    source: str
    shard: str
    line: int
    bytes: int
    value: float | str | None
    kept: bool
    dropped_by: str | None
    pieces: tuple[Piece, ...]
    note: str = ""


class Bins(msgspec.Struct, frozen=True):
    """A histogram. edges: ascending, one more than counts; scale: how an axis spaces them. A bin
    has its lower edge and not its upper one, the last has both; whole numbers have whole edges.

    without: documents that have no value; below, above: that lie outside the edges. kept: of each
    bin, those in the range of the rule that it is drawn for; empty where there is none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    scale: Literal["linear", "log"] = "linear"
    without: int = 0
    below: int = 0
    above: int = 0
    kept: tuple[int, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """What of a source is there after a stage: "input", a stage, or "output" (repeats included).

    tokens: None where nothing counted them; estimated: from the bytes, by the tokens a byte that
    the source's survivors have.
    """

    source: str
    stage: str
    documents: int
    bytes: int | None
    tokens: int | None
    estimated: bool = False


class SourceBins(msgspec.Struct, frozen=True):
    """A column's values in one source. shown: documents of the sample behind the bins; of: all."""

    source: str
    shown: int
    of: int
    bins: Bins


class RulePanel(msgspec.Struct, frozen=True):
    """A rule of one or more sources, same stage and same range in each.

    removed: documents that it is the reason for, by source (exact); would: that break it, whoever
    was told, in the sample, of those that its tagger has scored (a score may be missing all the
    same, which breaks it). histograms share their edges. examples: nearest to the border, on both
    sides, from the smallest value to the largest. borders: where the range ends on the axis: the
    maximum of whole numbers one above itself, so that all bars on one side of it are kept.
    """

    stage: str
    column: str
    minimum: float | None
    maximum: float | None
    help: str
    removed: dict[str, int]
    would: dict[str, int]
    scored: dict[str, int]
    histograms: tuple[SourceBins, ...]
    examples: tuple[Example, ...]
    borders: tuple[float, ...] = ()


class ColumnPanel(msgspec.Struct, frozen=True):
    """A column of numbers of sources that have no rule on it. quantiles: of all values together, 5,
    50 and 95 %, none where there is no value; histograms share their edges."""

    column: str
    help: str
    quantiles: tuple[float, ...]
    histograms: tuple[SourceBins, ...]


class LanguageShare(msgspec.Struct, frozen=True):
    """Documents and bytes of one source in one language, of the sample; "other" sums the rest,
    "none" has none. column: the labels, of natural languages or of programming languages."""

    source: str
    language: str
    documents: int
    bytes: int
    column: str = ""


class SpanCount(msgspec.Struct, frozen=True):
    """A column of spans (PII, lines of C4 ...) of one source.

    documents: of the sample, with a span; spans: in them; sampled: documents that the tagger has
    seen. masked: spans replaced in the whole run, exact, None where nothing masks it. hidden:
    personal data, secrets, or what is replaced by a text: tagger or recipe say so.
    """

    source: str
    column: str
    documents: int
    spans: int
    sampled: int
    masked: int | None
    hidden: bool
    examples: tuple[Example, ...]


class Copy(msgspec.Struct, frozen=True):
    """A copy beside the kept document: pieces of both texts, differences marked. kept, copy: empty
    where a text is not there any more."""

    document: Example
    similarity: float | None
    kept: tuple[Piece, ...]
    copy: tuple[Piece, ...]


class ClusterPanel(msgspec.Struct, frozen=True):
    """One of the largest clusters of a dedup entry: documents in it, the one that stays, some of
    its copies, and the sources of these few."""

    size: int
    kept: Example
    sources: dict[str, int]
    copies: tuple[Copy, ...]


class EntryPanel(msgspec.Struct, frozen=True):
    """A dedup entry. removed: documents by source, none where it only annotates; by_sources: [kept
    in, removed from, documents], what an entry that annotates would remove; sizes: clusters by size
    ("2", "3-4" ...)."""

    number: int
    method: str
    action: str
    settings: dict[str, str]
    documents: int
    removed: dict[str, int]
    cut_bytes: int
    clusters: int
    sizes: dict[str, int]
    by_sources: tuple[tuple[str, str, int], ...]
    biggest: tuple[ClusterPanel, ...]


class Bucket(msgspec.Struct, frozen=True):
    """A quality bucket of a group ("" is all of a source): token CDF from low to high, scores in
    it, repeats that the curve asks for, tokens there, asked, got."""

    source: str
    group: str
    low: float
    high: float
    lowest: float | None
    highest: float | None
    available: int
    repeats: float
    asked: int
    got: int


class MixPanel(msgspec.Struct, frozen=True):
    """The mix in tokens. shares: asked of each source, None where it was not; curves: points (token
    CDF, repeats) of the upsampling curve of a source or source/group."""

    target: int | None
    output: int
    rows: tuple[MixRow, ...]
    shares: dict[str, float | None]
    asked: dict[str, int]
    buckets: tuple[Bucket, ...]
    curves: dict[str, tuple[tuple[float, float], ...]]
    notes: tuple[str, ...]


class Lengths(msgspec.Struct, frozen=True):
    """Tokens a document of the output, by source, repeats counted, end of text included.

    documents, tokens: exact. shown: documents of the sample behind median, longest and bins.
    """

    source: str
    documents: int
    tokens: int
    median: float
    longest: int
    bins: Bins
    shown: int = 0


class Packing(msgspec.Struct, frozen=True):
    """How instances of a length would use the output: padding a share of all places, cut: documents
    that lose their connection: split or truncated. estimated: from the sample of lengths, for
    comparison; else `tokens pack` made that plan."""

    name: str
    method: str
    length: int
    instances: int
    padding: float
    cut: int
    estimated: bool = False


class Fact(msgspec.Struct, frozen=True):
    """A line of the last section: "versions", "fingerprints", "assets", "tokenizer" ..."""

    section: str
    name: str
    value: str


class Page(msgspec.Struct, frozen=True):
    """All of it. recipe: the resolved recipe as YAML; sampled: how the samples were drawn, a
    sentence; failed, damaged: shards with what is wrong."""

    name: str
    place: str
    stages: tuple[str, ...]
    sources: tuple[str, ...]
    intake: tuple[Intake, ...]
    steps: tuple[Step, ...]
    rules: tuple[RulePanel, ...]
    columns: tuple[ColumnPanel, ...]
    languages: tuple[LanguageShare, ...]
    spans: tuple[SpanCount, ...]
    dedup: tuple[EntryPanel, ...]
    mix: MixPanel | None
    lengths: tuple[Lengths, ...]
    packing: tuple[Packing, ...]
    times: tuple[PassTime, ...]
    seconds: float | None
    notes: tuple[str, ...]
    damaged: dict[str, str]
    failed: dict[str, str]
    sampled: str
    recipe: str
    facts: tuple[Fact, ...]
