"""What can stand in a recipe: taggers, mixers and dedup methods with their settings, and the
shipped recipes."""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import msgspec

from dolma_pipe.entries import METHODS
from dolma_pipe.entries.base import Chooser, Common
from dolma_pipe.mixer import Mixer
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger

WIDTH = 76


def shelves(what: str | None = None) -> str:
    """The listing as text; what: taggers, mixers, dedup, configs or None for all."""
    parts = {"taggers": _taggers, "mixers": _mixers, "dedup": _methods, "configs": _configs}
    lines: list[str] = []
    for name, listed in parts.items():
        if what in (None, name):
            lines += [f"{name}:", *(f"  {line}" for line in listed()), ""]
    return "\n".join(lines).rstrip()


def _taggers() -> Iterator[str]:
    for name in names("taggers"):
        kind = load(find("taggers", name), Tagger)
        yield from _entry(name, kind)
        try:
            columns = kind().columns()
        except TypeError:  # a setting without default is missing: the columns hang on it
            continue
        told = ", ".join(f"{name}.{column}" for column in columns)
        yield from _wrapped(f"columns: {told}", "  ")


def _mixers() -> Iterator[str]:
    for name in names("mixers"):
        yield from _entry(name, load(find("mixers", name), Mixer))


def _methods() -> Iterator[str]:
    """What methods have in common stands there once."""
    yield "every method:"
    yield from _settings(Common, without=())
    choosing = [name for name, kind in METHODS.items() if issubclass(kind, Chooser)]
    yield from _wrapped(f"those that choose a copy ({', '.join(choosing)}):", "")
    yield from _settings(Chooser, without=Common.__struct_fields__)
    for name, kind in METHODS.items():
        common = Chooser if issubclass(kind, Chooser) else Common
        inherited = [f for f in common.__struct_fields__ if f not in inspect.get_annotations(kind)]
        yield from _entry(name, kind, without=inherited)


def _configs() -> Iterator[str]:
    for path in sorted(files("dolma_pipe.configs").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            yield f"{path.name}: {about}"
            yield f"  {path}"


def _entry(name: str, kind: type[Any], without: Sequence[str] = ()) -> Iterator[str]:
    """What it is, and its settings."""
    module = inspect.getdoc(inspect.getmodule(kind)) or ""
    about = inspect.getdoc(kind) or ""
    head, _, about = (
        (module, "", about) if name == kind.__module__.split(".")[-1] else (about.partition("\n\n"))
    )
    yield from _wrapped(f"{name}: {head.partition(chr(10) * 2)[0]}", "")
    for paragraph in re.split(r"\n\n|\n(?=- )", about):
        yield from _wrapped(paragraph, "  ")
    yield from _settings(kind, ("name", *without))


def _settings(kind: type[Any], without: Sequence[str]) -> Iterator[str]:
    """A line a setting: name, default, meaning."""
    helps = setting_helps(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in without:
            continue
        given = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            given = field.default_factory()
        default = "needed" if given is msgspec.NODEFAULT else msgspec.json.encode(given).decode()
        default = default.replace('","', '", "')  # so that lists can be wrapped
        lead = f"  {field.encode_name}: {default}"
        about = helps.get(field.name, "")
        if len(lead) > WIDTH - 20:  # a long default has its lines, and so has what it means
            yield from _wrapped(lead.lstrip(), "  ", "      ")
            yield from _wrapped(about, "      ", "      ")
        else:
            yield from _wrapped(about, f"{lead}  ", "      ") if about else [lead]


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


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    """indent: of the first line; further: of all others, four columns more by default."""
    further = f"{indent}    " if further is None else further
    joined = " ".join(text.split())
    return textwrap.wrap(joined, WIDTH, initial_indent=indent, subsequent_indent=further)
