"""A swarm as files: a recipe a candidate, and the table of their weights that `mix fit` reads."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.errors import RecipeError, WorkError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.frozen import Grouping
from dolma_pipe.mixture.recipes import (
    base_of,
    mix_section,
    recipe_text,
    weights_csv,
    write_text,
    written_shares,
)
from dolma_pipe.mixture.supply import Stock, check_reach, group_caps
from dolma_pipe.mixture.swarm import RUNS, draw

WEIGHTS = "weights.csv"
OURS = re.compile(r"recipe-[0-9]{3,}\.yaml|weights\.csv")
FEW = 5
"""Runs with a domain below which its effect is hardly seen."""


class Wish(NamedTuple):
    """What to draw. prior: float64[domains], sums to 1; runs: None for 5 a domain or group."""

    domains: tuple[str, ...]
    left_out: tuple[str, ...]
    prior: F64
    stock: Stock
    grouping: Grouping
    target: float
    max_repeats: float
    runs: int | None
    seed: int
    concentration: tuple[float, float]
    min_share: float


class DomainDrawn(msgspec.Struct, frozen=True):
    """Shares over the runs; runs: those that have the domain at all; cap: the largest share."""

    name: str
    prior: float
    mean: float
    low: float
    high: float
    runs: int
    cap: float
    tokens: float


class SwarmDrawn(msgspec.Struct, frozen=True):
    """runs: the prior and all candidates; projected: those brought back within the caps;
    redrawn: draws thrown away."""

    runs: int
    target_tokens: float
    domains: tuple[DomainDrawn, ...]
    projected: int
    redrawn: int
    notes: tuple[str, ...]


def write_swarm(recipe: Path, out: Path, wish: Wish, *, force: bool) -> SwarmDrawn:
    """recipe-000.yaml (the prior), recipe-001.yaml ... and weights.csv in out.

    Raises RecipeError for a target out of reach, WorkError for a folder with other files.
    """
    name, base = base_of(recipe)
    check_reach(wish.stock, wish.grouping, wish.target, wish.prior @ wish.grouping.members)
    caps = wish.stock.caps(wish.target)
    swarm = draw(
        wish.prior @ wish.grouping.members,
        group_caps(caps, wish.grouping),
        wish.runs or RUNS * len(wish.grouping.names),
        seed=wish.seed,
        concentration=wish.concentration,
        min_share=wish.min_share,
    )
    shares = np.array([written_shares(row @ wish.grouping.inside.T, caps) for row in swarm.shares])
    _clear(out, force=force)
    runs = [f"recipe-{number:03d}" for number in range(len(shares))]
    for run, row in zip(runs, shares, strict=True):
        mix = _mix(base, wish, row)
        told = f"{run} of a swarm of {len(runs)}, dolma-pipe mix swarm --seed {wish.seed}"
        write_text(out / f"{run}.yaml", recipe_text(told, recipe, name, mix))
    write_text(out / WEIGHTS, weights_csv(runs, wish.domains, shares))
    domains = _drawn(wish, shares, caps)
    return SwarmDrawn(
        len(runs),
        wish.target,
        domains,
        swarm.projected,
        swarm.redrawn,
        tuple(_notes(wish, domains)),
    )


def _mix(base: dict[str, Any], wish: Wish, shares: F64) -> dict[str, Any]:
    section = mix_section(base, wish.domains, shares, wish.target, wish.max_repeats)
    section["shares"] |= dict.fromkeys(wish.left_out, 0)
    return section


def _clear(out: Path, *, force: bool) -> None:
    """A folder for this swarm alone: a longer one of before must not leave its recipes."""
    if out.exists() and not out.is_dir():
        raise WorkError(f"{out} is a file, a folder is needed")
    found = sorted(out.iterdir()) if out.exists() else []
    ours = [path for path in found if OURS.fullmatch(path.name)]
    if ours and not force:
        raise WorkError(f"{out} holds a swarm already: choose another folder, or --force")
    for path in ours:
        path.unlink()


def _drawn(wish: Wish, shares: F64, caps: F64) -> tuple[DomainDrawn, ...]:
    return tuple(
        DomainDrawn(
            name=name,
            prior=float(wish.prior[i]),
            mean=float(shares[:, i].mean()),
            low=float(shares[:, i].min()),
            high=float(shares[:, i].max()),
            runs=int((shares[:, i] > 0).sum()),
            cap=float(caps[i]),
            tokens=float(wish.stock.tokens[i]),
        )
        for i, name in enumerate(wish.domains)
    )


def _notes(wish: Wish, domains: tuple[DomainDrawn, ...]) -> list[str]:
    rare = [f"{each.name} {each.runs}" for each in domains if each.runs < FEW]
    notes = []
    if rare:
        notes.append(
            f"in fewer than {FEW} runs, too few to learn their effect: {', '.join(rare)}; "
            "--temperature 2 or more --runs would help"
        )
    if wish.left_out:
        notes.append(f"left out, with share 0 in the recipe: {', '.join(wish.left_out)}")
    return notes


def left_out(shares: dict[str, float], names: tuple[str, ...]) -> tuple[str, ...]:
    """The sources that the recipe gives a share of 0. Raises RecipeError where under two remain."""
    out = tuple(name for name in names if shares.get(name) == 0)
    if len(names) - len(out) < 2:
        raise RecipeError("a swarm needs two sources at least")
    return out
