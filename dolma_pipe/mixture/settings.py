"""The settings of a fit, each said once: bounds, defaults and help of the command line."""

from typing import Annotated

import msgspec
from msgspec import Meta

HUBER = 0.02
"""Bits per byte beyond which a residual counts linearly; the value in the code of Olmix."""


class FitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the law is fitted and the mixture chosen."""

    kl: Annotated[
        float,
        Meta(
            ge=0, description="Weight of KL(shares || prior), in bits per byte; 0 trusts the law."
        ),
    ] = 0.1
    starts: Annotated[int, Meta(ge=1, le=10_000, description="Starts of each task's fit.")] = 16
    huber: Annotated[
        float, Meta(gt=0, description="Bits per byte from which on a run counts as an outlier.")
    ] = HUBER
    folds: Annotated[int, Meta(ge=2, le=1000, description="Of the cross-validation.")] = 5
    bootstrap: Annotated[
        int, Meta(ge=2, le=10_000, description="Refits with reweighted runs, for the intervals.")
    ] = 100
    seed: Annotated[int, Meta(ge=0, lt=1 << 31, description="Of starts, folds and weights.")] = 0
