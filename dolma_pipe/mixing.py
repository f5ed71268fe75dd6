"""The mixers that a recipe's `mix` section asks for, off the shelf: among sources or groups, and
among the quality buckets of one."""

from collections.abc import Iterator
from typing import Any

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.mix_settings import Curve, Division, Factor, MixSettings, Named, mixer_name
from dolma_pipe.mixer import Mixer
from dolma_pipe.settings import settle
from dolma_pipe.shelf import Found, find, load


def mixer_among(division: Division, place: str) -> Mixer:
    """Who divides among sources or groups. Raises RecipeError; place: where in the recipe."""
    given = division.mixer or ("shares" if division.shares else "natural")
    known: dict[str, Any] = {"surplus": division.surplus}
    if mixer_name(given) == "shares":
        known["shares"] = division.shares
    return _built(given, f"{place}.mixer", known)


def mixer_within(factor: Factor, place: str) -> Mixer:
    """Who divides among the quality buckets of a source or group. Raises RecipeError."""
    if isinstance(factor, Curve):
        known = {"max": factor.max, "discard": factor.discard}
        return _built(factor.curve, f"{place}.curve", known)
    return _built("flat", place, {"max": factor})


def check_mixers(settings: MixSettings, sources: list[str]) -> None:
    """Raises RecipeError where a mixer is not there or its settings do not fit."""
    for place, division in _divisions(settings):
        mixer_among(division, place)
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


def _built(given: Named, place: str, known: dict[str, Any]) -> Mixer:
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
    return built
