"""From YAML to plain values to typed settings, strictly: what does not fit is one line with its
place and the nearest name."""

import difflib
import math
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from dolma_pipe.errors import RecipeError

T = TypeVar("T")
LISTED = 100
MISSING = "Object missing required field `{}`"
"""As msgspec has it."""
SURROGATES = re.compile("[\ud800-\udfff]")


def read_yaml(path: Path, *, marked: bool = False) -> Any:
    """A file of YAML 1.2: 3e-4 is a number, no is a string. Raises RecipeError.

    marked: the nodes, which know their lines, in place of their values.

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
        text = path.read_text(encoding="utf-8")
        return yaml.compose(text) if marked else yaml.load(text)
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

    Raises RecipeError of all that does not fit: "quality.taggers.gopher: unknown key 'wrods' (did
    you mean 'words'?)".
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        wrong = _misfits(value, kind, path, whole)
        raise RecipeError(*(error.args[0] for error in wrong)) from None


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


def _misfits(value: Any, kind: Any, path: str, whole: str) -> list[RecipeError]:
    """What is wrong with each part of the value, looked at alone; where all of them are right, what
    is wrong with the whole."""
    own = _refusal(value, kind)
    if own is None:
        return []
    kind = _member(value, kind)
    parts = _parts(value, kind)
    found: list[RecipeError] = []
    for step, part in parts.items():
        found += _misfits(value[step], part, f"{path}.{step}".strip("."), whole)
    refusals = []
    if isinstance(value, dict):
        refusals += [_refusal({key: value[key]}, kind) for key in value if key not in parts]
        refusals += [MISSING.format(name) for name in _needed(kind) if name not in value]
    if not found and not any(refusals):
        refusals = [own]
    return found + [_error(each, kind, path, whole) for each in refusals if each is not None]


def _refusal(value: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return one_line(error)
    return None


def _parts(value: Any, kind: Any) -> dict[Any, Any]:
    """The type of each key, or place, of the value that kind knows."""
    types = get_args(kind)
    match value:
        case dict() if _is_struct(kind):
            fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
            return {key: fields[key] for key in value if key in fields}
        case dict() if get_origin(kind) is dict:
            keys: Any = types[0]
            return {key: types[1] for key in value if _refusal([key], list[keys]) is None}
        case list() if get_origin(kind) is list or types[1:] == (...,):
            return dict.fromkeys(range(len(value)), types[0])
        case list() if get_origin(kind) is tuple and len(types) == len(value):
            return dict(enumerate(types))
    return {}


def _member(value: Any, kind: Any) -> Any:
    """What the value is meant to be: of a union the mapping or list that it looks like."""
    if get_origin(kind) is Annotated:
        return _member(value, get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        members = [_member(value, each) for each in get_args(kind)]
        alike = (each for each in members if _is_struct(each) or get_origin(each) is dict)
        if isinstance(value, list):
            alike = (each for each in members if get_origin(each) in (list, tuple))
        return next(alike, kind) if isinstance(value, dict | list) else kind
    return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _needed(kind: Any) -> list[str]:
    fields = msgspec.structs.fields(kind) if _is_struct(kind) else ()
    return [field.encode_name for field in fields if field.required]


def _error(message: str, kind: Any, path: str, whole: str) -> RecipeError:
    what, _, where = message.partition(" - at ")
    if where.startswith("`key` in "):
        what = f"in a key: {what[:1].lower()}{what[1:]}"
        where = where.removeprefix("`key` in ")
    steps = [step for step in re.split(r"[.\[\]]+", where.strip("`$")) if step]
    place = ".".join([path, *steps]).strip(".") or whole
    if match := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        hint = nearest(match[1], _known(kind, "fields"))
        return RecipeError(f"{place}: unknown key '{match[1]}'{hint}")
    if match := re.fullmatch(MISSING.format("(.+)"), what):
        return RecipeError(f"{place}: '{match[1]}' is missing")
    if match := re.fullmatch(r"Invalid enum value '?(.*?)'?", what):
        hint = nearest(match[1], _known(kind, "values"))
        return RecipeError(f"{place}: unknown value '{match[1]}'{hint}")
    return RecipeError(f"{place}: {what[:1].lower()}{what[1:] or 'the settings do not fit'}")


def _known(kind: Any, what: Literal["fields", "values"]) -> list[str]:
    """The keys of a struct, or the values of a literal, which may be one of several types."""
    info = msgspec.inspect.type_info(kind)
    members = getattr(info, "types", None) or (info,)
    found = [each for member in members for each in getattr(member, what, ())]
    return [str(getattr(each, "encode_name", each)) for each in found]
