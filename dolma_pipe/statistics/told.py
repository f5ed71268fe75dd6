"""The result: `dolma-pipe stats --json` is this. Every number that is not exact has its bounds."""

from typing import Literal

import msgspec

from dolma_pipe.statistics.runs import Stage
from dolma_pipe.statistics.summary import Range

How = Literal["exact", "sure", "95%"]


class Bounded(msgspec.Struct, frozen=True):
    """A number between two others: for sure, or with 95 % probability; or exactly that."""

    value: float
    lower: float
    upper: float
    how: How


class Frequent(msgspec.Struct, frozen=True):
    """Something, and how often at least and at most. shard, line: where it stood first."""

    text: str | None
    lower: int
    upper: int
    shard: str
    line: int


class Frequencies(msgspec.Struct, frozen=True):
    """Of n-grams, documents, URLs or domains.

    total: occurrences. distinct: how many different ones. once: share of them that occur once.
    exact: whether every one was counted; else the counts of `top` are at most `error` too low, and
    those of `bottom` are exact, of a uniform sample of `sampled` distinct ones. certain: so many of
    the first of `top` are the most frequent for sure.
    """

    total: int
    distinct: Bounded
    once: Bounded
    exact: bool
    error: int
    sampled: int
    certain: int
    top: tuple[Frequent, ...]
    bottom: tuple[Frequent, ...]


class LengthBin(msgspec.Struct, frozen=True):
    """Documents of so many bytes, words or tokens: at least, and under twice as many."""

    least: int
    documents: int


class LengthTable(msgspec.Struct, frozen=True):
    """Of documents in a unit. Quantiles lie between two values, at most a sixteenth apart."""

    mean: float
    least: int
    most: int
    median: Bounded
    p90: Bounded
    p99: Bounded
    by_power: tuple[LengthBin, ...]


class Language(msgspec.Struct, frozen=True):
    """label: None for documents of which the model knows nothing."""

    label: str | None
    documents: int
    bytes: int


class Found(msgspec.Struct, frozen=True):
    """Personal data of a kind, or toxic words: documents that have any, and how many there are; the
    same for 1,000 documents."""

    kind: str
    documents: int
    spans: int
    documents_per_1000: float
    spans_per_1000: float


class Addresses(msgspec.Struct, frozen=True):
    """URLs of documents. duplicates: documents whose URL, in one spelling, came before."""

    with_url: int
    without_url: int
    urls: Frequencies
    duplicates: Bounded
    domains: Frequencies
    domain_bytes: Frequencies


class Duplicates(msgspec.Struct, frozen=True):
    """Documents whose exact text came before, the number of texts that come more than once, and
    the largest clusters of them (texts.top). Documents without words are left out."""

    duplicates: Bounded
    share: Bounded
    clusters: Bounded
    texts: Frequencies


class Ngrams(msgspec.Struct, frozen=True):
    """n-grams of so many words."""

    words: int
    frequencies: Frequencies


class CorpusStatistics(msgspec.Struct, frozen=True):
    """Of a corpus or, without name, of all. stored: bytes of the files; tokens, addresses and the
    like: None where they were not counted."""

    name: str
    shards: int
    stored: int
    documents: int
    empty: int
    bytes: int
    characters: int
    words: int
    tokens: int | None
    quarantined: int
    quarantine_reasons: dict[str, int]
    repaired: int
    lengths: dict[str, LengthTable]
    ngrams: tuple[Ngrams, ...]
    addresses: Addresses | None
    duplicates: Duplicates | None
    languages: tuple[Language, ...] | None
    pii: tuple[Found, ...] | None
    toxicity: Found | None


class Shared(msgspec.Struct, frozen=True):
    """What of one corpus is in another: the share of its distinct ones, and of all that it has."""

    of_distinct: Bounded
    of_all: Bounded
    distinct: Bounded


class Overlap(msgspec.Struct, frozen=True):
    """How much of corpus `a` is in corpus `b`: documents by their exact text, n-grams of words,
    URLs and domains; None where they were not counted."""

    a: str
    b: str
    documents: Shared | None
    ngrams: Shared | None
    urls: Shared | None
    domains: Shared | None


class EvaluationFound(msgspec.Struct, frozen=True):
    """Items of an evaluation set that a corpus has (name "" for all), in so many documents."""

    corpus: str
    items: int
    share: float
    documents: int


class Evaluation(msgspec.Struct, frozen=True):
    """items: of the set; searched: those that have a question long enough to be looked for, but for
    those of nothing but boilerplate of the corpora."""

    name: str
    items: int
    searched: int
    boilerplate: int
    found: tuple[EvaluationFound, ...]


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. total: None for a single corpus. failed: shards that could not be read, and why;
    they are in no number. runs: work directories, counted as which stage left them: as dedup did,
    or as content did, before it."""

    parts: tuple[str, ...]
    memory: int
    table_keys: int
    tokenizer: str | None
    language_model: str | None
    overlap_ngram: int | None
    corpora: tuple[CorpusStatistics, ...]
    total: CorpusStatistics | None
    overlaps: tuple[Overlap, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    failed: dict[str, str] = {}
    runs: dict[str, Stage] = {}


def bounded(found: Range, how: How = "95%", digits: int = 1) -> Bounded:
    """A range as it is told."""
    value, lower, upper = (round(number, digits) for number in found)
    return Bounded(value, lower, upper, "exact" if found.exact else how)
