"""A recipe that extends another: what it does not say itself, it takes from there."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from dolma_pipe.errors import RecipeError
from dolma_pipe.remote import is_address
from dolma_pipe.settings import nearest, read_yaml

MERGED = ("language", "quality", "content")
"""Sections of which a recipe may say a part; all others are taken whole, or not at all."""

FROM_HERE = "recipes are read from this machine only: fetch it"


def read_extended(path: Path) -> Any:
    """The recipe at path as plain values, `extends` followed. Raises RecipeError."""
    if path.parts[:1] in (("s3:",), ("http:",), ("https:",)):
        raise RecipeError(FROM_HERE)
    return _read(path, [])


def shipped() -> dict[str, Path]:
    """The recipes that come with the package, sorted by name."""
    paths = [Path(str(path)) for path in files("dolma_pipe.configs").iterdir()]
    return {path.stem: path for path in sorted(paths) if path.suffix == ".yaml"}


def files_of(path: Path) -> list[Path]:
    """The recipe, which can be read, and those that it extends."""
    given = read_yaml(path)
    if not isinstance(given, dict) or "extends" not in given:
        return [path]
    return [path, *files_of(_found(given["extends"]))]


def _read(path: Path, below: list[Path]) -> Any:
    given = read_yaml(path)
    if not isinstance(given, dict) or "extends" not in given:
        return given
    base_path = _found(given.pop("extends"))
    if base_path in [*below, path.resolve()]:
        raise RecipeError(f"extends: {base_path} extends itself")
    try:
        base = _read(base_path, [*below, path.resolve()])
    except RecipeError as error:
        raise RecipeError(f"extends: {base_path}: {error}") from error
    if not isinstance(base, dict):
        raise RecipeError(f"extends: {base_path} is no recipe")
    return _merged({key: value for key, value in base.items() if key != "name"}, given, MERGED)


def _found(name: object) -> Path:
    """A shipped recipe by its name, any other by its path."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise RecipeError("extends: the name of a shipped recipe or a path is needed")
    if is_address(name):
        raise RecipeError(f"extends: {name}: {FROM_HERE}")
    if name.endswith((".yaml", ".yml")):
        return Path(name).resolve()
    known = shipped()
    if name not in known:
        raise RecipeError(f"extends: unknown recipe '{name}'{nearest(name, list(known))}")
    return known[name].resolve()


def _merged(base: Any, own: Any, inside: tuple[str, ...]) -> Any:
    """own over base, keys `inside` one by one; null takes away what the base says."""
    merged = dict(base)
    for key, value in own.items():
        if key in inside and isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merged(base[key], value, ("keep", "mask"))
        else:
            merged[key] = value
    return {key: value for key, value in merged.items() if value is not None or key not in base}
