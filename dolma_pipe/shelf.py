"""Taggers and mixers found by name: a file on the shelf, a user's file, or a module of any
package."""

import hashlib
import importlib
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.settings import nearest

T = TypeVar("T")


class Found(msgspec.Struct, frozen=True):
    """One file of a shelf, found but not yet imported.

    name: as the recipe says it. prefix: the file's stem. content: the source, which travels to the
    workers for a user's own file; empty for what is installed everywhere. digest: sha256 of the
    source.
    """

    name: str
    prefix: str
    module: str
    content: str
    digest: str


def names(shelf: str) -> list[str]:
    """The names on a built-in shelf ("taggers", "mixers")."""
    package = importlib.import_module(f"dolma_pipe.{shelf}")
    files = [path for folder in package.__path__ for path in Path(folder).glob("*.py")]
    return sorted(path.stem for path in files if path.stem != "__init__")


def find(shelf: str, name: str) -> Found:
    """Find `gopher`, `./mine.py` or `my_package.my_module`.

    Raises RecipeError with the nearest name.
    """
    if name.endswith(".py"):
        return _user_file(name)
    module = name if "." in name else f"dolma_pipe.{shelf}.{name}"
    if "." not in name and name not in names(shelf):
        hint = nearest(name, names(shelf))
        raise RecipeError(f"unknown {shelf.removesuffix('s')} '{name}'{hint}")
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise RecipeError(f"no module {module} is installed")
    digest = hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
    return Found(name, module.rsplit(".", 1)[1], module, "", digest)


def _user_file(name: str) -> Found:
    path = Path(name)
    if not path.is_file():
        raise RecipeError(f"no file {name}")
    content = path.read_text(encoding="utf-8")
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Found(name, path.stem, f"dolma_pipe_user_{path.stem}_{digest[:16]}", content, digest)


@lru_cache(maxsize=256)
def load(found: Found, base: type[T]) -> type[T]:
    """The one subclass of base that the file defines.

    Raises RecipeError where it defines none or several, or cannot be imported.
    """
    module = _import_user_file(found) if found.content else importlib.import_module(found.module)
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise RecipeError(
            f"{found.name} defines {len(classes)} subclasses of {base.__name__}, one is needed"
        )
    return classes[0]


def _import_user_file(found: Found) -> ModuleType:
    module = ModuleType(found.module)
    module.__file__ = found.name
    sys.modules[found.module] = module
    try:
        exec(compile(found.content, found.name, "exec"), module.__dict__)
    except (SyntaxError, ImportError, NameError) as error:
        del sys.modules[found.module]
        raise RecipeError(f"cannot import {found.name}: {error}") from error
    return module
