"""Repeated lines or paragraphs: the first copy in the corpus stays, the others are cut out."""

from typing import Annotated, ClassVar, Literal

import msgspec

from dolma_pipe.entries.base import Common, Share

Count = Annotated[int, msgspec.Meta(ge=0)]

LEAST_RATE = 1e-12
"""Below this, 64-bit hashes alone would decide."""


class Lines(Common, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="lines"):
    """What dolma's paragraph deduper does, with the first copy well defined: by `prefer`, then the
    order of documents, then that of the text. A line repeated within its document counts, too."""

    edits: ClassVar[bool] = True

    unit: Literal["line", "paragraph"] = "line"
    """paragraph: lines between blank lines; how they are wrapped does not matter."""

    normalise: Literal["whitespace", "words"] = "whitespace"
    """whitespace: every run of it is one space. words: lower case and without punctuation, too."""

    min_words: Count = 8
    """A unit of fewer words (punctuation is none) is no repeat: braces, loops, headings, "Yes." """

    min_bytes: Count = 0
    """A unit of fewer bytes, white space around it aside, is no repeat."""

    drop: Share | None = 0.8
    """A document goes as a whole where repeats cover more than this share of its bytes, blank lines
    aside.

    null: only where nothing is left. What was first seen in such a document goes with it.
    """

    false_positives: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 1e-6
    """At most this share of new units is taken for repeats, by Bloom filters of that size.

    0: exact sets of 64-bit hashes, in about five times the memory.
    """

    def __post_init__(self) -> None:
        if 0 < self.false_positives < LEAST_RATE:
            raise ValueError(f"false_positives is {self.false_positives:g}: 0, or at least 1e-12")
