"""The C4 cleaning rules (Raffel et al. 2020, "Exploring the Limits of Transfer Learning")."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.blocklist import find_hits
from dolma_pipe.kernels.c4 import COLUMNS, c4
from dolma_pipe.lists import ListFiles, list_names, load_words
from dolma_pipe.tagger import Column, Spans, Tagger


class C4(Tagger, frozen=True):
    """Columns, with the published rule in brackets.

    - `removed` (spans): the lines that C4 takes out, each with its line feed and the blank lines
      after it, so that masking them with "" leaves the clean text. The score is the reason: 1 does
      not end in one of `end_marks`, or ends in "...", 2 has fewer words than `min_words_per_line`,
      3 holds "javascript", 4 holds a policy phrase. The paper takes such lines out; a recipe that
      drops the document instead has `has_policy`.
    - `lines`, `kept_lines`: how many lines are not blank, and how many of them stay.
    - `removed_share`: the share of the characters of lines that is removed.
    - `sentences`: how many the kept lines have [at least 3; T5: 5]. A sentence ends with its
      line, at 。 ！ ？, and at . ! ? … or the like of another script (closing quotes and brackets
      may follow) before a word that does not start with a small letter; T5 uses NLTK's model.
    - `has_curly_bracket`, `has_lorem_ipsum`, `has_policy`: 1 if any line of the original has one
      [0]. Policy phrases: terms of use, privacy policy, cookie policy, uses cookies, use of
      cookies, use cookies.
    - `blocked_words`, only with a list: at how many places an entry of it stands [0], as `count`
      of the tagger toxicity.
    """

    cost: ClassVar[float] = 0.8

    min_words_per_line: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 5
    """Lines with fewer words are removed (published: 5)."""

    end_marks: str = ".!?\"'”’"
    """A line must end in one of these characters; add 。！？ for Chinese and Japanese. With none of
    them a line may end as it likes (FineWeb)."""

    blocked_words: ListFiles = ""
    """List files of words or phrases, one a line: paths or names of assets (published:
    bad-words-en)."""

    def columns(self) -> tuple[str, ...]:
        return ("removed", *COLUMNS, *(["blocked_words"] if self.blocked_words else []))

    def spans(self) -> tuple[str, ...]:
        return ("removed",)

    def assets(self) -> tuple[str, ...]:
        return list_names(self.blocked_words)

    def check(self) -> None:
        if self.blocked_words:
            load_words("c4.blocked_words", self.blocked_words)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found, removed = c4(
            batch.text,
            batch.offsets,
            batch.words,
            batch.lines,
            batch.sentences,
            self.end_marks,
            self.min_words_per_line,
        )
        columns: dict[str, Column] = {"removed": Spans(*removed)}
        for k, name in enumerate(COLUMNS):
            columns[name] = found[:, k].astype(np.float64 if name == "removed_share" else np.int64)
        if self.blocked_words:
            words = load_words("c4.blocked_words", self.blocked_words)
            columns["blocked_words"] = np.diff(find_hits(batch.text, batch.offsets, words).offsets)
        return columns
