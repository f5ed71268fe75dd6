"""Numbers by name as users give them: `web=8.1T,code=137B`, or a small YAML file."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.settings import nearest, read_yaml

SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
NUMBER = re.compile(r"([0-9][0-9_]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+)([kKMBGT]?)")


def amount(given: str, place: str) -> float:
    """A number >= 0, with or without k, M, B (or G), T. Raises RecipeError."""
    match = NUMBER.fullmatch(given.strip())
    value = float(match[1]) * SUFFIXES[match[2].upper()] if match else math.nan
    if not math.isfinite(value):
        raise RecipeError(f"{place}: '{given}' is no number, as 0.25, 20000 or 8.1T")
    return value


def amounts(given: str, place: str) -> dict[str, float]:
    """Numbers by name, from NAME=NUMBER pairs or the YAML file that is named. Raises RecipeError.

    place: the option, for errors.
    """
    pairs = _of_file(Path(given), place) if given.endswith((".yaml", ".yml")) else _pairs(given)
    found: dict[str, float] = {}
    for name, value in pairs:
        if not name or value is None:
            raise RecipeError(f"{place}: '{name}' is not NAME=NUMBER")
        if name in found:
            raise RecipeError(f"{place}: {name} is given twice")
        found[name] = amount(value, f"{place}: {name}")
    return found


def _pairs(given: str) -> list[tuple[str, str | None]]:
    cut = [pair.partition("=") for pair in given.split(",")]
    return [(name.strip(), value if sign else None) for name, sign, value in cut]


def _of_file(path: Path, place: str) -> list[tuple[str, str | None]]:
    try:
        given = read_yaml(path)
    except RecipeError as error:
        raise RecipeError(f"{place}: {path}: {error}") from None
    if not isinstance(given, dict) or not given:
        raise RecipeError(f"{place}: {path}: numbers by name are needed")
    return [(str(name), str(value)) for name, value in given.items()]


def in_order(
    given: Mapping[str, float], names: Sequence[str], place: str, default: float | None = None
) -> F64:
    """float64[names]. Raises RecipeError for an unknown name, or one that is missing where there
    is no default."""
    for name in given:
        if name not in names:
            raise RecipeError(f"{place}: unknown name '{name}'{nearest(name, list(names))}")
    if default is None:
        for name in names:
            if name not in given:
                raise RecipeError(f"{place}: {name} is missing")
    return np.array([given.get(name, default) for name in names], np.float64)


def shares_of(given: F64, place: str) -> F64:
    """The same, scaled to sum to 1. Raises RecipeError where all are 0."""
    total = float(given.sum())
    if total <= 0:
        raise RecipeError(f"{place}: all are 0")
    return given / total
