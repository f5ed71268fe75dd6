"""Mixtures as recipes and CSV: `mix` sections that a recipe can take, one a candidate."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.errors import RecipeError
from dolma_pipe.extends import read_extended
from dolma_pipe.kernels.jit import F64
from dolma_pipe.settings import one_line
from dolma_pipe.work import atomic_write

DIGITS = (6, 9)
"""Of a share in a recipe: more where rounding would break a cap."""


def written_shares(shares: F64, caps: F64) -> F64:
    """Shares as decimals that sum to 1 and keep the caps (float64[domains], both).

    Where the caps leave no room for rounding, the shares stay as they are.
    """
    for digits in DIGITS:
        unit = 10**digits
        most = np.floor(caps * unit * (1 + 1e-15))
        whole = np.minimum(np.floor(shares * unit + 1e-6), most)
        room = np.where(shares > 0, most - whole, 0.0)
        left = unit - int(whole.sum())
        order = np.argsort(-(shares * unit - whole), kind="stable")
        for i in order[room[order] > 0][: max(0, left)]:
            whole[i] += 1
            left -= 1
        if left == 0:
            return np.asarray(whole / unit)
    return np.minimum(shares, caps)


def mix_section(
    base: Mapping[str, Any],
    domains: Sequence[str],
    shares: F64,
    target: float | None,
    max_repeats: float | None,
) -> dict[str, Any]:
    """The `mix` section of a mixture: shares, target and max_repeats anew, all else as in the base,
    but for its mixer."""
    section: dict[str, Any] = {} if target is None else {"target_tokens": round(target)}
    section["shares"] = dict(zip(domains, shares.tolist(), strict=True))
    if max_repeats is not None:
        section["max_repeats"] = int(max_repeats) if max_repeats % 1 == 0 else max_repeats
    kept = {key: value for key, value in base.items() if key not in section and value}
    kept.pop("mixer", None)
    return section | kept


def repeats_in(recipe: Path) -> float | None:
    """mix.max_repeats where a recipe says it. Raises RecipeError."""
    found = (read_extended(recipe).get("mix") or {}).get("max_repeats")
    return None if found is None else float(found)


def base_of(recipe: Path) -> tuple[str, dict[str, Any]]:
    """The name and the `mix` section of a recipe, as plain values. Raises RecipeError."""
    if recipe.suffix not in (".yaml", ".yml"):
        raise RecipeError(f"{recipe}: a recipe that others extend ends in .yaml or .yml")
    try:
        given = read_extended(recipe)
    except RecipeError as error:
        raise RecipeError(f"{recipe}: {one_line(error)}") from None
    return str(given["name"]), dict(given.get("mix") or {})


def recipe_text(comment: str, recipe: Path | None, name: str | None, mix: dict[str, Any]) -> str:
    """YAML of a recipe that extends another by its path, or of the `mix` section alone."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 100
    text = io.StringIO()
    head = {} if recipe is None else {"extends": str(recipe), "name": name}
    yaml.dump({**head, "mix": mix}, text)
    return f"# {comment}\n{text.getvalue()}"


def write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    with atomic_write(path) as file:
        file.write(text.encode())


def weights_csv(runs: Sequence[str], domains: Sequence[str], shares: F64) -> str:
    """A row a run: its name, then a column a domain."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *domains])
    for run, row in zip(runs, shares.tolist(), strict=True):
        writer.writerow([run, *(f"{share:.9g}" for share in row)])
    return text.getvalue()
