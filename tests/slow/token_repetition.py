"""Repeated token sequences the obvious way: every window of so many periods."""

import itertools


def token_repetition(ids: list[int], max_period: int, min_times: int) -> list[float]:
    inside = [False] * len(ids)
    for period in range(1, max_period + 1):
        size = period * min_times
        for i in range(len(ids) - size + 1):
            if ids[i : i + size] == ids[i : i + period] * min_times:
                inside[i : i + size] = [True] * size
    lengths = [len(list(run)) for is_inside, run in itertools.groupby(inside) if is_inside]
    share = sum(lengths) / len(ids) if ids else 0.0
    return [len(ids), len(lengths), max(lengths, default=0), share]
