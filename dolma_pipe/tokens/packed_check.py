"""Compare packing plans with the token arrays that they belong to."""

from collections.abc import Iterator

import numpy as np

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import TokenArrays
from dolma_pipe.tokens.packed import PackedTokens
from dolma_pipe.tokens.packing_plan import (
    FOLDER,
    Positions,
    document_borders,
    placed_shards,
    plan_names,
)


def verify_plans(arrays: TokenArrays) -> list[str]:
    """Every plan in packed/: its arrays are as written, and hold the tokens that they must.

    One line for each plan that is wrong. Fragmented documents: each token once. Truncated ones: the
    beginning of each document once.
    """
    problems = []
    for name in plan_names(arrays.folder):
        try:
            packed = PackedTokens(arrays, name)
            _verify_counts(packed)
            if packed.plan.method != "concatenate":
                _verify_pieces(packed)
        except TokensError as error:
            problems.append(f"{FOLDER}/{name}: {error}")
    return problems


def _verify_counts(packed: PackedTokens) -> None:
    plan, counts = packed.plan, packed.plan.counts
    placed = list(placed_shards(packed.arrays, plan.source))
    shards = [shard for _, shard in placed]
    _must(bool(placed) and plan.first_token == placed[0][0], "it starts at another token")
    _must(plan.length >= 1 and plan.capacity == plan.length + 1, "capacity is not length + 1")
    _must(
        counts.documents == sum(shard.documents for shard in shards)
        and counts.tokens == sum(shard.tokens for shard in shards),
        "documents and tokens are not those of the arrays",
    )
    filled = counts.tokens - counts.truncated_tokens + counts.overlap + counts.padding
    _must(counts.instances * plan.capacity == filled, "instances are not tokens and padding")
    if plan.method == "concatenate":
        _must(counts.instances == max(1, -(-(counts.tokens - 1) // plan.length)), "windows differ")
    else:
        _must(sum(plan.groups) == counts.instances, "groups are not the sum of the instances")


def _verify_pieces(packed: PackedTokens) -> None:
    """Pieces in the order of the tokens are the documents."""
    capacity, long = packed.plan.capacity, packed.plan.long
    groups = _sorted_groups(packed)
    starts, tokens = np.empty(0, np.int64), np.empty(0, np.int64)
    for borders in document_borders(packed.arrays, packed.plan.source):
        while not (len(starts) and starts[-1] >= borders[-1]):
            more = next(groups, None)
            if more is None:
                break
            starts, tokens = np.append(starts, more[0]), np.append(tokens, more[1])
        end = int(np.searchsorted(starts, borders[-1]))
        first, size = starts[:end], tokens[:end]
        if long == "truncate":
            right = np.array_equal(first, borders[:-1]) and np.array_equal(
                size, np.minimum(np.diff(borders), capacity)
            )
        else:
            ends = np.append(borders[:1], first + size)
            right = np.array_equal(ends, np.append(first, borders[-1:])) and bool(
                (first[np.searchsorted(first, borders[:-1], "right") - 1] == borders[:-1]).all()
            )
        _must(right, f"tokens {borders[0]} to {borders[-1]} are not in it as they must be")
        starts, tokens = starts[end:], tokens[end:]
    _must(not len(starts) and next(groups, None) is None, "it has pieces of no document")


def _sorted_groups(packed: PackedTokens) -> Iterator[tuple[Positions, Positions]]:
    """Starts and tokens of the pieces, a group at a time, each in the order of the starts."""
    done, before = 0, 0
    for count in packed.plan.groups:
        offsets = packed.offsets[done : done + count + 1].astype(np.int64)
        rises = offsets[0] == before and bool((np.diff(offsets) >= 1).all())
        _must(rises and offsets[-1] <= len(packed.tokens), "instances do not rise")
        tokens = packed.tokens[before : offsets[-1]].astype(np.int64)
        largest = int(np.add.reduceat(tokens, offsets[:-1] - before).max())
        _must(largest <= packed.plan.capacity, f"an instance has {largest} tokens")
        starts = packed.starts[before : offsets[-1]].astype(np.int64)
        order = np.argsort(starts)
        yield starts[order], tokens[order]
        done, before = done + count, int(offsets[-1])


def _must(holds: bool, told: str) -> None:
    if not holds:
        raise TokensError(told)
