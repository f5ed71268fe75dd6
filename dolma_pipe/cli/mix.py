"""`dolma-pipe mix`: learn a mixture from runs of small proxy models."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dolma_pipe.cli.classifier import settings_options
from dolma_pipe.cli.options import (
    json_option,
    recipe_argument,
    show_json,
    work_option,
)
from dolma_pipe.mixture.settings import FitSettings

if TYPE_CHECKING:
    from dolma_pipe.mixture.supply import Stock
    from dolma_pipe.recipe import Recipe

FILE = click.Path(path_type=Path)
REPEATS = 4.0
"""Where a recipe says nothing: they cost next to nothing (Muennighoff et al. 2023,
arXiv 2305.16264)."""


def _amount(_context: click.Context, option: click.Parameter, given: str | None) -> float | None:
    from dolma_pipe.errors import RecipeError
    from dolma_pipe.mixture.given import amount

    if given is None:
        return None
    value = amount(given, option.opts[0])
    if value < 1:
        raise RecipeError(f"{option.opts[0]}: one token at least is needed")
    return float(round(value))


def _pair(_context: click.Context, _option: click.Parameter, given: str) -> tuple[float, float]:
    low, _, high = given.partition(",")
    try:
        pair = (float(low), float(high or low))
    except ValueError:
        raise click.BadParameter(f"'{given}' is not LOW,HIGH or one number") from None
    if not 0 < pair[0] <= pair[1] <= 1e6:
        raise click.BadParameter(f"{given}: 0 < LOW <= HIGH is needed")
    return pair


tokens_option = click.option(
    "--tokens",
    metavar="N",
    callback=_amount,
    help="Tokens of a run, as 5B [default: the recipe's mix.target_tokens]",
)
supply_option = click.option(
    "--supply",
    metavar="NAME=N,...",
    help="Tokens that there are of each source, as web=8.1T,code=137B, or a YAML file of them "
    "[default: those that the recipe's last run has encoded]",
)
repeats_option = click.option(
    "--max-repeats",
    type=click.FloatRange(0, 1000, min_open=True),
    help="Most repeats of a source without `upsample` in the recipe "
    f"[default: its mix.max_repeats, or {REPEATS:g}]",
)
prior_option = click.option(
    "--prior",
    metavar="NAME=N,...",
    help="Shares to start from, or a YAML file; scaled to sum to 1 [default: as the supply]",
)
frozen_option = click.option(
    "--frozen",
    metavar="NAME=N,...",
    multiple=True,
    help="Sources whose ratios stay, one virtual source: web=0.7,code=0.3; or web,code as in the "
    "prior. May be given again.",
)


@click.group("mix")
def command() -> None:
    """Learn a mixture: draw candidates, train a proxy model on each, fit their losses."""


@command.command("swarm")
@recipe_argument
@click.argument("out", type=FILE)
@click.option("--runs", type=click.IntRange(1), help="Besides the prior [default: 5 a source]")
@tokens_option
@supply_option
@repeats_option
@prior_option
@click.option(
    "--temperature",
    type=click.FloatRange(1, 100),
    default=1.0,
    show_default=True,
    help="Draw around prior^(1/T): above 1 small sources are seen in more runs.",
)
@click.option(
    "--concentration",
    metavar="LOW,HIGH",
    default="1,10",
    show_default=True,
    callback=_pair,
    help="Of the Dirichlet draws, spread on a log scale: low is one source nearly alone.",
)
@click.option(
    "--min-share",
    type=click.FloatRange(0, 0.5),
    default=0.002,
    show_default=True,
    help="Smaller shares become 0.",
)
@frozen_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@json_option
@work_option
@click.option("--force", is_flag=True, help="Replace the swarm in OUT.")
def swarm(
    recipe: Path,
    out: Path,
    runs: int | None,
    tokens: float | None,
    supply: str | None,
    max_repeats: float | None,
    prior: str | None,
    temperature: float,
    concentration: tuple[float, float],
    min_share: float,
    frozen: tuple[str, ...],
    seed: int,
    as_json: bool,
    work: Path | None,
    force: bool,
) -> None:
    """Draw mixtures for a swarm of proxy runs around the natural one of RECIPE.

    Writes OUT/recipe-000.yaml (the prior), OUT/recipe-001.yaml ... and OUT/weights.csv. All of them
    extend RECIPE and share its work directory: `run` encodes once, and each of them only mixes
    anew; move tokens/ away between two of them.
    """
    from dolma_pipe.errors import RecipeError
    from dolma_pipe.mixture.frozen import grouping
    from dolma_pipe.mixture.given import shares_of
    from dolma_pipe.mixture.swarm_files import Wish, left_out, write_swarm
    from dolma_pipe.mixture.tables import swarm_told
    from dolma_pipe.recipe_file import read_recipe

    checked = read_recipe(recipe)
    if checked.tokenize is None:
        raise RecipeError(f"{recipe}: a swarm needs a tokenize section, shares are of tokens")
    target = tokens or (checked.mix.target_tokens if checked.mix else None)
    if target is None:
        raise RecipeError(f"{recipe}: no mix.target_tokens: say the tokens of a run with --tokens")
    names = tuple(source.name for source in checked.sources)
    out_of_it = left_out(checked.mix.shares if checked.mix else {}, names)
    domains = tuple(name for name in names if name not in out_of_it)
    repeats = _repeats(recipe, max_repeats)
    stock = _stock(checked, work, supply, domains, repeats)
    assert stock is not None
    centre = shares_of(_prior(prior, domains, stock) ** (1 / temperature), "--prior")
    wish = Wish(
        domains=domains,
        left_out=out_of_it,
        prior=centre,
        stock=stock,
        grouping=grouping(frozen, domains, centre),
        target=target,
        max_repeats=repeats,
        runs=runs,
        seed=seed,
        concentration=concentration,
        min_share=min_share,
    )
    drawn = write_swarm(recipe, out, wish, force=force)
    _show(drawn, swarm_told(drawn), as_json=as_json)
    if not as_json:
        click.echo(f"swarm   {out}/recipe-*.yaml\nweights {out}/weights.csv")


@command.command("fit")
@click.argument("table", type=FILE)
@click.argument("losses", type=FILE, required=False)
@click.option("--recipe", type=FILE, help="Sources, supply, caps and target of this recipe.")
@tokens_option
@supply_option
@repeats_option
@prior_option
@click.option("--tasks", metavar="NAME,...", help="Only these [default: all]")
@click.option("--task-weights", metavar="NAME=N,...", help="Or a YAML file; 1 for all others.")
@frozen_option
@click.option("--weights", "weight_prefix", default="weight.", show_default=True, metavar="PREFIX")
@click.option("--losses", "loss_prefix", default="loss.", show_default=True, metavar="PREFIX")
@settings_options(FitSettings)
@json_option
@click.option("--out", type=FILE, help="Write the mix section (with --recipe: a recipe), YAML.")
@work_option
@click.option("--force", is_flag=True, help="Replace what is at --out.")
def fit(
    table: Path,
    losses: Path | None,
    recipe: Path | None,
    tokens: float | None,
    supply: str | None,
    max_repeats: float | None,
    prior: str | None,
    tasks: str | None,
    task_weights: str | None,
    frozen: tuple[str, ...],
    weight_prefix: str,
    loss_prefix: str,
    as_json: bool,
    out: Path | None,
    work: Path | None,
    force: bool,
    **settings: Any,
) -> None:
    """Propose the mixture with the lowest predicted loss, from runs of proxy models.

    TABLE is a CSV with a row a run, columns weight.NAME for the shares of the sources and loss.NAME
    for bits per byte of the tasks. Or TABLE has the weights and LOSSES the losses, joined on their
    column `run`; there no prefix is needed.
    """
    from dolma_pipe.engine.calling import ONE_THREAD

    os.environ.update(ONE_THREAD)  # before numpy: more threads only slow small matrices down
    from dolma_pipe.errors import RecipeError, WorkError
    from dolma_pipe.mixture.fit import Question, fit_mixture
    from dolma_pipe.mixture.frozen import grouping
    from dolma_pipe.mixture.given import amounts, in_order, shares_of
    from dolma_pipe.mixture.proposal import proposal_text
    from dolma_pipe.mixture.recipes import write_text
    from dolma_pipe.mixture.table import read_table
    from dolma_pipe.mixture.tables import fit_told
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.settings import settle

    settled = settle(settings, FitSettings, "")
    if out is not None and out.exists() and not force:
        raise WorkError(f"{out} is there already: choose another place, or --force")
    chosen = [name.strip() for name in tasks.split(",")] if tasks else []
    paths = [table] if losses is None else [table, losses]
    runs = read_table(paths, weight_prefix, loss_prefix, chosen)
    checked = read_recipe(recipe) if recipe else None
    repeats = _repeats(recipe, max_repeats)
    stock = _stock(checked, work, supply, runs.domains, repeats)
    target = tokens or (checked.mix.target_tokens if checked and checked.mix else None)
    if target is not None and stock is None:
        raise RecipeError("--tokens: caps need the tokens that there are: --supply or --recipe")
    centre = _prior(prior, runs.domains, stock)
    given = amounts(task_weights, "--task-weights") if task_weights else {}
    question = Question(
        prior=centre,
        task_weights=shares_of(
            in_order(given, runs.tasks, "--task-weights", default=1.0), "--task-weights"
        ),
        grouping=grouping(frozen, runs.domains, centre),
        stock=stock,
        target=target,
    )
    found = fit_mixture(runs, question, settled)
    if out is not None:
        written = repeats if stock is not None else None
        write_text(out, proposal_text(found, checked, recipe, written))
    _show(found, fit_told(found), as_json=as_json)
    if out is not None and not as_json:
        click.echo(f"proposal {out}")


def _stock(
    recipe: "Recipe | None",
    work: Path | None,
    supply: str | None,
    domains: tuple[str, ...],
    max_repeats: float,
) -> "Stock | None":
    """What there is of each domain, and how often it may be used; None where nobody says."""
    from dolma_pipe.errors import RecipeError
    from dolma_pipe.mixture.given import amounts, in_order
    from dolma_pipe.mixture.supply import encoded_stock, given_stock, swarm_settings
    from dolma_pipe.settings import nearest
    from dolma_pipe.work import Work

    if recipe is not None:
        names = [source.name for source in recipe.sources]
        for name in domains:
            if name not in names:
                raise RecipeError(f"--recipe: has no source '{name}'{nearest(name, names)}")
    settings = swarm_settings(recipe.mix if recipe else None, max_repeats)
    if supply is not None:
        tokens = in_order(amounts(supply, "--supply"), domains, "--supply")
        return given_stock(tokens, domains, settings)
    if recipe is None:
        return None
    return encoded_stock(recipe, Work(work or Path("work") / recipe.name), domains, settings)


def _repeats(recipe: Path | None, given: float | None) -> float:
    """The cap of sources that the recipe's `upsample` does not name."""
    from dolma_pipe.mixture.recipes import repeats_in

    if given is not None:
        return given
    return (repeats_in(recipe) if recipe is not None else None) or REPEATS


def _prior(prior: str | None, domains: tuple[str, ...], stock: "Stock | None") -> Any:
    """float64[domains], sums to 1."""
    from dolma_pipe.errors import RecipeError
    from dolma_pipe.mixture.given import amounts, in_order, shares_of

    if prior is not None:
        return shares_of(in_order(amounts(prior, "--prior"), domains, "--prior"), "--prior")
    if stock is None:
        raise RecipeError("no prior: give --prior, or the tokens with --supply or --recipe")
    return shares_of(stock.tokens, "--supply")


def _show(value: Any, lines: list[str], *, as_json: bool) -> None:
    if as_json:
        show_json(value)
    else:
        for line in lines:
            click.echo(line)
