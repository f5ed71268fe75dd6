"""The law: known parameters come back, noise and outliers do little harm."""

import numpy as np
import pytest

from dolma_pipe.mixture.crossvalidate import cross_validate, fold_of_runs
from dolma_pipe.mixture.law import Law, fit_law, refit
from tests.mixture.swarms import LAW, PRIOR, swarm_table


def test_a_known_law_comes_back() -> None:
    table = swarm_table()
    found = fit_law(table.weights, table.losses, starts=8, seed=0)
    np.testing.assert_allclose(found.floors, LAW.floors, atol=1e-4)
    np.testing.assert_allclose(found.slopes, LAW.slopes, atol=1e-3)


def test_noise_moves_predictions_less_than_itself() -> None:
    table = swarm_table(noise=0.01, runs=60)
    found = fit_law(table.weights, table.losses, starts=8, seed=0)
    inside = np.random.default_rng(1).dirichlet(PRIOR * 5, 50)
    errors = found.predict(inside) - LAW.predict(inside)
    assert np.sqrt((errors**2).mean()) < 0.01


def test_outliers_hardly_count() -> None:
    table = swarm_table(noise=0.002, runs=40)
    losses = table.losses.copy()
    losses[::10] += 2.0  # runs that diverged
    robust = fit_law(table.weights, losses, starts=8, seed=0)
    squares = fit_law(table.weights, losses, starts=8, seed=0, huber=1e6)
    at = np.array([[1 / 3, 1 / 3, 1 / 3], PRIOR])
    assert np.abs(robust.predict(at) - LAW.predict(at)).max() < 0.02
    assert np.abs(squares.predict(at) - LAW.predict(at)).max() > 0.1


def test_the_floor_stays_between_0_and_the_smallest_loss() -> None:
    table = swarm_table(Law(np.array([0.0]), np.array([[0.2, 0.1, -0.2]])), noise=0.01)
    found = fit_law(table.weights, table.losses, starts=8, seed=0)
    assert 0 <= found.floors[0] < table.losses.min()


def test_the_same_seed_gives_the_same_law() -> None:
    table = swarm_table(noise=0.01)
    one, other = (fit_law(table.weights, table.losses, starts=5, seed=3) for _ in range(2))
    assert (one.slopes == other.slopes).all()
    assert (one.floors == other.floors).all()


def test_a_run_without_weight_does_not_count() -> None:
    table = swarm_table()
    losses = table.losses.copy()
    losses[4] += 0.01
    weights = np.ones(len(losses))
    weights[4] = 0.0
    found = refit(LAW, table.weights, losses, weights)
    np.testing.assert_allclose(found.slopes, LAW.slopes, atol=1e-4)


def test_held_out_runs_tell_a_law_from_none() -> None:
    table = swarm_table(noise=0.005, runs=40)
    losses = np.column_stack([table.losses[:, 0], 1 + 0.1 * np.random.default_rng(2).random(40)])
    held_out = cross_validate(
        table.weights,
        losses,
        ("learnt", "noise"),
        np.array([0.5, 0.5]),
        folds=5,
        starts=4,
        seed=0,
        huber=0.02,
    )
    assert held_out.folds == 5
    learnt, noise = held_out.tasks["learnt"], held_out.tasks["noise"]
    assert learnt.r2 > 0.9
    assert learnt.rank_correlation > 0.9
    assert learnt.relative_error < 0.3 * learnt.relative_error_of_mean
    assert noise.r2 < 0.3


@pytest.mark.parametrize(("mixtures", "folds"), [(40, 5), (7, 7)])
def test_equal_mixtures_share_a_fold_and_few_are_left_out_one_by_one(
    mixtures: int, folds: int
) -> None:
    once = np.random.default_rng(0).dirichlet(np.ones(3), mixtures)
    fold = fold_of_runs(np.concatenate([once, once[::-1]]), 5, seed=1)
    assert (fold[:mixtures] == fold[mixtures:][::-1]).all()
    sizes = np.bincount(fold)
    assert len(sizes) == folds
    assert np.ptp(sizes) <= 2
