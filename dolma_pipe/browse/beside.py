"""A duplicate beside the document that was kept: the words that only one of them has."""

from collections.abc import Sequence

import msgspec

from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.pieces import Piece, visible
from dolma_pipe.browse.question import Refused
from dolma_pipe.browse.texts import one
from dolma_pipe.report.difference import Kind, Word, changed, differences, shortened, words_of


class Beside(msgspec.Struct):
    """Words that both have (same), or the kept document (gone), or its copy alone (new); in
    [brackets] what is left out. kept_only, copy_only: how many words."""

    kept: list[tuple[Kind, list[Piece]]]
    copy: list[tuple[Kind, list[Piece]]]
    kept_only: int
    copy_only: int


def beside(opened: Opened, kept: tuple[str, int], copy: tuple[str, int]) -> Beside:
    """Two survivors of curation, each by shard and row. Raises Refused where one is not here."""
    texts = []
    for key, row in (kept, copy):
        if opened.place(key) is None:
            raise Refused(404, f"{key[:80]!a} is of an earlier run, whose index has no texts")
        if row >= len(opened.survivors(key)):
            raise Refused(404, f"{key} has no row {row}")
        texts.append(words_of(opened.texts.of_curated(key, one(row))[0].text))
    pieces = differences(texts[0], texts[1])
    gone, new = changed(pieces)
    both: dict[Kind, list[tuple[Kind, list[Piece]]]] = {"gone": [], "new": []}
    for piece in shortened(pieces):
        told = (piece.kind, list(visible(_joined(piece.words))))
        for side, other in (("gone", "new"), ("new", "gone")):
            if piece.kind != other:
                both[side].append(told)  # type: ignore[index]  # the two kinds above
    return Beside(both["gone"], both["new"], gone, new)


def _joined(words: Sequence[Word]) -> str:
    return "".join(("" if word.glued else " ") + word.text for word in words)
