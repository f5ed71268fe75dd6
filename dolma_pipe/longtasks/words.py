"""The words of a document and how often each part has them."""

from functools import cached_property

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U8, Bool
from dolma_pipe.kernels.runs import APART, HAN, SPACED, TOUCHING, Runs, letter_runs
from dolma_pipe.longtasks.background import NO_BACKGROUND, Background
from dolma_pipe.longtasks.task import Part, Unit

CASES = 32
"""Occurrences that are looked at to see whether a word always has a capital."""
COMMON = 1 / 2000
"""A run that is this share of all and in every part is a function word, or as common as one."""


class Terms:
    """Expressions of one sort: each occurrence has a number, which says what it is.

    numbers, starts, ends: int64[occurrences], in the order of the text; an occurrence belongs to
    the part in which it starts.
    """

    def __init__(self, numbers: I64, starts: I64, ends: I64, parts: tuple[Part, ...]) -> None:
        self.numbers, self.starts, self.ends = numbers, starts, ends
        self.size = int(numbers.max(initial=-1)) + 1
        self.parts = len(parts)
        borders = np.array([part.start for part in parts], np.int64)
        keys = (np.searchsorted(borders, starts, "right") - 1) * max(1, self.size) + numbers
        self._cells, self._counts = np.unique(keys, return_counts=True)

    @cached_property
    def totals(self) -> I64:
        """int64[terms]: occurrences in the document."""
        return np.bincount(self.numbers, minlength=self.size)

    @cached_property
    def spread(self) -> I64:
        """int64[terms]: parts that have it."""
        return np.bincount(self._cells % max(1, self.size), minlength=self.size)

    @cached_property
    def firsts(self) -> I64:
        """int64[terms]: the first occurrence of each."""
        found = np.full(self.size, len(self.numbers), np.int64)
        np.minimum.at(found, self.numbers, np.arange(len(self.numbers)))
        return found

    @cached_property
    def weights(self) -> F64:
        """float64[terms]: log of parts by parts that have it; 0 for what all have."""
        return np.log(self.parts / np.maximum(1, self.spread))

    def of_part(self, part: int) -> tuple[I64, I64]:
        """The terms of a part (from 0) and how often each occurs there."""
        first, after = np.searchsorted(self._cells, [part * self.size, (part + 1) * self.size])
        return self._cells[first:after] - part * self.size, self._counts[first:after]

    def by_part(self, number: int) -> tuple[int, ...]:
        """How often each part has one term."""
        keys = np.arange(self.parts) * self.size + number
        places = np.minimum(np.searchsorted(self._cells, keys), len(self._cells) - 1)
        found = np.where(self._cells[places] == keys, self._counts[places], 0)
        return tuple(found.tolist())

    def occurrences(self, number: int) -> I64:
        """Indexes of all occurrences of a term."""
        return self._order[self._borders[number] : self._borders[number + 1]]

    @cached_property
    def _order(self) -> I64:
        return np.argsort(self.numbers, kind="stable")

    @cached_property
    def _borders(self) -> I64:
        return np.concatenate([[0], np.cumsum(self.totals)])


