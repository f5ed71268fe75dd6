"""Repeated lines, paragraphs and n-grams (Rae et al. 2021, "Scaling Language Models", table A1)."""

from collections.abc import Mapping
from typing import ClassVar

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.repetition import COLUMNS, repetition
from dolma_pipe.tagger import Column, Tagger


class GopherRepetition(Tagger, frozen=True):
    """Columns are shares from 0 to 1, with the published maximum in brackets.

    - `duplicate_lines`, `duplicate_paragraphs`: how many repeat an earlier one [.30, .30].
    - `duplicate_line_characters`, `duplicate_paragraph_characters`: their characters [.20, .20].
    - `top_2gram`, `top_3gram`, `top_4gram`: occurrences times characters of the most frequent
      n-gram, the longest of several, at most 1; 0 if none occurs twice [.20, .18, .16].
    - `duplicate_5gram` to `duplicate_10gram`: characters in n-grams that repeat an earlier one,
      each character once [.15, .14, .13, .12, .11, .10].

    Conventions where published tools differ: characters are those of words, without white space
    (DCLM; datatrove counts spaces). Blank lines are not counted; a paragraph is a run of lines that
    are not blank; two of them are equal if their words are. Repeats count after the first (Gopher,
    datatrove) unless `every_member` is set.
    """

    cost: ClassVar[float] = 1.6

    every_member: bool = False
    """Count the first of equal lines, paragraphs or n-grams (5 to 10) as a duplicate too (DCLM)."""

    first_of_equal: bool = False
    """Of equally frequent 2- to 4-grams count the first instead of the longest, and where none
    occurs twice the first of all (dolma, datatrove): few words alone then pass a threshold."""

    overlaps: bool = False
    """Count a character for each repeated 5- to 10-gram around it, as a share of the characters of
    all n-grams (dolma), instead of once."""

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found = repetition(
            batch.text,
            batch.offsets,
            batch.words,
            batch.lines,
            self.every_member,
            self.first_of_equal,
            self.overlaps,
        )
        return {name: found[:, k] for k, name in enumerate(COLUMNS)}
