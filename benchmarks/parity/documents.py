"""A document as each tool sees it: its words, its lines, its paragraphs."""

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

from dolma_pipe.kernels.unicode import SCRIPTS_WITHOUT_SPACES

Choice = Set[str]
"""The points of a definition that are taken as the other tool takes them; the rest is as ours."""

SCRIPTS, SPACY = "scripts", "spaCy"
UNSPACED = re.compile("[" + "".join(f"{chr(a)}-{chr(b)}" for a, b in SCRIPTS_WITHOUT_SPACES) + "]")


@dataclass(eq=False)
class Doc:
    """text; told: what sides told of this document alone."""

    text: str
    told: dict[str, Any] = field(default_factory=dict)
    _words: dict[tuple[bool, bool], list[str]] = field(default_factory=dict)

    def words(self, choice: Choice) -> list[str]:
        """By spaCy (as datatrove) or at white space; in scripts without spaces by code point
        unless the choice says that they are treated like others."""
        key = SPACY in choice, SCRIPTS in choice
        if key not in self._words:
            found = self.told["words"] if key[0] else self.split
            self._words[key] = found if key[1] else [w for run in found for w in code_points(run)]
        return self._words[key]

    def pieces(self, choice: Choice) -> list[str]:
        """By spaCy, or words between white space with the marks at their ends split off."""
        if SPACY in choice:
            return self.words(choice)
        return [piece for word in self.words(choice) for piece in split_marks(word)]

    @cached_property
    def split(self) -> list[str]:
        return self.text.split()

    @cached_property
    def lines(self) -> list[str]:
        """As ours: those that are not blank."""
        return [line for line in self.text.split("\n") if line.strip()]


def is_mark(character: str) -> bool:
    """Whether it is punctuation or a symbol."""
    return unicodedata.category(character)[0] in "PS"


@lru_cache(1 << 18)
def split_marks(word: str) -> tuple[str, ...]:
    """Runs of equal marks at both ends, and what is between."""
    start, end = 0, len(word)
    while start < end and is_mark(word[start]):
        start += 1
    while end > start and is_mark(word[end - 1]):
        end -= 1
    runs = [["".join(run) for _, run in groupby(side)] for side in (word[:start], word[end:])]
    return (*runs[0], *([word[start:end]] if start < end else []), *runs[1])


def code_points(run: str) -> list[str]:
    """A run without white space as words: of scripts without spaces each code point with its marks,
    the rest in one piece."""
    if not UNSPACED.search(run):
        return [run]
    found: list[str] = []
    alone, fresh = False, True
    for c in run:
        mark = unicodedata.category(c).startswith("M")
        if not mark and UNSPACED.match(c):
            found.append(c)
            alone = True
        elif fresh or (alone and not mark):
            found.append(c)
            alone = False
        else:
            found[-1] += c
        fresh = False
    return found
