"""Toxic and obscene words by list: how many a document has, how dense, and where."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.blocklist import find_hits
from dolma_pipe.lists import ListFiles, list_names, load_words
from dolma_pipe.tagger import Column, Spans, Tagger


class Toxicity(Tagger, frozen=True):
    """Columns, of the words and phrases of a list found in the text.

    - `hits` (spans, score 1): where they stand, the longest at a place; to be masked.
    - `count`: how many hits [C4: 0]; `distinct`: how many different entries.
    - `density`: the share of the text's words that lie in a hit, 0 without words. No threshold is
      published; a document of ten words and one hit has .1.

    Whole words in any case, cut at white space and punctuation: "bad" is found in "So-Bad!", not
    in "badly"; a phrase with any white space between its words; in scripts without spaces (Han,
    Kana, Thai, Lao, Khmer, Myanmar) wherever the characters stand together.

    A list knows no context: medicine, law and place names are hit, too. The models of Dolma 1
    (Jigsaw hate and NSFW, fastText by sentence, threshold .4) are any `classifier`:
    {classifier: {name: nsfw, model: nsfw.bin, labels: [nsfw], level: sentence}}.
    """

    cost: ClassVar[float] = 1.0

    words: ListFiles = "bad-words-en"
    """List files of words or phrases, one a line, # starts a comment: paths or names of assets.
    bad-words-en is LDNOOBW's English list, which C4 used."""

    def columns(self) -> tuple[str, ...]:
        return ("hits", "count", "distinct", "density")

    def spans(self) -> tuple[str, ...]:
        return ("hits",)

    def assets(self) -> tuple[str, ...]:
        return list_names(self.words)

    def check(self) -> None:
        if not list_names(self.words):
            raise RecipeError("toxicity.words: at least one list is needed")
        load_words("toxicity.words", self.words)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        hits = find_hits(batch.text, batch.offsets, load_words("toxicity.words", self.words))
        return {
            "hits": Spans(hits.offsets, hits.starts, hits.ends, np.ones(len(hits.starts))),
            "count": np.diff(hits.offsets),
            "distinct": hits.distinct,
            "density": hits.hit_words / np.maximum(hits.words, 1),
        }
