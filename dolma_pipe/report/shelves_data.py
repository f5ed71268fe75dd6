"""What can stand in a recipe: taggers, mixers and dedup methods with their settings, and the
shipped recipes."""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

from dolma_pipe.entries import METHODS
from dolma_pipe.entries.base import Chooser, Common
from dolma_pipe.extends import shipped
from dolma_pipe.mixer import Mixer
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger


class SettingRow(msgspec.Struct):
    """A setting. needed: it has no default."""

    name: str
    default: Any
    needed: bool
    about: str


class ShelfRow(msgspec.Struct):
    """A tagger, mixer or method. about: paragraphs, the first is one sentence or some.

    columns: of a tagger, with its name; None where they hang on a setting without default.
    """

    name: str
    about: list[str]
    settings: list[SettingRow]
    columns: list[str] | None = None


class MethodRows(msgspec.Struct):
    """Methods of dedup. every_method, every_chooser: settings that all have, or all choosers."""

    every_method: list[SettingRow]
    every_chooser: list[SettingRow]
    choosers: list[str]
    methods: list[ShelfRow]


class ConfigRow(msgspec.Struct):
    """A shipped recipe."""

    name: str
    about: str
    file: str


class Shelves(msgspec.Struct):
    """All, or what was asked for; the rest is None."""

    taggers: list[ShelfRow] | None = None
    mixers: list[ShelfRow] | None = None
    dedup: MethodRows | None = None
    configs: list[ConfigRow] | None = None


def shelf_rows(what: str | None = None) -> Shelves:
    """what: taggers, mixers, dedup, configs or None for all."""
    parts = {"taggers": _taggers, "mixers": _mixers, "dedup": _methods, "configs": _configs}
    found = Shelves()
    for name, listed in parts.items():
        if what in (None, name):
            setattr(found, name, listed())
    return found


def _taggers() -> list[ShelfRow]:
    rows = []
    for name in names("taggers"):
        kind = load(find("taggers", name), Tagger)
        row = _row(name, kind)
        try:
            row.columns = [f"{name}.{column}" for column in kind().columns()]
        except TypeError:  # a setting without default is missing: the columns hang on it
            row.columns = None
        rows.append(row)
    return rows


def _mixers() -> list[ShelfRow]:
    return [_row(name, load(find("mixers", name), Mixer)) for name in names("mixers")]


def _methods() -> MethodRows:
    rows = []
    for name, kind in METHODS.items():
        common = Chooser if issubclass(kind, Chooser) else Common
        own = inspect.get_annotations(kind)
        rows.append(_row(name, kind, [f for f in common.__struct_fields__ if f not in own]))
    return MethodRows(
        every_method=_settings(Common, ()),
        every_chooser=_settings(Chooser, Common.__struct_fields__),
        choosers=[name for name, kind in METHODS.items() if issubclass(kind, Chooser)],
        methods=rows,
    )


def _configs() -> list[ConfigRow]:
    rows = []
    for path in shipped().values():
        about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        rows.append(ConfigRow(path.name, about, str(path)))
    return rows


def _row(name: str, kind: type[Any], without: Sequence[str] = ()) -> ShelfRow:
    """What it is, and its settings."""
    module = inspect.getdoc(inspect.getmodule(kind)) or ""
    about = inspect.getdoc(kind) or ""
    head, _, about = (
        (module, "", about) if name == kind.__module__.split(".")[-1] else (about.partition("\n\n"))
    )
    parts = [head.partition("\n\n")[0], *re.split(r"\n\n|\n(?=- )", about)]
    told = [" ".join(part.split()) for part in parts]
    return ShelfRow(name, [part for part in told if part], _settings(kind, ("name", *without)))


def _settings(kind: type[Any], without: Sequence[str]) -> list[SettingRow]:
    helps = setting_helps(kind)
    rows = []
    for field in msgspec.structs.fields(kind):
        if field.name in without:
            continue
        given = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            given = field.default_factory()
        needed = given is msgspec.NODEFAULT
        default = None if needed else given
        rows.append(SettingRow(field.encode_name, default, needed, helps.get(field.name, "")))
    return rows


def setting_helps(kind: type[Any]) -> dict[str, str]:
    """The string below each setting, of the class and its bases: typed fields are the help."""
    helps: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        if not base.__module__.startswith("dolma_pipe"):
            continue
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in itertools.pairwise(tree.body):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                text = ast.literal_eval(below.value)
                helps[ast.unparse(field.target)] = " ".join(str(text).split())
    return helps
