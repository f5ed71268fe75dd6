"""From runs of proxy models to a mixture: law, held-out accuracy, the best shares, how sure."""

from typing import NamedTuple

import msgspec
import numpy as np

from dolma_pipe.errors import InputError
from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.crossvalidate import HeldOut, cross_validate
from dolma_pipe.mixture.frozen import Grouping
from dolma_pipe.mixture.hull import distance_to_hull
from dolma_pipe.mixture.law import Law, fit_law, refit
from dolma_pipe.mixture.programme import Programme, Solution, divergence, solve
from dolma_pipe.mixture.settings import FitSettings
from dolma_pipe.mixture.supply import Stock, check_reach, group_caps
from dolma_pipe.mixture.table import Table

ADVISED = 5
"""Runs a domain, as Olmix draws them."""
FOLD_STARTS = 4
INTERVAL = (5, 95)
"""Percentiles that an interval spans."""
BINDS = 1e-6
NOTABLE = 0.01
"""Share outside of the hull of the runs that is warned of."""


class Question(NamedTuple):
    """What is asked of the law.

    prior: float64[domains], sums to 1; task_weights: float64[tasks], sum to 1; without a stock and
    a target in tokens there are no caps.
    """

    prior: F64
    task_weights: F64
    grouping: Grouping
    stock: Stock | None
    target: float | None


class Estimate(msgspec.Struct, frozen=True):
    """low, high: percentiles 5 and 95 over the bootstrap."""

    value: float
    low: float
    high: float


class DomainRow(msgspec.Struct, frozen=True):
    """seen_low, seen_high: the shares in the runs; cap: the largest share; repeats: of the whole
    domain at the proposal."""

    name: str
    prior: float
    share: Estimate
    seen_low: float
    seen_high: float
    tokens: float | None
    max_repeats: float | None
    cap: float | None
    repeats: float | None
    binds: bool


class TaskRow(msgspec.Struct, frozen=True):
    """Predicted bits per byte; change: at the proposal less at the prior.

    floor, slopes: the law's c and w, by domain or frozen group; null and empty for the mean.
    """

    name: str
    weight: float
    at_prior: Estimate
    at_proposal: Estimate
    change: Estimate
    floor: float | None
    slopes: dict[str, float]


class Fit(msgspec.Struct, frozen=True):
    """parameters: of the law of a task; mean: of the tasks by weight, what was minimised with
    kl * divergence; gap: at most so far above the true minimum; outside: share that lies outside
    of the convex hull of the runs; best_run, best_loss: the best of the runs by that mean.
    """

    runs: int
    parameters: int
    settings: FitSettings
    target_tokens: float | None
    held_out: HeldOut
    domains: tuple[DomainRow, ...]
    tasks: tuple[TaskRow, ...]
    mean: TaskRow
    divergence: float
    gap: float
    outside: float
    best_run: str
    best_loss: float
    notes: tuple[str, ...]


class _Space(NamedTuple):
    """The law's own coordinates: frozen groups where all runs keep them, else single domains.

    points: float64[runs, coordinates]; lift: float64[coordinates, groups] takes a proposal there.
    """

    names: tuple[str, ...]
    points: F64
    lift: F64


def fit_mixture(table: Table, question: Question, settings: FitSettings) -> Fit:
    """Raises InputError for too few or too similar runs, RecipeError for a target out of reach."""
    space = _space(table, question.grouping)
    _check_runs(space)
    group_prior = question.prior @ question.grouping.members
    caps = _caps(question, group_prior, settings.kl)
    law = fit_law(space.points, table.losses, settings.starts, settings.seed, settings.huber)
    held_out = cross_validate(
        space.points,
        table.losses,
        table.tasks,
        question.task_weights,
        folds=settings.folds,
        starts=min(FOLD_STARTS, settings.starts),
        seed=settings.seed,
        huber=settings.huber,
    )
    laws = [law, *_resampled(law, space, table.losses, settings)]
    found = [
        solve(
            Programme(
                each.slopes @ space.lift, question.task_weights, group_prior, caps, settings.kl
            )
        )
        for each in laws
    ]
    best = found[0].shares
    means = table.losses @ question.task_weights
    first = int(np.argmin(means))
    fit = Fit(
        runs=len(table.runs),
        parameters=space.points.shape[1] + 1,
        settings=settings,
        target_tokens=question.target,
        held_out=held_out,
        domains=tuple(_domains(table, question, found)),
        tasks=(),
        mean=_task("mean", 1.0, *_predictions(laws, space, group_prior, best, question), None, {}),
        divergence=divergence(best, group_prior),
        gap=found[0].gap,
        outside=distance_to_hull(space.lift @ best, space.points),
        best_run=table.runs[first],
        best_loss=float(means[first]),
        notes=(),
    )
    tasks = tuple(_tasks(table, question, laws, space, group_prior, best))
    fit = msgspec.structs.replace(fit, tasks=tasks)
    return msgspec.structs.replace(fit, notes=(*table.notes, *_notes(fit, question, space)))


def _space(table: Table, grouping: Grouping) -> _Space:
    if grouping.kept_by(table.weights):
        groups = len(grouping.names)
        return _Space(grouping.names, table.weights @ grouping.members, np.eye(groups))
    return _Space(table.domains, table.weights, grouping.inside)


