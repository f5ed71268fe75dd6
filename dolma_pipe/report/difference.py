"""Two texts as one, differences marked: [-only in the first-] {+only in the second+}."""

import difflib
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from dolma_pipe.report.layout import display_width
from dolma_pipe.report.terminal import harmless

COMPARED = 1000
"""Words of each text that are compared, from the first that differs: differences of two texts
that have little in common take quadratic time."""
AROUND = 8
"""Words of an equal stretch that are shown before and after a difference."""
LONGEST_PIECE = 50
"""Words of a difference that are shown."""
LONGEST_WORD = 48
"""Code points of a word that are shown."""
LINES = 12

_BY_ITSELF = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_BY_ITSELF}\U00020000-\U0003ffff]|[^\s{_BY_ITSELF}\U00020000-\U0003ffff]+")
"""A run between white space; in scripts without spaces a code point."""

_END = re.compile(r"\r\n|[\n\r]")
INDENT = 40
"""Spaces and tabs before the first word of a line that are kept."""

Kind = Literal["same", "gone", "new", "left out"]
MARKS: dict[Kind, tuple[str, str]] = {"gone": ("[-", "-]"), "new": ("{+", "+}")}
COLOURS: dict[Kind, str] = {"gone": "\x1b[31m", "new": "\x1b[32m", "left out": "\x1b[2m"}
RESET = "\x1b[0m"


class Word(NamedTuple):
    """gap: the white space before it, as a space or as up to two ends of lines and an indent."""

    text: str
    gap: str = " "

    @property
    def glued(self) -> bool:
        return not self.gap


class Piece(NamedTuple):
    """Words next to each other that fared alike. before: what both texts have, as the first has
    it; its white space may be another."""

    kind: Kind
    words: Sequence[Word]
    before: Sequence[Word] = ()

    def within(self, first: bool) -> Sequence[Word]:
        """Its words in the first of the two texts, or in the second."""
        return self.before if first and self.before else self.words


def words_of(text: str) -> list[Word]:
    end = 0
    words: list[Word] = []
    for match in _WORD.finditer(text):
        words.append(Word(match[0], _gap(text[end : match.start()]) if words else " "))
        end = match.end()
    return words


def _gap(space: str) -> str:
    *lines, indent = _END.split(space)
    if not lines:
        return space and " "
    return "\n" * min(len(lines), 2) + "".join(c for c in indent if c in " \t")[:INDENT]


def joined(words: Sequence[Word]) -> str:
    """The words with the white space before each."""
    return "".join(word.gap + word.text for word in words)


def differences(one: Sequence[Word], other: Sequence[Word]) -> list[Piece]:
    """From the first to the last word; of very different texts a beginning (COMPARED)."""
    before = _common(one, other)
    a, b = one[before:], other[before:]
    after = _common(a[::-1], b[::-1])
    pieces = [Piece("same", other[:before], one[:before])]
    a, b = a[: len(a) - after], b[: len(b) - after]
    seen, shown = a[:COMPARED], b[:COMPARED]
    matcher = difflib.SequenceMatcher(None, [w.text for w in seen], [w.text for w in shown])
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", shown[k:m], seen[i:j]))
            continue
        pieces += [Piece("gone", seen[i:j]), Piece("new", shown[k:m])]
    if len(a) > COMPARED or len(b) > COMPARED:
        told = f"[{len(a) - len(seen):,} and {len(b) - len(shown):,} more words, not compared]"
        pieces.append(Piece("left out", [Word(told)]))
    pieces.append(Piece("same", other[len(other) - after :], one[len(one) - after :]))
    return [piece for piece in pieces if piece.words]


def _common(one: Sequence[Word], other: Sequence[Word]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].text == pair[1].text, pairs))


def changed(pieces: Sequence[Piece]) -> tuple[int, int]:
    """Words that are only in the first, only in the second."""
    gone, new = (
        sum(len(piece.words) for piece in pieces if piece.kind == kind) for kind in ("gone", "new")
    )
    return gone, new


def marked(pieces: Sequence[Piece], width: int, *, colour: bool, lines: int = LINES) -> list[str]:
    """Lines of at most `width` columns; equal stretches shortened to what stands around."""
    broken = _broken(list(short(pieces)), width, colour=colour)
    shown = [line for _, line in zip(range(lines), broken, strict=False)]
    if next(broken, None) is not None:
        shown.append("[and so on]")
    return shown


def short(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The same without most of what is equal, and the middle of what is long."""
    for i, piece in enumerate(pieces):
        first, last = LONGEST_PIECE // 2, LONGEST_PIECE // 2
        if piece.kind == "same":
            first, last = AROUND * (i > 0), AROUND * (i + 1 < len(pieces))
            if len(pieces) == 1:
                first = 3 * LONGEST_PIECE
        if len(piece.words) <= first + last + 3:
            yield piece
            continue
        last = len(piece.words) - last
        count = f"{last - first:,} words"
        if piece.kind == "same":
            left_out = Word(f"[{count}]", piece.words[first].gap or " ")
            if first:
                yield Piece("same", piece.words[:first], piece.before[:first])
            yield Piece("left out", [left_out])
            if piece.words[last:]:
                yield Piece("same", piece.words[last:], piece.before[last:])
        else:  # within the marks: what is left out here is not in both texts
            left_out = Word(f"... {count} ...")
            yield Piece(piece.kind, [*piece.words[:first], left_out, *piece.words[last:]])


def _broken(pieces: list[Piece], width: int, *, colour: bool) -> Iterator[str]:
    line, used, shade = "", 0, ""
    for piece in pieces:
        opening, closing = MARKS.get(piece.kind, ("", ""))
        for k, word in enumerate(piece.words):
            text = _shown(word.text)
            text = (opening if k == 0 else "") + text
            text += closing if k + 1 == len(piece.words) else ""
            columns, gap = display_width(text), "" if word.glued or not used else " "
            if used and used + len(gap) + columns > width:
                yield line + (RESET if shade else "")
                line, used, gap, shade = "", 0, "", ""
            wanted = COLOURS.get(piece.kind, "") if colour else ""
            if wanted != shade:
                line += (RESET if shade else "") + gap + wanted + text
                shade = wanted
            else:
                line += gap + text
            used += len(gap) + columns
    if line:
        yield line + (RESET if shade else "")


def _shown(word: str) -> str:
    if len(word) > LONGEST_WORD:
        half = LONGEST_WORD // 3
        word = f"{word[:half]}[{len(word) - 2 * half:,}]{word[-half:]}"
    return harmless(word)
