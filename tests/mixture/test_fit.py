"""From runs to a mixture: the true optimum is found, caps bind, frozen domains stay."""

import numpy as np
import pytest

from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.mixture.fit import Fit, fit_mixture
from dolma_pipe.mixture.law import Law
from dolma_pipe.mixture.programme import Programme, solve
from dolma_pipe.mixture.settings import FitSettings
from dolma_pipe.mixture.supply import Stock
from dolma_pipe.mixture.table import Table
from tests.mixture.swarms import LAW, PRIOR, question, swarm_table

QUICK = FitSettings(starts=4, bootstrap=10)


def shares(fit: Fit) -> list[float]:
    return [row.share.value for row in fit.domains]


def optimum(
    law: Law = LAW, kl: float = 0.1, caps: tuple[float, ...] = (1.0, 1.0, 1.0)
) -> list[float]:
    weights = np.full(len(law.floors), 1 / len(law.floors))
    found = solve(Programme(law.slopes, weights, PRIOR, np.array(caps), kl))
    return found.shares.tolist()


@pytest.mark.parametrize("kl", [0.0, 0.02, 0.1])
def test_without_noise_the_true_optimum_is_found(kl: float) -> None:
    table = swarm_table()
    fit = fit_mixture(table, question(table), FitSettings(kl=kl, starts=4, bootstrap=10))
    assert shares(fit) == pytest.approx(optimum(kl=kl), abs=1e-3)
    assert fit.mean.at_proposal.value < fit.mean.at_prior.value
    assert fit.outside < (1e-3 if kl == 0.1 else 0.1)


def test_noise_moves_it_little_and_the_intervals_hold_the_truth() -> None:
    held = 0
    for seed in range(5):
        table = swarm_table(noise=0.01, seed=seed)
        fit = fit_mixture(table, question(table), FitSettings(starts=2, bootstrap=25))
        assert shares(fit) == pytest.approx(optimum(), abs=0.03)
        at_prior = float(LAW.predict(PRIOR).mean())
        held += fit.mean.at_prior.low <= at_prior <= fit.mean.at_prior.high
    assert held >= 3  # 4.5 of 5 are expected of 90 %


def test_a_diverged_run_does_not_move_it() -> None:
    table = swarm_table(noise=0.002)
    losses = table.losses.copy()
    losses[5] += 3.0
    fit = fit_mixture(table._replace(losses=losses), question(table), QUICK)
    assert shares(fit) == pytest.approx(optimum(), abs=0.02)


def test_caps_bind_and_are_told() -> None:
    table = swarm_table()
    stock = Stock(np.array([6e9, 1e9, 1e9]), np.array([24e9, 2.5e9, 4e9]))
    asked = question(table, stock=stock, target=8e9)
    fit = fit_mixture(table, asked, QUICK)
    caps = (1.0, 2.5 / 8, 0.5)
    assert shares(fit) == pytest.approx(optimum(caps=caps), abs=1e-3)
    assert [row.binds for row in fit.domains] == [False, True, False]
    code = fit.domains[1]
    assert (code.cap, code.repeats) == pytest.approx((2.5 / 8, 2.5))
    assert code.share.value <= code.cap


def test_a_target_out_of_reach_is_refused_with_the_largest() -> None:
    table = swarm_table()
    stock = Stock(np.array([6e9, 1e9, 1e9]), np.array([24e9, 2e9, 1e9]))
    with pytest.raises(RecipeError, match="27,000,000,000 is the largest"):
        fit_mixture(table, question(table, stock=stock, target=27e9 + 1), QUICK)
    fit = fit_mixture(table, question(table, stock=stock, target=27e9), QUICK)
    assert shares(fit) == pytest.approx([24 / 27, 2 / 27, 1 / 27])
    frozen = question(table, frozen=("a=0.5,b=0.5",), stock=stock, target=5e9 + 10)
    with pytest.raises(RecipeError, match="5,000,000,000 is the largest"):
        fit_mixture(table, frozen, QUICK)


