"""Found: what the steps of one entry tell of it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


class Found(msgspec.Struct):
    """What the method of an entry found.

    counts: for the report. decided: what write_decisions returned, a dict a part. cuts: whether
    found/<shard>.i64 holds stretches to take out of the texts as the entry found them, for every
    shard that takes part.
    """

    counts: dict[str, Any]
    decided: list[dict[str, Any]] = []
    cuts: bool = False


def total(counts: Sequence[dict[str, int]], names: Iterable[str]) -> dict[str, int]:
    """Sums over tasks."""
    return {name: sum(count[name] for count in counts) for name in names}
