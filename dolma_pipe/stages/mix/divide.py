"""Divide a target among sources, groups and quality buckets: the mixers' arithmetic of tokens."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import I64, Bool
from dolma_pipe.mix_settings import Curve, Division, Factor, MixSettings
from dolma_pipe.mixer import Budget, Portions, Supply, largest_remainder, supply_of, times
from dolma_pipe.mixing import NamedMixer, mixer_among, mixer_within
from dolma_pipe.settings import nearest
from dolma_pipe.stages.mix.plan import Amount
from dolma_pipe.stages.mix.supply import GroupSupply, SourceSupply


class GroupQuota(NamedTuple):
    """Tokens asked of the buckets of a group, int64[buckets]; never: those that its curve discards.

    repeats: asked for, float64[buckets]. most: tokens that all allowed repeats would give; cap: the
    most copies of a document.
    """

    supply: GroupSupply
    share: float | None
    asked: int
    most: int
    cap: float
    quotas: I64
    repeats: tuple[float, ...]
    never: Bool


class SourceQuota(NamedTuple):
    """Tokens asked of the groups of a source."""

    name: str
    share: float | None
    asked: int
    most: int
    held_out: Amount
    groups: tuple[GroupQuota, ...]
    notes: tuple[str, ...]


class _Part(NamedTuple):
    """A source or group before the target is divided. exact: tokens that its factor gives, where it
    has no share. unasked: what it gives where there is neither target nor share."""

    name: str
    tokens: int
    most: int
    exact: int | None
    unasked: int


class _Group(NamedTuple):
    supply: GroupSupply
    mixer: NamedMixer
    cap: float

    @property
    def buckets(self) -> Supply:
        tokens = self.supply.tokens
        most = np.array(
            [times(self.cap, bucket.tokens) for bucket in self.supply.buckets], np.int64
        )
        return supply_of([str(i) for i in range(len(tokens))], tokens, most)

    def reach(self) -> int:
        return self.mixer.reach(self.buckets) if len(self.supply.buckets) else 0


def divide(
    supplies: Sequence[SourceSupply], settings: MixSettings
) -> tuple[tuple[SourceQuota, ...], tuple[str, ...]]:
    """Quotas of every bucket, and what to tell. Raises RecipeError for a target out of reach."""
    levels = [_groups_of(supply, settings) for supply in supplies]
    inside = [
        _group_parts(supply.name, groups, settings)
        for supply, groups in zip(supplies, levels, strict=True)
    ]
    parts = []
    for supply, group_parts in zip(supplies, inside, strict=True):
        tokens = sum(part.tokens for part in group_parts)
        most, unasked = _reach(supply.name, group_parts, settings)
        exact = _exact(settings, supply.name, most)
        parts.append(_Part(supply.name, tokens, most, exact, unasked))
    quotas, notes = _among(parts, settings, settings.target_tokens, "mix")
    sources = tuple(
        _source(supply, list(zip(groups, group_parts, strict=True)), part, quota, settings)
        for supply, groups, group_parts, part, quota in zip(
            supplies, levels, inside, parts, quotas, strict=True
        )
    )
    return sources, notes


def reach_of(supply: SourceSupply, settings: MixSettings) -> int:
    """The most tokens that a source can give with all repeats that it may have: by its groups,
    less what their curves discard. Raises RecipeError where the settings do not fit to it."""
    parts = _group_parts(supply.name, _groups_of(supply, settings), settings)
    return _reach(supply.name, parts, settings)[0]


def _groups_of(supply: SourceSupply, settings: MixSettings) -> list[_Group]:
    _check_labels(supply, settings)
    division = settings.groups.get(supply.name)
    factor = settings.factor_of(supply.name)
    common = _mixer_and_cap(factor, f"mix.upsample.{supply.name}")
    groups = []
    for group in supply.groups:
        own = division.upsample.get(group.name) if division else None
        place = f"mix.groups.{supply.name}.upsample.{group.name}"
        groups.append(_Group(group, *(common if own is None else _mixer_and_cap(own, place))))
    return groups


def _mixer_and_cap(factor: Factor, place: str) -> tuple[NamedMixer, float]:
    return mixer_within(factor, place), factor.max if isinstance(factor, Curve) else factor


def _check_labels(supply: SourceSupply, settings: MixSettings) -> None:
    """Groups that the recipe names are there, and those that are there have a share."""
    division = settings.groups.get(supply.name)
    if division is None:
        return
    place = f"mix.groups.{supply.name}"
    names = [group.name for group in supply.groups if group.available.documents]
    if division.names() is None:
        unknown = f"no document of {supply.name} has {division.by}"
        mixer_among(division, place).check_max_share(names, unknown)
        for section in ("shares", "upsample"):
            for name in getattr(division, section):
                if name not in names:
                    told = f"{unknown} '{name}'{nearest(name, names)}"
                    raise RecipeError(f"{place}.{section}: {told}")
    division.check_shares(names, place, "group")


def _exact(division: Division, name: str, most: int) -> int | None:
    factor = division.upsample.get(name)
    if name in division.shares or factor is None or isinstance(factor, Curve):
        return None
    return most


def _reach(name: str, parts: list[_Part], settings: MixSettings) -> tuple[int, int]:
    """The most tokens that a source can give, and what it gives unasked; parts: its groups."""
    division = settings.groups.get(name)
    if division is None:
        return parts[0].most, parts[0].unasked
    open_, fixed = [part for part in parts if part.exact is None], _fixed(parts)
    place = f"mix.groups.{name}"
    mixer, supply = mixer_among(division, place), _supply(open_)
    most = fixed + (mixer.reach(supply) if open_ else 0)
    quotas, _ = _among(parts, division, None, place)
    return most, min(most, sum(quotas))


def _group_parts(name: str, groups: list[_Group], settings: MixSettings) -> list[_Part]:
    parts = []
    for group in groups:
        most = group.reach()
        # a curve is solved to a billionth: of 10^13 tokens those are some too many
        unasked = min(most, _unasked(group)) if group.supply.buckets else 0
        division = settings.groups.get(name)
        exact = _exact(division, group.supply.name, most) if division else None
        tokens = group.supply.available.tokens
        parts.append(_Part(group.supply.name, tokens, most, exact, unasked))
    return parts


def _unasked(group: _Group) -> int:
    """What its mixer gives without a budget."""
    return round(float(group.mixer.plan(group.buckets, Budget(None)).tokens.sum()))


def _among(
    parts: Sequence[_Part], division: Division, target: int | None, place: str
) -> tuple[list[int], tuple[str, ...]]:
    """Tokens that each part shall give, and what to tell.

    A factor without a share is exact and comes first; the mixer divides what is left of the target.
    """
    quotas = [part.unasked if part.exact is None else part.exact for part in parts]
    if target is None and not division.shares and division.mixer is None:
        return quotas, ()
    open_ = [i for i, part in enumerate(parts) if part.exact is None]
    fixed, supply = _fixed(parts), _supply([parts[i] for i in open_])
    mixer = mixer_among(division, place)
    reach = mixer.reach(supply) if open_ else 0
    if target is not None and not fixed <= target <= fixed + reach:
        raise RecipeError(_out_of_reach(target, fixed, reach, mixer, supply, place))
    if not open_:
        return quotas, ()
    budget = Budget(None if target is None else target - fixed)
    portions = mixer.plan(supply, budget)
    for i, tokens in zip(open_, portions.tokens.astype(np.int64).tolist(), strict=True):
        quotas[i] = tokens
    return quotas, portions.notes


def _fixed(parts: Sequence[_Part]) -> int:
    return sum(part.exact or 0 for part in parts)


def _supply(parts: Sequence[_Part]) -> Supply:
    tokens = np.array([part.tokens for part in parts], np.int64)
    most = np.array([part.most for part in parts], np.int64)
    return supply_of([part.name for part in parts], tokens, most)


def _out_of_reach(
    target: int, fixed: int, reach: int, mixer: NamedMixer, supply: Supply, place: str
) -> str:
    begin, quota = ("mix.target_tokens", "") if place == "mix" else (place, "a quota of ")
    if target < fixed:
        told = f"{target:,} is less than the {fixed:,} tokens of exact factors in {place}.upsample"
        return f"{begin}: {quota}{told}"
    if fixed and not supply.names:
        told = f"{target:,} is out of reach, the exact factors in {place}.upsample give {fixed:,}"
        return f"{begin}: {quota}{told}"
    if refusal := mixer.refusal(supply, Budget(target - fixed)):
        exact = (
            f"{fixed + reach:,} is the largest, {fixed:,} of it by exact factors: " if fixed else ""
        )
        return f"{begin}: {exact}{refusal}"
    return f"{begin}: {quota}{target:,} is out of reach, {fixed + reach:,} is the largest"


def _source(
    supply: SourceSupply,
    groups: list[tuple[_Group, _Part]],
    part: _Part,
    quota: int,
    settings: MixSettings,
) -> SourceQuota:
    division = settings.groups.get(supply.name)
    parts = [one for _, one in groups]
    asked, notes = [quota], tuple[str, ...]()
    if division is not None and quota == 0:  # left out: exact factors of groups are not asked for
        asked = [0] * len(parts)
    elif division is not None:
        place = f"mix.groups.{supply.name}"
        asked, notes = _among(parts, division, None, place)
        if sum(asked) != quota:
            asked, notes = _among(parts, division, quota, place)
    divided = [
        _group(
            group, tokens, most=one.most, share=division.shares.get(one.name) if division else None
        )
        for (group, one), tokens in zip(groups, asked, strict=True)
    ]
    told = [*notes]
    for group_quota, group_notes in divided:
        prefix = f"{group_quota.supply.name}: " if group_quota.supply.name else ""
        told += [prefix + note for note in group_notes]
    upsampled = supply.name in settings.upsample or (division is not None and division.upsample)
    if part.tokens and quota > part.tokens and not upsampled:
        told.append(f"{quota / part.tokens:.2f} epochs of it, which upsample does not name")
    return SourceQuota(
        name=supply.name,
        share=settings.shares.get(supply.name),
        asked=quota,
        most=part.most,
        held_out=supply.held_out,
        groups=tuple(group_quota for group_quota, _ in divided),
        notes=tuple(told),
    )


def _group(
    group: _Group, asked: int, *, most: int, share: float | None
) -> tuple[GroupQuota, tuple[str, ...]]:
    buckets = group.buckets
    portions = Portions(np.zeros(len(buckets.tokens)))
    if len(buckets.tokens) and asked:
        portions = group.mixer.plan(buckets, Budget(asked))
    quota = GroupQuota(
        supply=group.supply,
        share=share,
        asked=asked,
        most=most,
        cap=group.cap,
        quotas=largest_remainder(portions.tokens, asked),
        repeats=tuple((portions.tokens / np.maximum(1, buckets.tokens)).round(6).tolist()),
        never=(portions.tokens == 0) & bool(asked),
    )
    return quota, portions.notes
