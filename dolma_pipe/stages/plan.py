"""The plan of a mix as it is written down: what was asked, what comes out, in which files."""

from pathlib import Path

import msgspec

from dolma_pipe.work import Work, read_json


class Amount(msgspec.Struct, frozen=True):
    """So much text."""

    documents: int
    tokens: int


class BucketPlan(msgspec.Struct, frozen=True):
    """A quality bucket: bounds on the token CDF, repeats and tokens asked for, tokens got.

    lowest, highest: scores in it, to the 0.2 % to which the plan knows them; null: no score.
    """

    low: float
    high: float
    lowest: float | None
    highest: float | None
    available: Amount
    repeats: float
    asked: int
    got: int


class ShardPlan(msgspec.Struct, frozen=True):
    """An encoded shard by its key; src is what rows of the csv.gz name."""

    key: str
    src: str


class PartPlan(msgspec.Struct, frozen=True):
    """An output file: the copies whose hash lies in [first_hash, last_hash]."""

    name: str
    first_hash: int
    last_hash: int
    documents: int
    tokens: int


class SourcePlan(msgspec.Struct, frozen=True):
    """One source: available = used + discarded + over_budget; output = used + repeats.

    asked, most: tokens wanted, and those that all allowed repeats would give. discarded: below the
    curve's cut. over_budget: good enough, not needed.
    """

    name: str
    share: float | None
    asked: int
    most: int
    available: Amount
    used: Amount
    discarded: Amount
    over_budget: Amount
    repeats: Amount
    output: Amount
    buckets: tuple[BucketPlan, ...]
    notes: tuple[str, ...]
    shards: tuple[ShardPlan, ...]
    parts: tuple[PartPlan, ...]


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
    """uint16 an encoded document of a shard: how often it is used."""
    return work.root / "mix" / f"{key}.copies.u16"


def read_plan(work: Work) -> Plan:
    """The plan that was made. Raises WorkError where there is none."""
    return msgspec.convert(read_json(plan_path(work)), Plan)
