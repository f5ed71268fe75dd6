"""A curated shard as the later passes see it."""

import msgspec

from dolma_pipe.inputs import Input
from dolma_pipe.stages.outputs import Curated


class CuratedInput(msgspec.Struct, frozen=True):
    """A curated shard: what made it, what is in it."""

    shard: Input
    fingerprint: str
    counts: Curated