class Vocabulary:
    """What can be asked about in one document.

    unit: pair where most of its letters stand in Han characters, else word. letters: the fewest
    letters of a word that is asked about, 2 to 4: nearly the mean length.
    """

    def __init__(
        self, text: U8, parts: tuple[Part, ...], background: Background = NO_BACKGROUND
    ) -> None:
        self.text, self.parts, self._background = text, parts, background
        self.runs: Runs = letter_runs(text)
        kinds = self.runs.kinds
        self.unit: Unit = "pair" if 2 * int((kinds == HAN).sum()) > len(kinds) else "word"
        lengths = self.runs.letters[kinds == SPACED]
        mean = float(lengths.mean()) if len(lengths) else 0.0
        self.letters = 1 if self.unit == "pair" else min(4, max(2, round(mean)))
        _, numbers = np.unique(self.runs.hashes, return_inverse=True)
        self.singles = Terms(numbers.astype(np.int64), self.runs.starts, self.runs.ends, parts)

    @cached_property
    def words(self) -> Terms:
        """What CWE counts: single runs, or pairs."""
        return self.singles if self.unit == "word" else self.pairs

    @cached_property
    def pairs(self) -> Terms:
        """Two runs with nothing but white space between them, of Han characters with nothing.

        Of two equal characters in a row nobody could say how often the pair occurs in three.
        """
        runs, numbers = self.runs, self.singles.numbers
        if self.unit == "pair":
            joined = (runs.joins[1:] == TOUCHING) & (numbers[1:] != numbers[:-1])
            joined &= (runs.kinds[1:] == HAN) & (runs.kinds[:-1] == HAN)
        else:
            joined = runs.joins[1:] != APART
            joined &= (runs.kinds[1:] == SPACED) & (runs.kinds[:-1] == SPACED)
            usable = self.usable & ~self.common
            joined &= usable[numbers[1:]] & usable[numbers[:-1]]
            joined &= numbers[1:] != numbers[:-1]
        left = np.flatnonzero(joined)
        keys = numbers[left] * self.singles.size + numbers[left + 1]
        _, found = np.unique(keys, return_inverse=True)
        starts, ends = runs.starts[left], runs.ends[left + 1]
        return Terms(found.astype(np.int64), starts, ends, self.parts)

    @cached_property
    def usable(self) -> Bool:
        """bool[singles]: words that are long enough."""
        first = self.singles.firsts
        long: Bool = self.runs.letters[first] >= self.letters
        long &= self.runs.kinds[first] == SPACED
        return long

    @cached_property
    def common(self) -> Bool:
        """bool[singles]: function words, and what is as common."""
        often: Bool = self.singles.totals > COMMON * len(self.runs.starts)
        often &= self.singles.spread == len(self.parts)
        return often

    @cached_property
    def rarity(self) -> F64:
        """float64[singles]: of each among the documents of the shard."""
        return self._background.of(self.runs.hashes[self.singles.firsts])

    @cached_property
    def word_rarity(self) -> F64:
        """float64[words]; of a pair the mean of its members."""
        return self.rarity if self.unit == "word" else self.pair_rarity

    @cached_property
    def pair_rarity(self) -> F64:
        """float64[pairs]: the mean of the members."""
        left, right = self._members
        return (self.rarity[left] + self.rarity[right]) / 2

    @cached_property
    def _members(self) -> tuple[I64, I64]:
        """int64[pairs] each: the singles that a pair consists of."""
        lefts = np.searchsorted(self.runs.starts, self.pairs.starts[self.pairs.firsts])
        return self.singles.numbers[lefts], self.singles.numbers[lefts + 1]

    @cached_property
    def cohesion(self) -> F64:
        """float64[pairs]: of all that has the one or the other member, the part that is the pair;
        geometric mean, 0 to 1."""
        left, right = self._members
        product = self.singles.totals[left] * self.singles.totals[right]
        share: F64 = self.pairs.totals / np.sqrt(np.maximum(1, product))
        return share

    def spelled(self, terms: Terms, number: int) -> str:
        """A term in lower case, a name as the text writes it; white space in it as one space."""
        found = terms.occurrences(number)[:CASES]
        written = [self.text[terms.starts[i] : terms.ends[i]].tobytes().decode() for i in found]
        forms = [" ".join(form.split()) for form in written]
        if len(set(forms)) == 1 and not forms[0].isupper():
            return forms[0]
        if all(form[0].isupper() for form in forms):
            return next((form for form in forms if not form.isupper()), forms[0])
        return folded(forms[0])


def folded(text: str) -> str:
    """Lower case as the kernel has it, but for a final sigma, which stays as it is written."""
    return text.replace("İ", "i").lower()
