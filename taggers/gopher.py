"""The Gopher quality statistics (Rae et al. 2021, "Scaling Language Models", table A1)."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.gopher import COLUMNS, gopher
from dolma_pipe.tagger import Column, Tagger

COUNTS = ("words", "characters", "stop_words")


class Gopher(Tagger, frozen=True):
    """Columns, with the published rule in brackets.

    - `words`: number of words [50 to 100,000], split on white space; every code point is one in
      scripts without spaces.
    - `characters`: number of code points of the text.
    - `mean_word_length`: code points a word [3 to 10].
    - `symbol_to_word_ratio`: the number of # or the number of ellipses ("..." or "…"), whichever is
      larger, per word [at most .1]. The paper limits each of the two, as datatrove does; dolma
      counts the words that hold one.
    - `bullet_lines`: share of lines that start with one of •‣▪●○◦⁃∙*- after white space [at most
      .9].
    - `ellipsis_lines`: share of lines that end in an ellipsis [at most .3]. Blank lines are not
      counted as lines in either (DCLM; dolma and datatrove count them).
    - `alphabetic_words`: share of words with a letter [at least .8].
    - `stop_words`: how many of the, be, to, of, and, that, have, with occur [at least 2], as whole
      words in any case ("That," with its comma is another word). dolma counts occurrences.

    Of a document without words every ratio is 0.
    """

    cost: ClassVar[float] = 1.1

    punctuation_is_word: bool = False
    """Split marks off the ends of words, as the tokenizers do with which datatrove counts (NLTK,
    spaCy): a run of equal marks is a word of its own for `symbol_to_word_ratio` and
    `alphabetic_words`, and none for `words` and `mean_word_length`. Their .8 of words with a letter
    drops far more than that of words between white space."""

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found = gopher(
            batch.text, batch.offsets, batch.words, batch.lines, self.punctuation_is_word
        )
        return {
            name: found[:, k].astype(np.int64 if name in COUNTS else np.float64)
            for k, name in enumerate(COLUMNS)
        }
