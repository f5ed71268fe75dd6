"""The mixers that a recipe's `mix` section asks for, off the shelf: among sources or groups, and
among the quality buckets of one."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.mix_settings import Curve, Division, Factor, MixSettings, Named, mixer_name
from dolma_pipe.mixer import Budget, Mixer, Portions, Supply, checked, checked_reach
from dolma_pipe.settings import nearest, settle
from dolma_pipe.share_mixer import ShareMixer
from dolma_pipe.shelf import Found, blamed, find, load


class NamedMixer(NamedTuple):
    """A mixer with its places in the recipe: section, which is told where it refuses; place, its
    own, where its code is wrong."""

    section: str
    place: str
    mixer: Mixer

    def reach(self, supply: Supply) -> int:
        """The largest budget in tokens that `plan` accepts. Raises RecipeError."""
        with blamed(self.place):
            try:
                reach = self.mixer.reach(supply)
            except RecipeError as error:
                raise RecipeError(f"{self.place}: {error}") from error
            return checked_reach(reach, supply, self.place)

    def plan(self, supply: Supply, budget: Budget) -> Portions:
        """Divide the budget. Raises RecipeError where it is out of reach, or the mixer is wrong."""
        with blamed(self.place):
            try:
                portions = self.mixer.plan(supply, budget)
            except RecipeError as error:
                raise RecipeError(f"{self.section}: {error}") from error
            return checked(portions, supply, budget, self.place)

    def refusal(self, supply: Supply, budget: Budget) -> str | None:
        """Why it refuses a budget, in its own words; None where it does not."""
        with blamed(self.place):
            try:
                self.mixer.plan(supply, budget)
            except RecipeError as error:
                return str(error)
        return None

    def check_max_share(self, names: Sequence[str], unknown: str) -> None:
        """Raises RecipeError where max_share names a part that is none of these.

        unknown: what to say before the name.
        """
        given = self.mixer.max_share if isinstance(self.mixer, ShareMixer) else None
        for name in given if isinstance(given, dict) else ():
            if name not in names:
                told = f"{unknown} '{name}'{nearest(name, list(names))}"
                raise RecipeError(f"{self.place}.max_share: {told}")


def mixer_among(division: Division, place: str) -> NamedMixer:
    """Who divides among sources or groups. Raises RecipeError; place: where in the recipe."""
    given = division.mixer or ("shares" if division.shares else "natural")
    known: dict[str, Any] = {"surplus": division.surplus} if division.surplus else {}
    if mixer_name(given) == "shares":
        known["shares"] = division.shares
    return _built(given, place, f"{place}.mixer", known)


def mixer_within(factor: Factor, place: str) -> NamedMixer:
    """Who divides among the quality buckets of a source or group. Raises RecipeError."""
    if isinstance(factor, Curve):
        known = {"max": factor.max, "discard": factor.discard}
        return _built(factor.curve, place, f"{place}.curve", known)
    return _built("flat", place, place, {"max": factor})


def check_mixers(settings: MixSettings, sources: list[str]) -> None:
    """Raises RecipeError where a mixer is not there or its settings do not fit.

    Groups by label are not known here: who reads the documents checks the names of those.
    """
    mixer_among(settings, "mix").check_max_share(sources, "unknown source")
    for source, groups in settings.groups.items():
        mixer = mixer_among(groups, f"mix.groups.{source}")
        if known := groups.names():
            mixer.check_max_share(known, "no group")
    for name in sources:
        for place, curve in settings.curves_of(name):
            mixer_within(curve, place)


def mixers_used(settings: MixSettings, sources: list[str]) -> list[Found]:
    """Every mixer that takes part: a plan depends on their source."""
    named: list[Named] = ["flat", "natural", "shares"]
    named += [division.mixer for _, division in _divisions(settings) if division.mixer]
    named += [curve.curve for name in sources for _, curve in settings.curves_of(name)]
    names = {mixer_name(one) or "" for one in named}
    return [find("mixers", name) for name in sorted(names)]


def _divisions(settings: MixSettings) -> Iterator[tuple[str, Division]]:
    yield "mix", settings
    for name, groups in settings.groups.items():
        yield f"mix.groups.{name}", groups


def _built(given: Named, section: str, place: str, known: dict[str, Any]) -> NamedMixer:
    """The mixer; known: what the section says outside of the mixer's own settings, for fields that
    it has."""
    if isinstance(given, dict) and len(given) != 1:
        told = ", ".join(given) or "none"
        raise RecipeError(f"{place}: one name with its settings is needed, got {told}")
    name = mixer_name(given) or ""
    own = (next(iter(given.values())) if isinstance(given, dict) else None) or {}
    try:
        kind = load(find("mixers", name), Mixer)
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from None
    fields = {field.name for field in msgspec.structs.fields(kind)}
    taken = {key: value for key, value in known.items() if key in fields}
    built: Mixer = settle(taken | own, kind, f"{place}.{name}")
    return NamedMixer(section, f"{place}.{name}", built)
