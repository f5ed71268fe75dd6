"""Texts of clusters: the kept document, and how its copies differ from it."""

from collections.abc import Iterator
from typing import Any

from dolma_pipe.cuts import read_cuts
from dolma_pipe.report.clusters import (
    Cluster,
    Cut,
    Member,
    Place,
    largest_cuts,
    largest_noted,
    largest_removed,
    noted_alone,
    noted_cuts,
    removed_alone,
    texts_at,
)
from dolma_pipe.report.difference import (
    Piece,
    Word,
    changed,
    differences,
    marked,
    words_of,
)
from dolma_pipe.report.layout import counted, shortened
from dolma_pipe.report.terminal import harmless
from dolma_pipe.work import Work, size_of

INDENT = "    "
KEPT_LINES = 3
"""Of the kept document, and of one that went alone."""
NAME = 60
"""Columns of an id."""
NO_TEXT = "(of an earlier run, whose index has no texts)"


def cluster_texts(
    work: Work,
    report: dict[str, Any],
    entry: dict[str, Any],
    count: int,
    width: int,
    *,
    colour: bool,
) -> Iterator[str]:
    """The largest clusters of one entry, one after the other, and what it notes or does alone."""
    number, notes = entry["entry"], entry["settings"]["action"] == "annotate"
    clusters = (largest_noted if notes else largest_removed)(work, number, count)
    alone = (noted_alone if notes else removed_alone)(work, number, count)
    cuts = noted_cuts(work, number, count) if notes else []
    name = f"entry {number}, {entry['method']}{' (only notes)' if notes else ''}"
    if not (clusters or alone or cuts):
        yield from (f"{name}: no clusters", "")
    for place, cluster in enumerate(clusters, 1):
        of = f"cluster {place} of {entry['clusters']:,}"
        yield from _cluster(work, f"{name}, {of}", cluster, width, colour=colour)
    if alone:
        went = "would go" if notes else "went"
        yield f"{name}: {went} without regard to another document"
        yield from _alone(work, alone, width)
    if cuts:
        yield f"{name}: stretches that would be cut"
        edited = _edited(report, number)
        if edited is None:
            yield f"{INDENT}found in texts that entries before and after it have cut: not shown"
        else:
            yield from _cuts(work, cuts, width, edited=edited, colour=colour)


def cut_texts(work: Work, count: int, width: int, *, colour: bool) -> Iterator[str]:
    """What all entries together cut out, in context."""
    cuts = largest_cuts(work, count)
    if cuts:
        yield "cut out by all entries together, the documents that lost most"
        yield from _cuts(work, cuts, width, edited=False, colour=colour)


def _edited(report: dict[str, Any], number: int) -> bool | None:
    """Whether entries before this one have cut what it saw; None where nobody knows any more, as
    later ones have cut, too."""
    cutting = [
        e["entry"]
        for e in report["entries"]
        if e["cut_bytes"] and e["settings"]["action"] == "remove"
    ]
    before = any(other < number for other in cutting)
    return None if before and any(other > number for other in cutting) else before


def _cluster(work: Work, name: str, cluster: Cluster, width: int, *, colour: bool) -> Iterator[str]:
    sources = ", ".join(f"{source} {n:,}" for source, n in sorted(cluster.sources.items()))
    yield f"{name}: {cluster.size:,} documents, copies in {harmless(sources)}"
    members = [cluster.kept, *cluster.copies]
    texts = texts_at(work, [member.place for member in members])
    kept = _text(cluster.kept, texts)
    yield f"  kept  {_told(cluster.kept, texts)}"
    yield from _beginning(words_of(kept or ""), width)
    for copy in cluster.copies:
        text = _text(copy, texts)
        if kept is None or text is None:  # nothing to compare
            yield f"  copy  {_told(copy, texts)}"
            yield from _beginning(words_of(text or ""), width)
            continue
        pieces = differences(words_of(kept), words_of(text))
        gone, new = changed(pieces)
        change = f"  -{gone:,} +{new:,} words" if gone or new else ""
        yield f"  copy  {_told(copy, texts)}{change}"
        if gone or new:
            shown = marked(pieces, width - len(INDENT), colour=colour)
            yield from (f"{INDENT}{line}" for line in shown)
        else:
            yield f"{INDENT}{'the same' if text == kept else 'the same but for white space'}"
    more = cluster.size - 1 - len(cluster.copies)
    if more:
        yield f"  and {more:,} more, no less similar"
    yield ""


def _text(member: Member, texts: dict[Place, bytes]) -> str | None:
    """None of a document of an index."""
    text = texts.get(member.place)
    return None if text is None else text.decode(errors="replace")


def _told(member: Member, texts: dict[Place, bytes]) -> str:
    key, row = member.place
    alike = "" if member.similarity is None else f"  similarity {member.similarity:.3g}"
    name = shortened(harmless(member.name), NAME)
    text = texts.get(member.place)
    size = NO_TEXT if text is None else f"{len(text):,} B"
    return f"{name}  {harmless(key)} row {row}  {size}{alike}"


def _beginning(words: list[Word], width: int) -> Iterator[str]:
    pieces = [Piece("same", words)] if words else []
    for line in marked(pieces, width - len(INDENT), colour=False, lines=KEPT_LINES):
        yield f"{INDENT}{line}"


def _alone(work: Work, alone: list[Member], width: int) -> Iterator[str]:
    texts = texts_at(work, [member.place for member in alone])
    for member in alone:
        yield f"  {_told(member, texts)}"
        yield from _beginning(words_of(texts[member.place].decode(errors="replace")), width)
    yield ""


def _cuts(work: Work, cuts: list[Cut], width: int, *, edited: bool, colour: bool) -> Iterator[str]:
    """edited: the stretches are those of a text without dedup/cuts."""
    texts = texts_at(work, [cut.place for cut in cuts])
    for cut in cuts:
        key, row = cut.place
        text = _without_cuts(work, cut.place, texts[cut.place]) if edited else texts[cut.place]
        yield (
            f"  {harmless(key)} row {row}: {cut.bytes:,} of {len(text):,} bytes in "
            f"{counted(len(cut.stretches), 'stretch', 'stretches')}"
        )
        pieces = _with_cuts(text, cut.stretches)
        for line in marked(pieces, width - len(INDENT), colour=colour):
            yield f"{INDENT}{line}"
    yield ""


def _with_cuts(text: bytes, stretches: list[tuple[int, int]]) -> list[Piece]:
    pieces, done = [], 0
    for start, end in stretches:
        pieces.append(Piece("same", words_of(text[done:start].decode(errors="replace"))))
        pieces.append(Piece("gone", words_of(text[start:end].decode(errors="replace"))))
        done = end
    pieces.append(Piece("same", words_of(text[done:].decode(errors="replace"))))
    return [piece for piece in pieces if piece.words]


def _without_cuts(work: Work, place: Place, text: bytes) -> bytes:
    key, row = place
    cuts = read_cuts(work.cuts(key), size_of(work.removed(key)))
    left, done = [], 0
    for k in range(cuts.offsets[row], cuts.offsets[row + 1]):
        left.append(text[done : cuts.starts[k]])
        done = int(cuts.ends[k])
    return b"".join([*left, text[done:]])
