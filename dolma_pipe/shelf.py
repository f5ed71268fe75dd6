"""Taggers and mixers found by name: a file on the shelf, a user's file, or a module of any
package.

Only the file itself is in the fingerprint of a run. Where it imports a helper of yours, a change of
the helper is not seen: run again with --force, or keep all of it in the one file.
"""

import hashlib
import importlib
import importlib.util
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from dolma_pipe.errors import RecipeError, UserError
from dolma_pipe.settings import nearest, one_line, settle
from dolma_pipe.tagger import Tagger

T = TypeVar("T")


class Found(msgspec.Struct, frozen=True):
    """One file of a shelf, found but not yet imported.

    name: as the recipe says it. prefix: the file's stem. content: the source, which travels to the
    workers for a user's own file; None for what is installed everywhere. digest: sha256 of the
    source, without what it imports.
    """

    name: str
    prefix: str
    module: str
    content: str | None
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
    if "://" in name:
        raise RecipeError(f"{one_line(name)}: code is taken from this machine only: fetch it")
    if name.endswith(".py"):
        return _user_file(name)
    module = name if "." in name else f"dolma_pipe.{shelf}.{name}"
    if "." not in name and name not in names(shelf):
        hint = nearest(name, names(shelf))
        raise RecipeError(f"unknown {shelf.removesuffix('s')} '{name}'{hint}")
    if not all(part.isidentifier() for part in module.split(".")):
        raise RecipeError(
            f"'{one_line(name)}' is neither a name, a module nor a file that ends in .py"
        )
    try:
        with blamed(f"cannot import {name}"):
            spec = importlib.util.find_spec(module)  # imports the packages around it
    except RecipeError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):
            raise
        spec = None
    if spec is None or spec.origin is None:
        raise RecipeError(f"no module {module} is installed")
    try:
        digest = hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
    except OSError:  # frozen into Python, or in a zip
        raise RecipeError(f"module {module} has no file of its own") from None
    return Found(name, module.rsplit(".", 1)[1], module, None, digest)


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Whatever a user's own code raises in the block is a RecipeError, one line that names it."""
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # it is not our code: anything can come
        raise RecipeError(one_line(f"{what}: {type(error).__name__}: {error}")) from error


def _user_file(name: str) -> Found:
    path = Path(name)
    try:
        if not path.is_file():
            raise RecipeError(f"no file {name}")
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RecipeError(f"{name} is not UTF-8") from None
    except OSError as error:
        raise RecipeError(f"{name} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Found(name, path.stem, f"dolma_pipe_user_{path.stem}_{digest[:16]}", content, digest)


@lru_cache(maxsize=256)
def load(found: Found, base: type[T]) -> type[T]:
    """The one subclass of base that the file defines.

    Raises RecipeError where it defines none or several, or cannot be imported.
    """
    with blamed(f"cannot import {found.name}"):
        module = _imported(found)
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


@lru_cache(maxsize=16)
def built_in(name: str, **settings: Any) -> Tagger:
    """The tagger of the shelf with these settings, the others as they are by default. Lists are
    tuples here. Raises RecipeError."""
    built: Tagger = settle(settings, load(find("taggers", name), Tagger), name)
    return built


def _imported(found: Found) -> ModuleType:
    if found.content is None:
        return _installed(found)
    module = ModuleType(found.module)
    module.__file__ = found.name
    sys.modules[found.module] = module
    try:
        exec(compile(found.content, found.name, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[found.module]
        raise
    return module


def _installed(found: Found) -> ModuleType:
    """What is installed on this machine, which need not be the one on which it was found."""
    module = importlib.import_module(found.module)
    content = Path(str(module.__file__)).read_bytes()
    if hashlib.sha256(content).hexdigest() != found.digest:
        raise RecipeError(
            f"module {found.module} on {platform.node()} is another version, or was changed during "
            "the run: install the same everywhere, and run again"
        )
    return module
