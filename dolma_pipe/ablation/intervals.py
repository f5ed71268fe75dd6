"""Differences over seeds with their confidence intervals, and what may be concluded from them."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

CONFIDENCE = 0.95

Winner = Literal["A", "B", "equal", "none shown", "one seed"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Of B - A, bits per byte: below 0 B is better. low, high: of the confidence interval of the
    mean (Student's t over the paired differences of seeds); None with a single seed."""

    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def winner(self) -> Winner:
        """Whose text predicts better, where the interval leaves out 0."""
        if self.low is None or self.high is None:
            return "one seed"
        if self.low == self.high == 0:
            return "equal"
        if self.low <= 0 <= self.high:
            return "none shown"
        return "B" if self.high < 0 else "A"


def difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """a, b: bits per byte of each seed, the same seeds in the same order."""
    from scipy.stats import t  # a second to import

    each = [right - left for left, right in zip(a, b, strict=True)]
    count, mean = len(each), math.fsum(each) / len(each)
    if count < 2:
        return Difference(mean=mean, low=None, high=None, seeds=count)
    half = float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * deviation(each) / math.sqrt(count)
    return Difference(mean=mean, low=mean - half, high=mean + half, seeds=count)


def deviation(values: Sequence[float]) -> float:
    """Of the sample, with n - 1; NaN for a single value."""
    if len(values) < 2:
        return math.nan
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def verdict(found: dict[str, Difference]) -> str:
    """One line from the macro averages of all yardsticks, by what they are called."""
    winners = {of.winner for of in found.values()}
    told = "; ".join(f"{name}: {interval_told(of)}" for name, of in found.items())
    if "one seed" in winners:
        return f"no verdict from a single seed: {told}"
    if winners == {"equal"}:
        return "no difference: exactly equal"
    if winners <= {"none shown", "equal"}:
        return f"no difference shown: {told}"
    if len(winners) == 1:
        return f"{winners.pop()} is better: {told}"
    return f"depends on the yardstick: {told}"


def interval_told(of: Difference) -> str:
    """-0.041 bits/byte (95 % CI -0.052 to -0.030, 3 seeds)."""
    if of.low is None or of.high is None:
        return f"{of.mean:+.4f} bits/byte (1 seed: no interval)"
    return (
        f"{of.mean:+.4f} bits/byte ({CONFIDENCE:.0%} CI {of.low:+.4f} to {of.high:+.4f},"
        f" {of.seeds} seeds)"
    ).replace("95%", "95 %")
