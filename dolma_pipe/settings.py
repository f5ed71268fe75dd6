"""From plain values to typed settings, strictly: what does not fit is one line with its path and
the nearest name."""

import difflib
import re
from typing import Any, TypeVar

import msgspec

from dolma_pipe.errors import RecipeError

T = TypeVar("T")


def settle(value: Any, kind: type[T], path: str) -> T:
    """Convert value to kind; path says where in the recipe it stands.

    Raises RecipeError: "quality.taggers.gopher: unknown key 'wrods' (did you mean 'words'?)".
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RecipeError(_told(str(error), kind, path)) from None


def nearest(name: str, known: "set[str] | list[str] | tuple[str, ...]") -> str:
    """' (did you mean ...?)', or the known names where none is near."""
    if close := difflib.get_close_matches(name, sorted(known), 1, 0.6):
        return f" (did you mean '{close[0]}'?)"
    return f" (known: {', '.join(sorted(known))})" if known else ""


def _told(message: str, kind: Any, path: str) -> str:
    what, _, where = message.partition(" - at ")
    steps = [step for step in re.split(r"[.\[\]]+", where.strip("`$")) if step]
    place = ".".join([path, *steps]).strip(".") or "recipe"
    if match := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        return f"{place}: unknown key '{match[1]}'{nearest(match[1], _keys_at(kind, steps))}"
    if match := re.fullmatch(r"Object missing required field `(.+)`", what):
        return f"{place}: '{match[1]}' is missing"
    return f"{place}: {what[0].lower()}{what[1:]}"


def _keys_at(kind: Any, steps: list[str]) -> list[str]:
    """The keys of the struct that lies `steps` below kind."""
    info = msgspec.inspect.type_info(kind)
    for step in steps:
        info = _below(info, step)
    fields = [f for option in _options(info) for f in getattr(option, "fields", ())]
    return [field.encode_name for field in fields]


def _below(info: Any, step: str) -> Any:
    for option in _options(info):
        for field in getattr(option, "fields", ()):
            if field.encode_name == step:
                return field.type
        for inside in ("value_type", "item_type"):
            if hasattr(option, inside):
                return getattr(option, inside)
    return info


def _options(info: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    return getattr(info, "types", None) or (info,)
