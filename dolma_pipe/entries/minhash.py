"""Near copies: MinHash-LSH finds candidates, exact Jaccard of their shingles decides."""

from typing import Annotated, ClassVar

import msgspec

from dolma_pipe.entries.base import Chooser, Positive, Share, Similarity


class MinHash(Chooser, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="minhash"):
    """The default, 14 bands of 8 rows over shingles of 5 words, is FineWeb's (2024)."""

    signed_while_curating: ClassVar[bool] = True
    indexable: ClassVar[bool] = True

    bands: Positive = 14
    """A pair of Jaccard s becomes a candidate with probability 1 - (1 - s ** rows) ** bands."""

    rows: Positive = 8
    """Hashes of a band, all of which must be equal."""

    threshold: Similarity | None = None
    """Choose bands and rows for this Jaccard as datasketch does, bands * rows values at most."""

    shingle: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    """Words in a shingle. A document of fewer words is left to exact deduplication."""

    verify: Share | None = 0.8
    """A document goes only if its Jaccard with a KEPT one reaches this.

    null or 0: nothing is verified, all of a component are copies of its first.
    """

    seed: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 1
    """Of the permutations."""

    @property
    def verifies(self) -> bool:
        return bool(self.verify)

    def __post_init__(self) -> None:
        if self.bands * self.rows > 4096:
            raise ValueError(f"bands * rows is {self.bands * self.rows}, above 4096")
