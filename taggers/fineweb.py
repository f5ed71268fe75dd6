"""The FineWeb quality rules (Penedo et al. 2024, "The FineWeb Datasets")."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.fineweb import COLUMNS, fineweb
from dolma_pipe.kernels.marks import SENTENCE_TERMINALS
from dolma_pipe.tagger import Column, Tagger


class Fineweb(Tagger, frozen=True):
    """Columns, with the published rule in brackets; they are shares but for the last.

    - `line_punctuation`: lines that end in an end mark [more than .12; .12 and more in datatrove].
    - `short_lines`: lines of at most `short_length` characters [below .67].
    - `duplicate_line_characters`: characters of lines that repeat an earlier one, of all characters
      but line feeds [below .1; .01 for code and in datatrove's default].
    - `newlines_per_word`: line feeds a word [at most .3].

    Conventions of datatrove: blank lines are not counted; a line's characters include the white
    space around it, and lines are equal if they are so byte by byte; the first of equal lines is no
    duplicate. White space at the end of a line does not hide its end mark, as it does in datatrove.
    Of a document without words all are 0.
    """

    cost: ClassVar[float] = 1.7

    end_marks: str = ""
    """Characters that end a line well; by default the sentence terminals of all scripts, as in
    datatrove. FineWeb's first release took .!?"'"""

    short_length: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 30
    """A line with at most so many characters is short (published: 30)."""

    punctuation_is_word: bool = True
    """Count marks at the ends of a word as words for `newlines_per_word`, as the tokenizers do with
    which the threshold was chosen (NLTK, spaCy); `false` counts words between white space."""

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found = fineweb(
            batch.text,
            batch.offsets,
            batch.words,
            batch.lines,
            self.end_marks or SENTENCE_TERMINALS,
            self.short_length,
            self.punctuation_is_word,
        )
        return {name: found[:, k] for k, name in enumerate(COLUMNS)}
