"""Sentences of a document that can be quoted by themselves."""

import numpy as np

from dolma_pipe.kernels.jit import U8
from dolma_pipe.kernels.sentences import CLOSERS, ENDS, split_sentences
from dolma_pipe.kernels.words import Lines, split_lines, split_words

SHORTEST, LONGEST = 20, 400
"""Characters of a sentence that is quoted; of one without spaces a third of that."""
WRAPPED = (40, 90)
"""Median bytes of a line of a text that somebody's editor has wrapped."""
ABBREVIATED = 3
"""Letters at most of a last word that may be an abbreviation, if it has a capital or no vowel."""
LATIN_ABBREVIATIONS = frozenset(("al", "ca", "ed", "eds", "etc", "vol"))


class Quotable:
    """starts, ends: int64[sentences], bytes of the text, in order."""

    def __init__(self, text: U8) -> None:
        borders = np.array([0, len(text)], np.int64)
        lines = _paragraphs(split_lines(text, borders))
        found = split_sentences(text, split_words(text, borders), lines)
        self.text, self.starts, self.ends = text, found.starts, found.ends
        self._known: dict[int, bool] = {}

    def of(self, start: int, end: int) -> int:
        """The sentence in which a stretch lies whole; -1: in none."""
        at = int(np.searchsorted(self.starts, start, "right")) - 1
        return at if at >= 0 and end <= self.ends[at] else -1

    def read(self, sentence: int) -> str:
        """What it says, byte for byte."""
        return self.text[self.starts[sentence] : self.ends[sentence]].tobytes().decode()

    def good(self, sentence: int) -> bool:
        """Whether it makes sense by itself, as far as its form tells."""
        if sentence not in self._known:
            self._known[sentence] = self._good(sentence)
        return self._known[sentence]

    def _good(self, sentence: int) -> bool:
        if sentence < 0 or self.ends[sentence] - self.starts[sentence] > 4 * LONGEST:
            return False
        text = self.read(sentence)
        spaced = " " in text
        shortest = SHORTEST if spaced else SHORTEST // 3
        if not shortest <= len(text) <= LONGEST or text[0].islower() or "|" in text:
            return False
        if text[0] in CLOSERS and text[0] not in "\"'":
            return False
        if not _ended(text) or text.count("(") != text.count(")") or text.count('"') % 2:
            return False
        if text.count("“") != text.count("”") or text.count("[") != text.count("]"):
            return False
        return sentence == 0 or not self._breaks_off(sentence - 1)

    def _breaks_off(self, sentence: int) -> bool:
        """Whether it ends with what may be an abbreviation, so that the next one is its rest."""
        start = max(int(self.starts[sentence]), int(self.ends[sentence]) - 40)
        tail = self.text[start : self.ends[sentence]].tobytes().decode(errors="ignore")
        return tail.rstrip(CLOSERS).endswith(".") and not _ended(tail)

    def follows(self, sentence: int) -> bool:
        """Whether the next sentence follows in the same paragraph."""
        if sentence + 1 >= len(self.starts):
            return False
        between = self.text[self.ends[sentence] : self.starts[sentence + 1]].tobytes()
        return between.count(b"\n") < 2


def _ended(text: str) -> bool:
    """Whether the last character, but for closing quotes, is an end mark and no abbreviation's."""
    bare = text.rstrip(CLOSERS)
    if not bare or bare[-1] not in ENDS:
        return False
    last = bare[:-1].split()[-1:] or [""]
    return bare[-1] != "." or not _abbreviated(last[0].lstrip("\"'“‘(["))


def _abbreviated(word: str) -> bool:
    """Whether a word before a full stop may be an abbreviation: Mr, e.g, al; not him, did."""
    if not word.isascii():
        return False
    if "." in word[:-1] or word in LATIN_ABBREVIATIONS:
        return True
    return len(word) <= ABBREVIATED and (word[:1].isupper() or not set(word) & set("aeiouy"))


def _paragraphs(lines: Lines) -> Lines:
    """Lines, or runs of lines without a blank one where the text is wrapped."""
    lengths = lines.ends - lines.starts
    filled = lengths > 0
    if not filled.any() or not WRAPPED[0] <= np.median(lengths[filled]) <= WRAPPED[1]:
        return lines
    opens = filled & np.concatenate([[True], ~filled[:-1]])
    closes = filled & np.concatenate([~filled[1:], [True]])
    starts, ends = lines.starts[opens], lines.ends[closes]
    return Lines(np.array([0, len(starts)], np.int64), starts, ends)
