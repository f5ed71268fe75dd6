"""The entries of a recipe's dedup section: what counts as a copy, and which copy stays."""

from typing import Annotated, Literal

import msgspec

Keep = Annotated[str, msgspec.Meta(pattern=r"^(first|longest|newest|highest \S+)\Z")]
"""first (source order, then shard, then row), longest (bytes), newest (`created`), or "highest
COLUMN".

Documents that tie are kept in the order of `first`. Without a date, or without a score, a document
is last.
"""

Positive = Annotated[int, msgspec.Meta(ge=1)]
Similarity = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class _Entry(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method"
):
    """What all entries have."""

    keep: Keep = "first"

    sources: tuple[str, ...] | None = None
    """Only documents of these sources take part; all by default."""

    @property
    def method(self) -> str:
        """The key of METHODS, as in the recipe."""
        return str(self.__struct_config__.tag)

    @property
    def column(self) -> str | None:
        """The column that decides who stays, where one does."""
        return self.keep.partition(" ")[2] or None

    def concerns(self, source: str) -> bool:
        """Whether documents of this source take part."""
        return self.sources is None or source in self.sources


class Exact(_Entry, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="exact"):
    """Equal texts (xxh3-128). Case and punctuation count: different code is never merged."""

    normalise: Literal["whitespace", "none"] = "whitespace"
    """whitespace: every run of Unicode white space is one space, none at the ends."""


class MinHash(_Entry, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="minhash"):
    """Near copies: MinHash-LSH finds candidates, exact Jaccard of their shingles decides.

    The default, 14 bands of 8 rows over shingles of 5 words, is FineWeb's (2024).
    """

    bands: Positive = 14
    rows: Positive = 8
    """A pair of Jaccard s becomes a candidate with probability 1 - (1 - s ** rows) ** bands."""

    threshold: Similarity | None = None
    """Choose bands and rows for this Jaccard as datasketch does, bands * rows values at most."""

    shingle: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    """Words in a shingle. A document of fewer words is left to exact deduplication."""

    verify: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = 0.8
    """A document goes only if its Jaccard with a KEPT one reaches this.

    null or 0: nothing is verified, all of a component are copies of its first.
    """

    seed: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 1

    def __post_init__(self) -> None:
        if self.bands * self.rows > 4096:
            raise ValueError(f"bands * rows is {self.bands * self.rows}, above 4096")


Entry = Exact | MinHash
METHODS: dict[str, type[Entry]] = {"exact": Exact, "minhash": MinHash}
