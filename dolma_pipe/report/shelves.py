"""What can stand in a recipe: taggers, mixers and dedup methods with their settings, and the
shipped recipes."""

import inspect
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
        yield f"{name}: {_first_line(kind)}"
        yield from (f"    {line}" for line in _settings(kind))
        try:
            columns = kind().columns()
        except TypeError:  # a setting without default is missing: the columns hang on it
            continue
        yield f"    columns: {', '.join(f'{name}.{column}' for column in columns)}"


def _mixers() -> Iterator[str]:
    for name in names("mixers"):
        kind = load(find("mixers", name), Mixer)
        yield f"{name}: {_first_line(kind)}"
        yield from (f"    {line}" for line in _settings(kind))


def _methods() -> Iterator[str]:
    for name, kind in METHODS.items():
        yield f"{name}: {_first_line(kind)}"
        yield from (f"    {line}" for line in _settings(kind))


def _configs() -> Iterator[str]:
    for path in sorted(files("dolma_pipe.configs").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            yield f"{path.name}: {about}"


def _first_line(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def _settings(kind: type[Any]) -> Iterator[str]:
    """A line a setting: name, type, default."""
    for field in msgspec.structs.fields(kind):
        if field.name != "name":
            given = field.default
            if field.default_factory is not msgspec.NODEFAULT:
                given = field.default_factory()
            default = (
                "needed" if given is msgspec.NODEFAULT else msgspec.json.encode(given).decode()
            )
            yield f"{field.encode_name}: {default}"
