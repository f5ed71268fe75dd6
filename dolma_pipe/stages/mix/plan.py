"""The plan of a mix as it is written down: what was asked, what comes out, in which files."""

from pathlib import Path

import msgspec

from dolma_pipe.stages.mix.documents import Shard
from dolma_pipe.work import Work, read_json

HELD_OUT = 0xFFFF
"""In copies: the document is held out."""


class Amount(msgspec.Struct, frozen=True):
    """So much text."""

    documents: int
    tokens: int

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.documents + other.documents, self.tokens + other.tokens)


NOTHING = Amount(0, 0)


class BucketPlan(msgspec.Struct, frozen=True):
    """A quality bucket: bounds on the token CDF of its group, repeats and tokens asked for, tokens
    got.

    lowest, highest: scores in it, to the 0.2 % to which the plan knows them; null: no score.
    """

    group: str
    low: float
    high: float
    lowest: float | None
    highest: float | None
    available: Amount
    repeats: float
    asked: int
    got: int


class GroupPlan(msgspec.Struct, frozen=True):
    """A group of a source, or all of it (name ""). most: tokens that all allowed repeats would
    give."""

    name: str
    share: float | None
    available: Amount
    asked: int
    most: int
    got: int


class PartPlan(msgspec.Struct, frozen=True):
    """An output file: `documents` copies from number `start` on in `mix/<source>.order.u32`."""

    name: str
    start: int
    documents: int
    tokens: int


class SourcePlan(msgspec.Struct, frozen=True):
    """One source: available = used + discarded + over_budget + held_out; output = used + repeats.

    asked, most: tokens wanted, and those that all allowed repeats would give. discarded: below the
    curve's cut. over_budget: good enough, not needed. held_out: in held_out_parts, in no part.
    """

    name: str
    share: float | None
    asked: int
    most: int
    available: Amount
    used: Amount
    discarded: Amount
    over_budget: Amount
    held_out: Amount
    repeats: Amount
    output: Amount
    groups: tuple[GroupPlan, ...]
    buckets: tuple[BucketPlan, ...]
    notes: tuple[str, ...]
    shards: tuple[Shard, ...]
    parts: tuple[PartPlan, ...]
    held_out_parts: tuple[PartPlan, ...]


class Plan(msgspec.Struct, frozen=True):
    """The whole mix; notes say which caps bind and what was spread."""

    seed: int
    target_tokens: int | None
    asked: int
    output: Amount
    notes: tuple[str, ...]
    sources: tuple[SourcePlan, ...]


def plan_path(work: Work) -> Path:
    """Where the plan lies."""
    return work.root / "mix" / "plan.json"


def copies_path(work: Work, key: str) -> Path:
    """uint16 an encoded document of a shard: how often it is used, or HELD_OUT."""
    return work.root / "mix" / f"{key}.copies.u16"


def order_path(work: Work, source: str) -> Path:
    """uint32[copies, 2]: encoded shard and row of each copy in the order of the source; those that
    are held out last."""
    return work.root / "mix" / f"{source}.order.u32"


def read_plan(work: Work) -> Plan:
    """The plan that was made. Raises WorkError where there is none."""
    return msgspec.convert(read_json(plan_path(work)), Plan)
