"""A duplicate beside the document that was kept: the words that only one of them has."""

import msgspec

from dolma_pipe.browse.document import line_of
from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.pieces import Piece, visible
from dolma_pipe.browse.texts import one
from dolma_pipe.report.difference import Kind, changed, differences, joined, short, words_of

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
    gone, new = changed(pieces)
    both: dict[Kind, list[tuple[Kind, list[Piece]]]] = {"gone": [], "new": []}
    for piece in short(pieces):
        told = (piece.kind, list(visible(joined(piece.words))))
        for side, other in (("gone", "new"), ("new", "gone")):
            if piece.kind != other:
                both[side].append(told)  # type: ignore[index]  # the two kinds above
    return Beside(both["gone"], both["new"], gone, new)
