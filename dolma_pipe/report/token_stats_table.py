"""Statistics of token arrays as text."""

from collections.abc import Iterator, Sequence

from dolma_pipe.report.token_stats import TokenStats

BAR = 40
COUNTED = ("documents", "unique", "tokens", "share", "bytes/token", "bits/token", "bits/byte")
LENGTHS = ("min", "median", "mean", "p90", "p99", "max")


def stats_table(stats: Sequence[TokenStats]) -> str:
    """A line a source; of the last, which is the whole, lengths and frequent ids as well."""
    return "\n".join([*_sources(stats), "", *_documents(stats[-1]), "", *_ids(stats[-1])])


def _sources(stats: Sequence[TokenStats]) -> Iterator[str]:
    yield _line("source", COUNTED, COUNTED)
    for s in stats:
        cells = [f"{s.documents:,}", "" if s.unique is None else f"{s.unique:,}", f"{s.tokens:,}"]
        cells += [f"{s.share:.1%}", f"{s.bytes_per_token:.3f}", f"{s.bits_per_token:.3f}"]
        cells.append("" if s.bits_per_byte is None else f"{s.bits_per_byte:.3f}")
        yield _line(s.name, cells, COUNTED)
    yield ""
    yield _line("tokens a document", LENGTHS, LENGTHS)
    for s in stats:
        cells = [f"{round(getattr(s.lengths, name)):,}" for name in LENGTHS]
        yield _line(s.name, cells, LENGTHS)


def _line(name: str, cells: Sequence[str], columns: Sequence[str]) -> str:
    widths = [{"tokens": 18, "share": 8}.get(column, 13) for column in columns]
    line = f"{name:<20}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))
    return line.rstrip()


def _documents(whole: TokenStats) -> Iterator[str]:
    most = max(whole.lengths.by_power)
    yield f"{'tokens a document':>20} {'documents':>14}"
    first = next(k for k, number in enumerate(whole.lengths.by_power) if number)
    for k, number in enumerate(whole.lengths.by_power[first:], first):
        bar = "#" * -(-number * BAR // most)
        yield f"{f'{2**k:,} - {2 ** (k + 1) - 1:,}':>20} {number:>14,} {bar}".rstrip()


def _ids(whole: TokenStats) -> Iterator[str]:
    yield f"{'id':>8} {'tokens':>14} {'share':>7}  text"
    for one in whole.most_frequent:
        text = "" if one.text is None else f"{one.text!r:.60}"
        yield f"{one.id:>8} {one.tokens:>14,} {one.share:>7.2%}  {text}".rstrip()
    yield f"{whole.unused_ids:,} ids of the vocabulary do not occur"
