"""What can stand in a recipe: taggers, mixers and dedup methods with their settings, and the
shipped recipes."""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import msgspec

from dolma_pipe.entries import METHODS
from dolma_pipe.mixer import Mixer
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger


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
    for name, kind in METHODS.items():
        yield from _entry(name, kind)


def _configs() -> Iterator[str]:
    for path in sorted(files("dolma_pipe.configs").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            yield f"{path.name}: {about}"
            yield f"  {path}"


def _entry(name: str, kind: type[Any]) -> Iterator[str]:
    """What it is, and a line a setting: name, default, meaning."""
    module = inspect.getdoc(inspect.getmodule(kind)) or ""
    about = inspect.getdoc(kind) or ""
    head, _, about = (
        (module, "", about) if name == kind.__module__.split(".")[-1] else (about.partition("\n\n"))
    )
    yield from _wrapped(f"{name}: {head.partition(chr(10) * 2)[0]}", "")
    for paragraph in re.split(r"\n\n|\n(?=- )", about):
        yield from _wrapped(paragraph, "  ")
    helps = _helps(kind)
    for field in msgspec.structs.fields(kind):
        if field.name == "name":
            continue
        given = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            given = field.default_factory()
        default = "needed" if given is msgspec.NODEFAULT else msgspec.json.encode(given).decode()
        about_it = helps.get(field.name, "")
        yield from _wrapped(f"{field.encode_name}: {default}  {about_it}", "  ")


def _helps(kind: type[Any]) -> dict[str, str]:
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


def _wrapped(text: str, indent: str) -> list[str]:
    joined = " ".join(text.split())
    return textwrap.wrap(joined, 76, initial_indent=indent, subsequent_indent=f"{indent}    ")
