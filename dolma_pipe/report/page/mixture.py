"""The mix: asked and got, by source and quality bucket, and the curves behind the repeats."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.curve_mixer import CurveMixer
from dolma_pipe.errors import UserError
from dolma_pipe.mix_settings import Curve, MixSettings
from dolma_pipe.mixing import mixer_within
from dolma_pipe.report.page.model import Bucket, MixPanel
from dolma_pipe.report.summary import Summary
from dolma_pipe.stages.mix.plan import BucketPlan, GroupPlan, Plan, SourcePlan

GROUPS = 20
"""Of a source, those with most tokens."""
BUCKETS = 50
"""Of a group; of more, neighbours are put together."""
POINTS = 101

Points = tuple[tuple[float, float], ...]


def mix_of(plan: Plan, settings: dict[str, Any] | None, summary: Summary) -> MixPanel:
    """The plan as the page shows it. settings: the recipe's mix section, resolved."""
    mix = msgspec.convert(settings or {}, MixSettings)
    curves: dict[str, Points] = {}
    buckets: list[Bucket] = []
    for source in plan.sources:
        for group in _largest(source.groups):
            own = [bucket for bucket in source.buckets if bucket.group == group.name]
            if points := _curve(mix, source, group, own):
                curves[f"{source.name}/{group.name}" if group.name else source.name] = points
            buckets += _buckets(source.name, own)
    return MixPanel(
        target=plan.target_tokens,
        output=plan.output.tokens,
        rows=tuple(summary.mix),
        shares={source.name: source.share for source in plan.sources},
        asked={source.name: source.asked for source in plan.sources},
        buckets=tuple(buckets),
        curves=curves,
        notes=(*plan.notes, *(f"{s.name}: {note}" for s in plan.sources for note in s.notes)),
    )


def _largest(groups: Sequence[GroupPlan]) -> list[GroupPlan]:
    """In their own order."""
    most = sorted(groups, key=lambda group: (-group.available.tokens, group.name))[:GROUPS]
    return [group for group in groups if group in most]


def _curve(
    mix: MixSettings, source: SourcePlan, group: GroupPlan, buckets: Sequence[BucketPlan]
) -> Points:
    """None where a number stands for a curve, nothing was asked, or the mixer is not here."""
    factor = mix.group_factor(source.name, group.name)
    tokens = np.array([bucket.available.tokens for bucket in buckets], np.int64)
    if not isinstance(factor, Curve) or not group.asked or not tokens.sum():
        return ()
    try:
        mixer = mixer_within(factor, f"mix.upsample.{source.name}").mixer
    except UserError:  # a file of the user's that has moved
        return ()
    if not isinstance(mixer, CurveMixer):
        return ()
    drawn = mixer.curve(tokens, group.asked, POINTS)
    if drawn is None:
        return ()
    x, y = (values.round(6).tolist() for values in drawn)
    return ((0.0, 0.0), (x[0], 0.0), *zip(x, y, strict=True))


def _buckets(source: str, buckets: Sequence[BucketPlan]) -> Iterator[Bucket]:
    step = -(-len(buckets) // BUCKETS)
    for first in range(0, len(buckets), max(1, step)):
        some = buckets[first : first + step]
        scores = [s for b in some for s in (b.lowest, b.highest) if s is not None]
        tokens = sum(bucket.available.tokens for bucket in some)
        wanted = sum(bucket.repeats * bucket.available.tokens for bucket in some)
        yield Bucket(
            source=source,
            group=some[0].group,
            low=some[0].low,
            high=some[-1].high,
            lowest=min(scores, default=None),
            highest=max(scores, default=None),
            available=tokens,
            repeats=round(wanted / tokens, 6) if tokens else some[-1].repeats,
            asked=sum(bucket.asked for bucket in some),
            got=sum(bucket.got for bucket in some),
        )
