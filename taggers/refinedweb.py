"""The line rules of RefinedWeb (Penedo et al. 2023, appendix G.2), as OLMo 3 uses them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.refinedweb import COLUMNS, refinedweb
from dolma_pipe.tagger import Column, Spans, Tagger

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Refinedweb(Tagger, frozen=True):
    """Columns, with the published rule in brackets.

    - `removed` (spans): what the rules take out; masking it with "" leaves the clean text. The
      score is the reason, of a line the first that holds. 1: more than `max_upper_case` of the
      line's characters are capitals. 2: more than `max_digits` are digits. 3: it is a counter ("3
      likes", "1.2K views"). 4: it has fewer than `min_words` words. 5: a navigation phrase in a
      line of at most `max_navigation_words` words, which stays but for the phrase: "sign-in" at the
      start, "read more..." at the end, "items in cart" anywhere.
    - `removed_word_share`: the share of words that is removed [at most .05].
    - `lines`, `kept_lines`: how many lines are not blank, and how many stay.
    - `upper_case_lines`, `digit_lines`, `counter_lines`, `short_lines`: lines removed for reason 1
      to 4; `navigation`: phrases removed.

    Conventions: a line is judged without the white space around it, and a removed one takes its
    line feed and the blank lines after it with it. Characters are code points (datamap-rs divides
    by bytes). A word has a letter or a digit; every code point is one in scripts without spaces.
    What is counted: likes, shares, comments, retweets, reposts, quotes, bookmarks, upvotes,
    downvotes, downloads, views, followers; phrases in any case of ASCII.
    """

    cost: ClassVar[float] = 0.7

    max_upper_case: Share = 0.5
    """Lines with a larger share of capitals are removed (published: 0.5)."""

    max_digits: Share = 0.999999
    """Lines with a larger share of digits are removed (published: 0.999999, digits only)."""

    min_words: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 2
    """Lines with fewer words are removed (published: 2)."""

    max_navigation_words: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 10
    """In longer lines phrases stay (published: 10); 0 keeps them all."""

    def columns(self) -> tuple[str, ...]:
        return ("removed", *COLUMNS)

    def spans(self) -> tuple[str, ...]:
        return ("removed",)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found, removed = refinedweb(
            batch.text,
            batch.offsets,
            batch.words,
            batch.lines,
            self.max_upper_case,
            self.max_digits,
            self.min_words,
            self.max_navigation_words,
        )
        columns: dict[str, Column] = {"removed": Spans(*removed)}
        for k, name in enumerate(COLUMNS):
            columns[name] = found[:, k].astype(
                np.float64 if name == "removed_word_share" else np.int64
            )
        return columns
