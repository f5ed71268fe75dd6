"""Statistics as text, at most 100 columns wide; of several corpora the lists are those of all."""

from collections.abc import Iterable, Iterator, Sequence

from dolma_pipe.report.html.numbers import size
from dolma_pipe.report.layout import BAR, beside, counted, padded, shortened, table
from dolma_pipe.report.terminal import harmless
from dolma_pipe.statistics.numbers import count, number, share
from dolma_pipe.statistics.told import (
    Addresses,
    Bounded,
    CorpusStatistics,
    Duplicates,
    Frequencies,
    Frequent,
    Overlap,
    Shared,
    Statistics,
)

WIDTH = 100
BLOCK = 48
"""Columns of one of two blocks beside each other."""
BARS = 30
UNITS = ("words", "tokens", "bytes")
LANGUAGES = 10
COLUMNS, NAME = 5, 16
"""Corpora beside each other, and columns of their names."""
LEGEND = (
    "~ estimated, ± with 95 % probability, quantiles within 3.2 % for sure; a..b: between both for",
    "sure; all others are exact. Lists are those of all corpora; --json and --html have each one's",
)


def statistics_table(found: Statistics) -> str:
    """Everything but shards, lines and the lists of single corpora, which JSON has."""
    whole = found.total or found.corpora[0]
    rows = [*found.corpora, *([found.total] if found.total else [])]
    blocks = [
        _sizes(rows),
        *_lengths(rows),
        _bars(whole),
        _grams(rows),
        *_gram_lists(whole),
        *_addresses(rows, whole),
        *_duplicates(rows, whole),
        beside([_languages(whole), _private(whole)], WIDTH),
        *_overlaps(found.overlaps, found.overlap_ngram),
        _evaluations(found),
        _notes(found, rows),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _name(corpus: CorpusStatistics) -> str:
    return harmless(corpus.name) or "total"


def _sizes(rows: Sequence[CorpusStatistics]) -> list[str]:
    head = ("corpus", "shards", "documents", "empty", "bytes", "code points", "words", "tokens")
    lines = [
        (
            _name(row),
            f"{row.shards:,}",
            f"{row.documents:,}",
            f"{row.empty:,}",
            size(row.bytes),
            f"{row.characters:,}",
            f"{row.words:,}",
            "" if row.tokens is None else f"{row.tokens:,}",
        )
        for row in rows
    ]
    return table(head, lines)


def _lengths(rows: Sequence[CorpusStatistics]) -> Iterator[list[str]]:
    for unit in UNITS:
        lines = []
        for row in rows:
            if unit in row.lengths and row.documents:
                of = row.lengths[unit]
                middle = [_quantile(one) for one in (of.median, of.p90, of.p99)]
                cells = [f"{of.least:,}", middle[0], f"{of.mean:,.1f}", *middle[1:], f"{of.most:,}"]
                lines.append((_name(row), *cells))
        if lines:
            head = (f"{unit} a document", "least", "median", "mean", "p90", "p99", "most")
            yield table(head, lines)


def _quantile(found: Bounded) -> str:
    return f"{'' if found.how == 'exact' else '~'}{found.value:,.0f}"


def _bars(whole: CorpusStatistics) -> list[str]:
    found = whole.lengths.get("words")
    if not found or not found.by_power:
        return []
    most = max(one.documents for one in found.by_power)
    rows = [(_range(one.least), f"{one.documents:,}") for one in found.by_power]
    lines = table(("words", "documents"), rows)
    drawn = [BAR * -(-one.documents * BARS // most) for one in found.by_power]
    return [lines[0], *(f"{a}  {b}".rstrip() for a, b in zip(lines[1:], drawn, strict=True))]


def _range(least: int) -> str:
    """A bin of lengths, which ends where they have doubled."""
    return f"{least:,}" if least < 2 else f"{least:,} to {2 * least - 1:,}"


def _grams(rows: Sequence[CorpusStatistics]) -> list[str]:
    lines = [
        (
            _name(row),
            f"{one.words}",
            f"{one.frequencies.total:,}",
            number(one.frequencies.distinct),
            share(one.frequencies.once),
            "exact" if one.frequencies.exact else f"{one.frequencies.error:,} too low",
        )
        for row in rows
        for one in row.ngrams
    ]
    head = ("corpus", "n", "n-grams", "different", "once", "counts, at most")
    return table(head, lines) if lines else []


def _gram_lists(whole: CorpusStatistics) -> Iterator[list[str]]:
    for one in whole.ngrams:
        of = one.frequencies
        if not of.top:
            continue
        rare = "rarest" if of.exact else f"rare, of a sample of {of.sampled:,}"
        name = "word" if one.words == 1 else f"{one.words}-gram"
        blocks = [_block(f"{name}, most frequent", of.top), _block(f"{name}, {rare}", of.bottom)]
        yield beside(blocks, WIDTH)


def _block(name: str, items: Iterable[Frequent], kind: str = "count") -> list[str]:
    counts = [count(item) for item in items]
    room = BLOCK - 2 - max(map(len, [kind, *counts]))
    texts = [_text(item, room) for item in items]
    return table((padded(shortened(name, room), room), kind), zip(texts, counts, strict=True))


def _text(item: Frequent, columns: int) -> str:
    return shortened(harmless(" ".join((item.text or "").split())) or "?", columns)


def _addresses(rows: Sequence[CorpusStatistics], whole: CorpusStatistics) -> Iterator[list[str]]:
    lines = [(_name(row), *_address_cells(row.addresses)) for row in rows if row.addresses]
    if not lines or whole.addresses is None:
        return
    head = ("corpus", "with URL", "without", "URLs", "came before", "domains")
    yield table(head, lines)
    if whole.addresses.with_url:
        by_bytes = whole.addresses.domain_bytes.top
        yield beside(
            [
                _block("domain", whole.addresses.domains.top, "documents"),
                _block("domain", by_bytes, "bytes"),
            ],
            WIDTH,
        )


def _address_cells(of: Addresses) -> tuple[str, ...]:
    counted = (number(of.urls.distinct), number(of.duplicates), number(of.domains.distinct))
    return (f"{of.with_url:,}", f"{of.without_url:,}", *counted)


def _duplicates(rows: Sequence[CorpusStatistics], whole: CorpusStatistics) -> Iterator[list[str]]:
    lines = [(_name(row), *_duplicate_cells(row.duplicates)) for row in rows if row.duplicates]
    if not lines or whole.duplicates is None:
        return
    head = ("corpus", "different texts", "came before", "share", "texts that come again")
    yield table(head, lines)
    if top := whole.duplicates.texts.top:
        width = max(len("copies"), *(len(count(item)) for item in top))
        shown = [f"{count(item):>{width}}  {_text(item, WIDTH - 2 - width)}" for item in top]
        yield [f"{'copies':>{width}}  text", *shown]


def _duplicate_cells(of: Duplicates) -> tuple[str, ...]:
    distinct: Frequencies = of.texts
    cells = (number(distinct.distinct), number(of.duplicates), share(of.share))
    return (*cells, number(of.clusters))


def _languages(whole: CorpusStatistics) -> list[str]:
    if whole.languages is None or not whole.documents:
        return []
    shown = [
        (
            harmless(one.label or "none"),
            f"{one.documents:,}",
            f"{one.documents / whole.documents:.1%}",
            f"{one.bytes / max(whole.bytes, 1):.1%}",
        )
        for one in whole.languages[:LANGUAGES]
    ]
    if rest := whole.languages[LANGUAGES:]:
        documents, amount = sum(one.documents for one in rest), sum(one.bytes for one in rest)
        told = f"{documents / whole.documents:.1%}", f"{amount / max(whole.bytes, 1):.1%}"
        shown.append((f"{len(rest)} others", f"{documents:,}", *told))
    return table(("language", "documents", "of them", "of bytes"), shown)


def _private(whole: CorpusStatistics) -> list[str]:
    found = [*(whole.pii or ()), *([whole.toxicity] if whole.toxicity else [])]
    if not found:
        return []
    lines = [
        (
            one.kind.replace("_", " "),
            f"{one.documents:,}",
            f"{one.spans:,}",
            f"{one.documents_per_1000:,.1f}",
            f"{one.spans_per_1000:,.1f}",
        )
        for one in found
    ]
    return table(("found", "documents", "times", "docs/1000", "times/1000"), lines)


def overlap_tables(
    found: Sequence[Overlap], words: int | None
) -> Iterator[tuple[str, list[str], list[list[Shared | None]]]]:
    """What is shared, the corpora, and of each row what of it is in each column."""
    kinds = {
        "documents": "documents of the row whose exact text is in the column",
        "ngrams": f"different {words}-grams of the row that are in the column",
        "urls": "URLs of the row that are in the column",
        "domains": "domains of the row that are in the column",
    }
    names = list(dict.fromkeys(one.a for one in found))
    for kind, told in kinds.items():
        cells = {(one.a, one.b): getattr(one, kind) for one in found}
        if any(cells.values()):
            yield told, names, [[cells.get((a, b)) for b in names] for a in names]


def _overlaps(found: Sequence[Overlap], words: int | None) -> Iterator[list[str]]:
    for told, names, rows in overlap_tables(found, words):
        for first in range(0, len(names), COLUMNS):
            columns = slice(first, first + COLUMNS)
            lines = [
                [_short(name), *(_cell(told, cell) for cell in row[columns])]
                for name, row in zip(names, rows, strict=True)
            ]
            yield [told, *table(["", *map(_short, names[columns])], lines)]


def _short(name: str) -> str:
    return shortened(harmless(name), NAME)


def _cell(told: str, found: Shared | None) -> str:
    return "-" if found is None else share(shown_share(told, found), 2)


def shown_share(told: str, found: Shared) -> Bounded:
    """Of documents all count, of other things each different one."""
    return found.of_all if told.startswith("documents") else found.of_distinct


def _evaluations(found: Statistics) -> list[str]:
    lines = [
        (
            harmless(one.name),
            f"{one.items:,}",
            f"{one.searched:,}",
            harmless(of.corpus) or "total",
            f"{of.items:,}",
            f"{of.share:.2%}",
            f"{of.documents:,}",
        )
        for one in found.evaluations
        for of in one.found
    ]
    head = ("evaluation", "items", "searched", "in corpus", "found", "share", "in documents")
    return table(head, lines) if lines else []


def told_of_runs(found: Statistics) -> Iterator[str]:
    """A line a work directory: after which stage its documents were counted."""
    for path, stage in found.runs.items():
        if stage == "dedup":
            yield f"{path}: after deduplication ({path}/curated: before it)"
        else:
            yield f"{path}: before deduplication, as stages 1 to 3 left it"


def told_of_boilerplate(found: Statistics) -> Iterator[str]:
    """A line a set of which items are not searched, since the corpora are full of their words."""
    for one in found.evaluations:
        if one.boilerplate:
            items = counted(one.boilerplate, "item is", "items are")
            yield f"{one.name}: {items} boilerplate, see docs/statistics.md, and not searched"


def _notes(found: Statistics, rows: Sequence[CorpusStatistics]) -> list[str]:
    lines = []
    whole = rows[-1]
    if whole.quarantined:
        reasons = ", ".join(f"{why} {n:,}" for why, n in whole.quarantine_reasons.items())
        bad = counted(whole.quarantined, "line is no document", "lines are no documents")
        lines.append(f"{bad}: {reasons}")
    lines += [f"not counted: {key}: {why}" for key, why in found.failed.items()]
    lines += list(told_of_runs(found))
    lines += list(told_of_boilerplate(found))
    return [*map(harmless, lines), *LEGEND]
