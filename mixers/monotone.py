"""Repeats that rise with quality as a power up to the cap, convex until there, whatever the target.

Over the token-weighted quality CDF x in [0, 1], with w = 1 - a and t = (x - a) / w:
    f(x) = 0 below a, else M min(1, t / c)^p,  integral of f = Z / X.
The published curve (`quality`) lowers its power below 1 once the target asks for about half of
M w, so that it turns concave: the text just above the cut is repeated nearly as often as the best.
And for small targets its box (p, lambda <= 2) keeps it from ever using the cap. Here
    p = max(power, M w / (Z / X) - 1)
For small targets c = 1: the best text is always seen M times, and the target sets how fast the
repeats fall from there. Once that power would be below `power` it stays there, and the cap is
reached earlier: F = p / (p + 1) of the area c M below the cap is missing, so
    c = (M w - Z / X) / (F M w).
Both are closed forms, as is the integral over a bucket. The curve never falls, is convex up to the
cap, and c = 0 is the flat curve at Z / X = M w, the largest target there is.
"""

from typing import Annotated

import msgspec
import numpy as np

from dolma_pipe.curve_mixer import CurveMixer
from dolma_pipe.mixer import F64


class Monotone(CurveMixer, kw_only=True, frozen=True):
    """Parts are quality buckets, worst first. No text is seen more than max times."""

    power: Annotated[float, msgspec.Meta(ge=1, le=1000)] = 1.0
    """The least p: 1 is a straight line to the cap; more takes less of the middling text."""

    def repeats(self, edges: F64, ratio: float) -> tuple[F64, tuple[str, ...]]:
        t, full = edges / edges[-1], self.max * float(edges[-1])
        power, corner = self._shape(full, ratio)
        area = np.maximum(t - corner, 0.0)  # below the curve, in units of full
        if corner > 0:
            area += corner / (power + 1) * (np.minimum(t, corner) / corner) ** (power + 1)
        repeats = np.minimum(self.max * np.diff(area) / np.diff(t), self.max)
        told = f"curve p = {power:.4g}, at max from {corner:.1%} of what is kept"
        return repeats, (told,)

    def heights(self, x: F64, edges: F64, ratio: float) -> F64:
        power, corner = self._shape(self.max * float(edges[-1]), ratio)
        if corner == 0:
            return np.full(len(x), self.max)
        return np.asarray(self.max * np.minimum(1.0, x / edges[-1] / corner) ** power)

    def _shape(self, full: float, ratio: float) -> tuple[float, float]:
        """p and c."""
        power = full / ratio - 1
        if power >= self.power:
            return power, 1.0
        return self.power, max(0.0, (full - ratio) * (self.power + 1) / (self.power * full))
