"""From quotas to files: how often each document of a source is used, and in which order."""

from contextlib import ExitStack
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.kernels.jit import I32, U16, U32, Bool
from dolma_pipe.stages.mix.copies import choose_copies
from dolma_pipe.stages.mix.documents import (
    Documents,
    SourceTask,
    read_documents,
    rows_by_group,
    rows_by_shard,
)
from dolma_pipe.stages.mix.order import Part, write_order
from dolma_pipe.stages.mix.plan import HELD_OUT, Amount, PartPlan, copies_path, order_path
from dolma_pipe.work import atomic_write


class GroupTask(msgspec.Struct, frozen=True):
    """A group by its name: highest score code and tokens asked of each bucket, whether its curve
    discards it, and the most copies of a document."""

    name: str
    last_codes: tuple[int, ...]
    quotas: tuple[int, ...]
    never: tuple[bool, ...]
    most: float


class PlaceTask(msgspec.Struct, frozen=True):
    """What to do with a source; write: False counts only."""

    source: SourceTask
    groups: tuple[GroupTask, ...]
    write: bool


class Placed(msgspec.Struct, frozen=True):
    """What came out: amounts as in SourcePlan; got: tokens of each bucket, group after group."""

    used: Amount
    discarded: Amount
    over_budget: Amount
    held_out: Amount
    output: Amount
    got: tuple[int, ...]
    parts: tuple[PartPlan, ...]
    held_out_parts: tuple[PartPlan, ...]


def place_source(args: dict[str, Any]) -> dict[str, Any]:
    """Write the copies of every shard and the order of the source.

    args: a PlaceTask as plain values; returns a Placed as such.
    """
    task = msgspec.convert(args, PlaceTask)
    documents = read_documents(task.source)
    parts, never = _parts(documents, task.groups)
    chosen = choose_copies(
        documents.tokens,
        parts,
        np.array([q for group in task.groups for q in group.quotas], np.int64),
        documents.hashes,
        most=[group.most for group in task.groups for _ in group.quotas],
        seed=task.source.seed,
        source=task.source.name,
    )
    files, held_out = _files(task, documents, chosen.copies)
    if task.write:
        _write_copies(task, documents, chosen.copies)
    placed = Placed(
        **_amounts(documents, chosen.copies, never),
        got=tuple(chosen.got.tolist()),
        parts=_named(files),
        held_out_parts=_named(held_out),
    )
    return dict(msgspec.to_builtins(placed))


def _parts(documents: Documents, groups: tuple[GroupTask, ...]) -> tuple[I32, Bool]:
    """int32[documents]: bucket of each document, counted through all groups (-1: held out); and
    whether the curve discards that."""
    parts = np.full(len(documents.tokens), -1, np.int32)
    first = 0
    for number, rows in rows_by_group(documents):
        last_codes = np.array(groups[number].last_codes, np.uint16)
        parts[rows] = first + np.searchsorted(last_codes, documents.codes[rows])
        first += len(last_codes)
    never = np.array([n for group in groups for n in group.never] + [False], np.bool_)
    return parts, never[parts]


def _files(task: PlaceTask, documents: Documents, copies: U16) -> tuple[list[Part], list[Part]]:
    """Write the order; returns the files of the training arrays and those that are held out."""
    source = task.source
    common: dict[str, Any] = {
        "sizes": documents.shards,
        "seed": source.seed,
        "source": source.name,
        "max_tokens": source.max_shard_tokens,
    }
    given = (documents.tokens, documents.hashes)
    with ExitStack() as stack:
        file = None
        if task.write:
            file = stack.enter_context(atomic_write(order_path(source.work, source.name)))
        parts = write_order(file, *given, copies, **common)
        start = int(copies.sum(dtype=np.int64))
        once = documents.held_out.astype(np.uint16)
        return parts, write_order(file, *given, once, start=start, **common)


def _write_copies(task: PlaceTask, documents: Documents, copies: U16) -> None:
    told = np.where(documents.held_out, np.uint16(HELD_OUT), copies)
    for number, rows in rows_by_shard(documents.shards):
        path = copies_path(task.source.work, task.source.shards[number].key)
        with atomic_write(path) as file:
            file.write(told[rows].astype("<u2").tobytes())


def _amounts(documents: Documents, copies: U16, never: Bool) -> dict[str, Amount]:
    """Where every document went."""
    tokens, held_out, used = documents.tokens, documents.held_out, copies > 0
    left = ~used & ~held_out
    output = Amount(int(copies.sum(dtype=np.int64)), int((tokens * copies.astype(np.int64)).sum()))
    return {
        "used": _amount(tokens, used),
        "discarded": _amount(tokens, left & never),
        "over_budget": _amount(tokens, left & ~never),
        "held_out": _amount(tokens, held_out),
        "output": output,
    }


def _amount(tokens: U32, chosen: Bool) -> Amount:
    return Amount(int(chosen.sum()), int(tokens[chosen].sum()))


def _named(parts: list[Part]) -> tuple[PartPlan, ...]:
    return tuple(PartPlan(f"part-{i:05d}", *part) for i, part in enumerate(parts))
