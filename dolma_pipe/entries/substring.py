"""Repeated runs of bytes: the first copy stays, the others are cut."""

from typing import Annotated, ClassVar

import msgspec

from dolma_pipe.entries.base import Common, Share


class Substring(Common, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="substring"):
    """Exactly the runs that a suffix array over the corpus would find (Lee et al. 2022), from
    fingerprints (Schleimer et al. 2003), so that no task holds more than a part of them.

    Documents are ordered by `prefer`, then as they come. A window of `min_bytes` bytes inside a
    document is a repeat if an equal one stands in an earlier document, or in the same one at least
    `min_bytes` before. What repeats cover is cut.
    """

    edits: ClassVar[bool] = True

    min_bytes: Annotated[int, msgspec.Meta(ge=64, le=1 << 20)] = 500
    """The shortest run that counts."""

    join: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.8
    """Neighbouring runs are cut as one, with what lies between, where they cover this share of it.

    1: nothing between runs is cut.
    """

    borders: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 50
    """Cuts shrink by up to so many bytes at each end, to start and end where a line starts, or else
    a sentence; and to the next code point where neither is near."""

    drop: Share | None = 0.9
    """A document goes as a whole if more than this share of its bytes would be cut.

    null: only if nothing but white space would stay.
    """

    @property
    def fingerprint_bytes(self) -> int:
        """Of the substrings whose hashes are chosen among."""
        return min(64, self.min_bytes // 2)
