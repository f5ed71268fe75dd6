"""Equal texts: one of them stays."""

from typing import ClassVar, Literal

from dolma_pipe.entries.base import Chooser


class Exact(Chooser, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="exact"):
    """Compared by xxh3-128. By default case and punctuation count: other code is never merged."""

    signed_while_curating: ClassVar[bool] = True
    indexable: ClassVar[bool] = True

    normalise: Literal["whitespace", "words", "none"] = "whitespace"
    """whitespace: every run of Unicode white space is one space, none at the ends.

    words: as near-duplicate search reads it, lower case and without punctuation; a text of no words
    is a copy of nothing.
    """
