"""A duplicate beside the document that was kept, each in its lines: the words that only one has."""

from collections.abc import Sequence

import msgspec

from dolma_pipe.browse.document import line_of
from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.pieces import Piece, visible
from dolma_pipe.browse.texts import one
from dolma_pipe.report.difference import Kind, changed, differences, joined, short, words_of
from dolma_pipe.report.difference import Piece as Stretch

LONGEST = 500_000
"""Code points of a text that are compared."""


class Beside(msgspec.Struct):
    """Words that both have (same), or the kept document (gone), or its copy alone (new); in
    [brackets] what is left out; texts longer than LONGEST lose their end. kept_only, copy_only: how
    many words."""

    kept: list[tuple[Kind, list[Piece]]]
    copy: list[tuple[Kind, list[Piece]]]
    kept_only: int
    copy_only: int


def beside(opened: Opened, kept: tuple[str, int], copy: tuple[str, int]) -> Beside:
    """Two survivors of curation, each by shard and row. Raises Refused where one is not here."""
    texts = []
    for key, row in (kept, copy):
        line_of(opened, key, row)
        texts.append(words_of(opened.texts.of_curated(key, one(row))[0].text[:LONGEST]))
    pieces = differences(texts[0], texts[1])
    shown = list(short(pieces))
    return Beside(_side(shown, "gone"), _side(shown, "new"), *changed(pieces))


def _side(pieces: Sequence[Stretch], own: Kind) -> list[tuple[Kind, list[Piece]]]:
    """One of the texts; white space before words that only it has is not theirs."""
    found: list[tuple[Kind, list[Piece]]] = []
    for piece in pieces:
        if piece.kind in ("same", "left out", own):
            first, *others = piece.within(first=own == "gone")
            if found and first.gap:
                found.append(("same", [Piece(first.gap)]))
            text = first.text + joined(others)
            found.append((piece.kind, list(visible(text))))
    return found
