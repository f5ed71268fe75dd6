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
REPLACED = ("target_tokens", "shares", "mixer")
"""Keys of `mix` that say what a proposal says anew."""


def written_shares(shares: F64, caps: F64) -> F64:
    """Shares as decimals that sum to 1 and keep the caps (float64[domains], both).

    Where the caps leave no room at all, the sum stays up to 1e-6 below 1, which a recipe allows.
    """
    whole = np.empty(0)
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
            break
    return np.asarray(whole / 10**digits)


def mix_section(
    base: Mapping[str, Any],
    domains: Sequence[str],
    shares: F64,
    target: float | None,
    repeats: F64 | None,
) -> dict[str, Any]:
    """The `mix` section of a mixture: shares and target anew, all else as in the base.

    repeats: float64[domains], written for domains that have no `upsample` of their own.
    """
    section: dict[str, Any] = {} if target is None else {"target_tokens": round(target)}
    section["shares"] = dict(zip(domains, shares.tolist(), strict=True))
    kept = {key: value for key, value in base.items() if key not in REPLACED and value}
    if repeats is not None:
        own = kept.pop("upsample", {})
        most = {
            name: _number(own.get(name, n))
            for name, n in zip(domains, repeats.tolist(), strict=True)
        }
        kept = {"upsample": own | most, **kept}
    return section | kept


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


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