def test_frozen_domains_are_one() -> None:
    """The runs vary all domains: the law knows each, the proposal keeps the ratio."""
    table = swarm_table()
    fit = fit_mixture(table, question(table, frozen=("a=3,b=1",)), QUICK)
    a, b, c = shares(fit)
    assert a / b == pytest.approx(3)
    inside = np.array([[0.75, 0], [0.25, 0], [0, 1]])
    prior = np.array([PRIOR[0] + PRIOR[1], PRIOR[2]])
    programme = Programme(LAW.slopes @ inside, np.full(2, 0.5), prior, np.ones(2), 0.1)
    assert c == pytest.approx(solve(programme).shares[1], abs=1e-3)
    assert fit.parameters == 4
    assert any("do not keep the frozen ratios" in note for note in fit.notes)


def test_a_frozen_group_is_held_by_the_member_that_runs_out_first() -> None:
    table = swarm_table()
    stock = Stock(np.array([8e9, 1e9, 8e9]), np.array([8e9, 1e9, 8e9]))
    asked = question(table, frozen=("a=1,b=1",), stock=stock, target=8e9)
    a, b, c = fit_mixture(table, asked, QUICK).domains
    assert (a.share.value, b.share.value) == pytest.approx((1 / 8, 1 / 8))
    assert (a.binds, b.binds, c.binds) == (False, True, False)


def test_runs_that_keep_the_frozen_ratio_need_a_parameter_less() -> None:
    first = np.linspace(0.05, 0.9, 12)
    weights = np.column_stack([first * 0.75, first * 0.25, 1 - first])
    table = Table(
        tuple(f"r{i}" for i in range(12)),
        ("a", "b", "c"),
        ("one", "two"),
        weights,
        LAW.predict(weights),
    )
    with pytest.raises(InputError, match="the weights of a, b depend on each other"):
        fit_mixture(table, question(table), QUICK)
    fit = fit_mixture(table, question(table, frozen=("a=0.75,b=0.25",)), QUICK)
    assert fit.parameters == 3
    assert set(fit.tasks[0].slopes) == {"a+b", "c"}
    assert shares(fit)[0] / shares(fit)[1] == pytest.approx(3)


def test_too_few_runs_are_refused_and_few_are_told() -> None:
    few = swarm_table(runs=4)
    with pytest.raises(
        InputError, match=r"4 runs for the 4 parameters .*: 5 are needed, 15 advised"
    ):
        fit_mixture(few, question(few), QUICK)
    some = swarm_table(runs=10)
    assert any("10 runs are few" in n for n in fit_mixture(some, question(some), QUICK).notes)


def test_what_no_run_has_tried_is_told() -> None:
    table = swarm_table(runs=60)
    near = np.flatnonzero(table.weights[:, 1] < 0.3)
    fewer = table._replace(
        runs=tuple(table.runs[i] for i in near),
        weights=table.weights[near],
        losses=table.losses[near],
    )
    fit = fit_mixture(fewer, question(fewer), FitSettings(kl=0.0, starts=4, bootstrap=10))
    assert fit.outside > 0.1
    assert any("the law is extrapolated" in note for note in fit.notes)
    assert any(note.startswith("b: no run had more than") for note in fit.notes)


def test_a_task_without_a_law_is_told() -> None:
    table = swarm_table(runs=40)
    noise = 1 + 0.1 * np.random.default_rng(7).random((40, 1))
    table = table._replace(tasks=("good", "noise"), losses=np.hstack([table.losses[:, :1], noise]))
    fit = fit_mixture(table, question(table), QUICK)
    assert fit.held_out.tasks["good"].r2 > 0.99
    assert any("worse than the mean on runs held out: noise;" in note for note in fit.notes)


def test_the_same_table_gives_the_same_fit() -> None:
    table = swarm_table(noise=0.01)
    one, other = (fit_mixture(table, question(table), QUICK) for _ in range(2))
    assert one == other
