"""Statistics of words, lines and characters that heuristic filters are made of."""

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.blocklist import Blocklist, compile_blocklist, find_hits
from dolma_pipe.kernels.statistics import COLUMNS, COUNTS, statistics
from dolma_pipe.tagger import Column, Tagger


class Statistics(Tagger, frozen=True):
    """Columns: numbers to make rules of, with rules that were published in brackets.

    - `bytes` (UTF-8), `characters` (code points) [OLMo 3: at least 150 characters], `words`
      [Gopher: 50 to 100,000], `lines`, `paragraphs` and `sentences`. Blank lines are not counted;
      a paragraph is a run of lines between them.
    - `mean_word_length` [Gopher: 3 to 10], `max_word_length`, `mean_line_length`,
      `max_line_length` [StarCoder: at most 100 and 1000]: code points; a line's include the white
      space around it, but not the line feed.
    - `words_per_sentence`: words over sentences.
    - `unique_words`: distinct words, as they stand, over words; `word_entropy`: the entropy of the
      distribution of words, in nats (RedPajama 2: rps_doc_frac_unique_words, _unigram_entropy).
    - `capital_words`: the share of words with a capital and without a small letter.
    - `letters`, `digits`, `upper_case`, `punctuation` (categories P* and S*), `white_space`,
      `non_ascii`: shares of the code points.
    - `stop_words`, only with a list: the share of words that are of it.

    Means and shares of nothing are 0.
    """

    cost: ClassVar[float] = 1.5

    stop_words: tuple[str, ...] = ()
    """Words of a language to be counted, in any case, without punctuation around them."""

    def columns(self) -> tuple[str, ...]:
        stop_words = ("stop_words",) if self.stop_words else ()
        return (*COLUMNS, "sentences", "words_per_sentence", *stop_words)

    def check(self) -> None:
        for word in self.stop_words:
            if len(word.split()) != 1:
                raise RecipeError(f"statistics.stop_words: {word!r} is not one word")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found = statistics(batch.text, batch.offsets, batch.words, batch.lines)
        columns: dict[str, Column] = {
            name: found[:, k].astype(np.int64 if name in COUNTS else np.float64)
            for k, name in enumerate(COLUMNS)
        }
        words, sentences = np.diff(batch.words.offsets), np.diff(batch.sentences.offsets)
        columns["sentences"] = sentences
        columns["words_per_sentence"] = words / np.maximum(sentences, 1)
        if self.stop_words:
            stops = find_hits(batch.text, batch.offsets, _compiled(self.stop_words))
            columns["stop_words"] = stops.hit_words / np.maximum(stops.words, 1)
        return columns


@cache
def _compiled(stop_words: tuple[str, ...]) -> Blocklist:
    return compile_blocklist(list(stop_words))
