"""What is kept of a corpus when its tables go: the figures, and keys whose texts are to be read."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from dolma_pipe.statistics.counts import Counts
from dolma_pipe.statistics.keys import shard_and_line
from dolma_pipe.statistics.lengths import Lengths
from dolma_pipe.statistics.scores import PII, TOXIC
from dolma_pipe.statistics.settings import (
    DOCUMENTS,
    DOMAIN_BYTES,
    DOMAINS,
    URLS,
    Settings,
    gram_table,
)
from dolma_pipe.statistics.summary import Item, Range, Summary
from dolma_pipe.statistics.told import (
    Addresses,
    Bounded,
    CorpusStatistics,
    Duplicates,
    Found,
    Frequencies,
    Frequent,
    Language,
    LengthBin,
    LengthTable,
    Ngrams,
    bounded,
)

Texts = Mapping[tuple[str, int], str]
"""By table and key."""
TEXT_TABLES = {DOMAIN_BYTES: DOMAINS}
"""Tables whose keys are those of another."""


class TableFindings(NamedTuple):
    """Figures of a table. several: share of the distinct keys that occur more than once."""

    total: int
    distinct: Range
    once: Range
    several: Range
    exact: bool
    error: int
    sampled: int
    certain: int
    top: list[Item]
    bottom: list[Item]


class Findings(NamedTuple):
    """Of one corpus, or of all."""

    name: str
    counts: Counts
    tables: dict[str, TableFindings]

    def wanted(self) -> Iterator[tuple[str, Item]]:
        """Keys whose texts are shown."""
        for name, table in self.tables.items():
            for item in (*table.top, *table.bottom):
                yield TEXT_TABLES.get(name, name), item


def table_findings(name: str, summary: Summary, top: int) -> TableFindings:
    """The figures of a table; of documents only the texts are shown that come more than once."""
    first = summary.top(top)
    certain = summary.certain(first)
    if name == DOCUMENTS:
        first = [item for item in first if item.upper > 1]
    return TableFindings(
        total=summary.total,
        distinct=summary.distinct(),
        once=summary.share_with(int(np.count_nonzero(summary.known.counts == 1))),
        several=summary.share_with(int(np.count_nonzero(summary.known.counts > 1))),
        exact=summary.exact,
        error=summary.error,
        sampled=len(summary.known.keys),
        certain=min(certain, len(first)),
        top=first,
        bottom=summary.bottom(top) if name.startswith("ngrams.") else [],
    )


def told(findings: Findings, settings: Settings, texts: Texts, keys: list[str]) -> CorpusStatistics:
    """The figures as they are told."""
    counts, tables = findings.counts, findings.tables
    frequencies = {
        name: _frequencies(table, TEXT_TABLES.get(name, name), texts, keys)
        for name, table in tables.items()
    }
    grams = [(size, gram_table(size)) for size in settings.ngrams]
    found = {kind: _found(kind, counts) for kind in (*PII, TOXIC)}
    return CorpusStatistics(
        name=findings.name,
        shards=counts.shards,
        stored=counts.stored,
        documents=counts.documents,
        empty=counts.empty,
        bytes=counts.bytes,
        characters=counts.characters,
        words=counts.words,
        tokens=counts.tokens if "tokens" in settings.parts else None,
        quarantined=sum(counts.quarantined.values()),
        quarantine_reasons=dict(sorted(counts.quarantined.items())),
        repaired=counts.repaired,
        lengths={name: _lengths(lengths) for name, lengths in counts.lengths.items()},
        ngrams=tuple(Ngrams(n, frequencies[name]) for n, name in grams if name in frequencies),
        addresses=_addresses(counts, tables, frequencies) if URLS in tables else None,
        duplicates=_duplicates(tables[DOCUMENTS], frequencies) if DOCUMENTS in tables else None,
        languages=_languages(counts) if "language" in settings.parts else None,
        pii=tuple(found[kind] for kind in PII) if "pii" in settings.parts else None,
        toxicity=found[TOXIC] if "toxicity" in settings.parts else None,
    )


def _frequencies(table: TableFindings, name: str, texts: Texts, keys: list[str]) -> Frequencies:
    def frequent(item: Item) -> Frequent:
        shard, line = shard_and_line(item.place)
        text = texts.get((name, item.key))
        return Frequent(text, item.lower, item.upper, keys[shard], line)

    return Frequencies(
        total=table.total,
        distinct=bounded(table.distinct),
        once=bounded(table.once, digits=6),
        exact=table.exact,
        error=table.error,
        sampled=table.sampled,
        certain=table.certain,
        top=tuple(map(frequent, table.top)),
        bottom=tuple(map(frequent, table.bottom)),
    )


def _repeats(table: TableFindings) -> Range:
    """Occurrences that are not the first."""
    value, lower, upper = table.distinct
    total = table.total
    return Range(max(0.0, total - value), max(0.0, total - upper), max(0.0, total - lower))


def _duplicates(table: TableFindings, frequencies: dict[str, Frequencies]) -> Duplicates:
    repeats, total = _repeats(table), max(table.total, 1)
    pairs = zip(table.several, table.distinct, strict=True)
    return Duplicates(
        duplicates=bounded(repeats),
        share=bounded(Range(*(number / total for number in repeats)), digits=6),
        clusters=bounded(Range(*(share * distinct for share, distinct in pairs))),
        texts=frequencies[DOCUMENTS],
    )


def _addresses(
    counts: Counts, tables: dict[str, TableFindings], frequencies: dict[str, Frequencies]
) -> Addresses:
    return Addresses(
        with_url=counts.addressed,
        without_url=counts.documents - counts.addressed,
        urls=frequencies[URLS],
        duplicates=bounded(_repeats(tables[URLS])),
        domains=frequencies[DOMAINS],
        domain_bytes=frequencies[DOMAIN_BYTES],
    )


def _lengths(lengths: Lengths) -> LengthTable:
    def quantile(share: float) -> Bounded:
        lower, upper = lengths.quantile(share)
        return bounded(Range((lower + upper) / 2, lower, upper), "sure")

    return LengthTable(
        mean=round(lengths.total / max(lengths.documents(), 1), 2),
        least=lengths.least or 0,
        most=lengths.most,
        median=quantile(0.5),
        p90=quantile(0.9),
        p99=quantile(0.99),
        by_power=tuple(LengthBin(least, n) for least, n in lengths.by_power()),
    )


def _languages(counts: Counts) -> tuple[Language, ...]:
    rows = sorted(counts.languages.items(), key=lambda row: (-row[1][0], row[0]))
    return tuple(Language(label or None, *numbers) for label, numbers in rows)


def _found(kind: str, counts: Counts) -> Found:
    documents, spans = counts.found.get(kind, (0, 0))
    thousand = max(counts.documents, 1) / 1000
    return Found(kind, documents, spans, round(documents / thousand, 3), round(spans / thousand, 3))
