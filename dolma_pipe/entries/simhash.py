"""Near copies by fingerprint: 64 bits a document, equal in all but a few."""

from typing import Annotated, ClassVar

import msgspec

from dolma_pipe.entries.base import Chooser


class SimHash(Chooser, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="simhash"):
    """Charikar 2002, found as in Manku, Jain and Das Sarma 2007: every pair within the radius.

    Only fingerprints are compared, never texts: docs/dedup.md says what that finds.
    """

    signed_while_curating: ClassVar[bool] = True
    indexable: ClassVar[bool] = True

    radius: Annotated[int, msgspec.Meta(ge=0, le=6)] = 3
    """A document goes only if its fingerprint is within so many bits of that of a KEPT one."""

    shingle: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 2
    """Words in a shingle, which counts once. A document of fewer is left to exact deduplication.

    1 finds more copies, and a few unrelated texts that use the same words.
    """