def _check_runs(space: _Space) -> None:
    runs, coordinates = space.points.shape
    if runs < coordinates + 2:
        raise InputError(
            f"{runs} runs for the {coordinates + 1} parameters that the law has for each task with "
            f"{coordinates} domains: {coordinates + 2} are needed, {ADVISED * coordinates} advised"
        )
    _, sizes, directions = np.linalg.svd(space.points, full_matrices=False)
    if sizes[-1] < 1e-6 * sizes[0]:
        told = [n for n, v in zip(space.names, directions[-1], strict=True) if abs(v) > 0.1]
        raise InputError(
            f"the weights of {', '.join(told)} depend on each other in all runs, so that their "
            "effects cannot be told apart (--frozen makes one domain of several)"
        )


def _caps(question: Question, group_prior: F64, kl: float) -> F64:
    if question.stock is None or question.target is None:
        return np.ones(len(group_prior))
    usable = group_prior if kl > 0 else np.ones(len(group_prior))
    check_reach(question.stock, question.grouping, question.target, usable)
    return group_caps(question.stock.caps(question.target), question.grouping)


def _resampled(law: Law, space: _Space, losses: F64, settings: FitSettings) -> list[Law]:
    """Laws of the Bayesian bootstrap (Rubin 1981): runs weighted at random, none left out, so that
    few runs never leave a domain without any."""
    draws = np.random.default_rng(settings.seed)
    weights = draws.exponential(size=(settings.bootstrap, len(losses)))
    return [refit(law, space.points, losses, row, settings.huber) for row in weights]


def _predictions(
    laws: list[Law], space: _Space, prior: F64, best: F64, question: Question
) -> tuple[F64, F64]:
    """Mean loss by every law, float64[laws], at the prior and at the proposal."""
    at_prior, at_best = (
        np.array([law.predict(space.lift @ shares) @ question.task_weights for law in laws])
        for shares in (prior, best)
    )
    return at_prior, at_best


def _tasks(
    table: Table, question: Question, laws: list[Law], space: _Space, prior: F64, best: F64
) -> list[TaskRow]:
    at_prior, at_best = (
        np.array([law.predict(space.lift @ shares) for law in laws]) for shares in (prior, best)
    )
    return [
        _task(
            name,
            float(question.task_weights[i]),
            at_prior[:, i],
            at_best[:, i],
            float(laws[0].floors[i]),
            dict(zip(space.names, laws[0].slopes[i].tolist(), strict=True)),
        )
        for i, name in enumerate(table.tasks)
    ]


def _task(
    name: str,
    weight: float,
    at_prior: F64,
    at_best: F64,
    floor: float | None,
    slopes: dict[str, float],
) -> TaskRow:
    change = _estimate(at_best - at_prior)
    return TaskRow(name, weight, _estimate(at_prior), _estimate(at_best), change, floor, slopes)


def _estimate(values: F64) -> Estimate:
    """The first is of the runs as they are, the others of the bootstrap."""
    low, high = np.percentile(values[1:], INTERVAL).tolist()
    return Estimate(float(values[0]), low, high)


def _domains(table: Table, question: Question, found: list[Solution]) -> list[DomainRow]:
    shares = np.array([solution.shares for solution in found]) @ question.grouping.inside.T
    stock, target = question.stock, question.target
    caps = stock.caps(target) if stock is not None and target is not None else None
    rows = []
    for i, name in enumerate(table.domains):
        share, cap = float(shares[0, i]), None if caps is None else float(caps[i])
        tokens = None if stock is None else float(stock.tokens[i])
        most = float(stock.most[i]) / tokens if stock is not None and tokens else None
        row = DomainRow(
            name=name,
            prior=float(question.prior[i]),
            share=_estimate(shares[:, i]),
            seen_low=float(table.weights[:, i].min()),
            seen_high=float(table.weights[:, i].max()),
            tokens=tokens,
            max_repeats=most,
            cap=cap,
            repeats=share * target / tokens if tokens and target is not None else None,
            binds=cap is not None and cap < 1 and share >= cap * (1 - BINDS),
        )
        rows.append(row)
    return rows


def _notes(fit: Fit, question: Question, space: _Space) -> list[str]:
    notes = []
    coordinates = fit.parameters - 1
    if fit.runs < ADVISED * coordinates:
        notes.append(
            f"{fit.runs} runs are few for {coordinates} domains: "
            f"{ADVISED * coordinates} are advised"
        )
    if question.target is None:
        notes.append("no target in tokens: nothing caps a domain")
    for row in fit.domains:
        if row.prior == 0 and fit.settings.kl > 0:
            notes.append(f"{row.name} has prior 0 and stays out (--kl 0 would let it in)")
        if row.share.value > row.seen_high + BINDS:
            notes.append(f"{row.name}: no run had more than {row.seen_high:.1%} of it")
    if fit.outside > NOTABLE:
        notes.append(
            f"{fit.outside:.1%} of the proposal lie outside of what the runs have tried: "
            "the law is extrapolated there"
        )
    if fit.best_loss < fit.mean.at_proposal.low:
        notes.append(
            f"run {fit.best_run} did better than the proposal will, which the caps and the prior "
            f"hold back (--kl {fit.settings.kl:g})"
        )
    poor = [name for name, each in fit.held_out.tasks.items() if each.r2 < 0]
    if poor:
        notes.append(
            f"worse than the mean on runs held out: {', '.join(poor)}; "
            "their losses say nothing about the mixture (--tasks leaves them out)"
        )
    if space.lift.shape[0] != space.lift.shape[1]:
        notes.append(
            "the runs do not keep the frozen ratios: the law has all domains, "
            "only the proposal is frozen"
        )
    return notes
