"""From YAML to plain values to typed settings, strictly: what does not fit is one line with its
place and the nearest name."""

import difflib
import math
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dolma_pipe.errors import RecipeError

T = TypeVar("T")
LISTED = 100
SURROGATES = re.compile("[\ud800-\udfff]")


def read_yaml(path: Path) -> Any:
    """A file of YAML 1.2: 3e-4 is a number, no is a string. Raises RecipeError.

    .inf, .nan and lone surrogates are refused: no setting has a use for them, and JSON cannot
    carry them.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import ConstructorError, SafeConstructor
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.nodes import Node

    class Constructor(SafeConstructor):
        """Tells the line of a value that cannot be what it looks like."""

        def construct_object(self, node: Node, deep: bool = False) -> Any:
            try:
                value = super().construct_object(node, deep)
            except (ValueError, LookupError):  # 2024-13-45, !!int abc, !!bool 3, 5000 digits
                kind = str(node.tag).rpartition(":")[2]
                told = f"{node.value!a:.40} is no {kind}; text needs quotes"
                raise ConstructorError(problem=told, problem_mark=node.start_mark) from None
            if isinstance(value, float) and not math.isfinite(value):
                told = f"{node.value} is no number that a setting can have (null: no bound)"
                raise ConstructorError(problem=told, problem_mark=node.start_mark)
            if isinstance(value, str) and SURROGATES.search(value):
                told = f"{value!a:.40} has half of a surrogate pair; write the character"
                raise ConstructorError(problem=told, problem_mark=node.start_mark)
            return value

    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise RecipeError(f"{line}{(error.problem or 'not YAML').splitlines()[0]}") from None
    except (YAMLError, ValueError) as error:  # no Unicode, "\U0011ffff"
        raise RecipeError(f"not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise RecipeError("not YAML: nested too deeply") from None
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}") from None


def settle(value: Any, kind: type[T], path: str, *, whole: str = "recipe") -> T:
    """Convert value to kind; path says where in the recipe it stands, whole what its top is called.

    Raises RecipeError: "quality.taggers.gopher: unknown key 'wrods' (did you mean 'words'?)".
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RecipeError(_told(one_line(error), kind, path, whole)) from None


def one_line(told: object) -> str:
    """The text of an error or a name, with every line break and run of spaces as one space."""
    return " ".join(str(told).split())


def nearest(name: str, known: "set[str] | list[str] | tuple[str, ...]") -> str:
    """' (did you mean ...?)', or the known names where none is near, some hundred of them."""
    names = sorted(known)
    if close := difflib.get_close_matches(name, names, 1, 0.6):
        return f" (did you mean '{close[0]}'?)"
    more = f" and {len(names) - LISTED} others" if len(names) > LISTED else ""
    return f" (known: {', '.join(names[:LISTED])}{more})" if names else ""


def _told(message: str, kind: Any, path: str, whole: str) -> str:
    what, _, where = message.partition(" - at ")
    if where.startswith("`key` in "):
        what = f"in a key: {what[:1].lower()}{what[1:]}"
        where = where.removeprefix("`key` in ")
    steps = [step for step in re.split(r"[.\[\]]+", where.strip("`$")) if step]
    place = ".".join([path, *steps]).strip(".") or whole
    if match := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        return f"{place}: unknown key '{match[1]}'{nearest(match[1], _keys_at(kind, steps))}"
    if match := re.fullmatch(r"Object missing required field `(.+)`", what):
        return f"{place}: '{match[1]}' is missing"
    if match := re.fullmatch(r"Invalid enum value '?(.*?)'?", what):
        return f"{place}: unknown value '{match[1]}'{nearest(match[1], _values_at(kind, steps))}"
    return f"{place}: {what[:1].lower()}{what[1:] or 'the settings do not fit'}"


def _keys_at(kind: Any, steps: list[str]) -> list[str]:
    """The keys of the struct that lies `steps` below kind."""
    info = msgspec.inspect.type_info(kind)
    for step in steps:
        info = _below(info, step)
    fields = [f for option in _options(info) for f in getattr(option, "fields", ())]
    return [field.encode_name for field in fields]


def _values_at(kind: Any, steps: list[str]) -> list[str]:
    """The values that the literal `steps` below kind may have."""
    info = msgspec.inspect.type_info(kind)
    for step in steps:
        info = _below(info, step)
    return [str(value) for one in _options(info) for value in getattr(one, "values", ())]


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
