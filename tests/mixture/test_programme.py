"""The convex programme against all mixtures of a grid, and its certificate."""

import numpy as np
import pytest

from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.hull import distance_to_hull
from dolma_pipe.mixture.programme import GAP, Programme, capped, divergence, solve


def random_programme(seed: int, domains: int, kl: float, room: float | None) -> Programme:
    draws = np.random.default_rng(seed)
    prior = draws.dirichlet(np.full(domains, 0.5)) + 1e-5
    prior /= prior.sum()
    caps = np.ones(domains) if room is None else np.minimum(1, prior * room)
    weights = draws.dirichlet(np.ones(6))
    return Programme(draws.normal(-0.3, 0.9, (6, domains)), weights, prior, caps, kl)


def value(programme: Programme, shares: F64) -> float:
    losses = programme.task_weights @ np.exp(programme.slopes @ shares)
    return float(losses) + programme.kl * divergence(shares, programme.prior)


@pytest.mark.parametrize("kl", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("room", [None, 1.3, 3.0])
def test_no_mixture_of_a_fine_grid_is_better(kl: float, room: float | None) -> None:
    steps = 120
    grid = np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)])
    for seed in range(5):
        programme = random_programme(seed, 3, kl, room)
        found = solve(programme).shares
        allowed = (grid / steps)[(grid / steps <= programme.caps).all(axis=1)]
        best = min(value(programme, shares) for shares in allowed)
        assert value(programme, found) <= best + 1e-9
        # and the grid comes near: what was found is no artefact
        assert value(programme, found) >= best - 0.02


@pytest.mark.parametrize("kl", [0.0, 0.001, 0.01, 0.1, 10.0])
@pytest.mark.parametrize("room", [None, 1.0001, 1.5, 5.0])
def test_thirty_domains_are_solved_to_the_optimum(kl: float, room: float | None) -> None:
    for seed in range(3):
        programme = random_programme(seed, 30, kl, room)
        shares, gap = solve(programme)
        assert gap <= (1e-6 if kl == 0 else GAP)
        assert abs(shares.sum() - 1) < 1e-12
        assert (shares >= 0).all()
        assert (shares <= programme.caps + 1e-12).all()


def test_the_gap_bounds_the_distance_to_the_optimum() -> None:
    from dolma_pipe.mixture.programme import _gap

    programme = random_programme(0, 5, 0.1, 2.0)
    best = value(programme, solve(programme).shares)
    for seed in range(20):
        other = capped(np.random.default_rng(seed).dirichlet(np.ones(5)), programme.caps)
        assert _gap(programme, other) >= value(programme, other) - best - 1e-12


def test_a_domain_without_prior_stays_out_but_for_kl_0() -> None:
    slopes = np.array([[0.0, 0.0, -2.0]])
    programme = Programme(slopes, np.ones(1), np.array([0.5, 0.5, 0.0]), np.ones(3), 0.1)
    assert solve(programme).shares.tolist() == pytest.approx([0.5, 0.5, 0.0])
    assert solve(programme._replace(kl=0.0)).shares.tolist() == pytest.approx([0, 0, 1], abs=1e-6)


@pytest.mark.parametrize("kl", [1e-300, 1e-20, 1e-17, 1e-9, 0.1])
@pytest.mark.parametrize("last", [0.2, 1e-100])
def test_a_tiny_kl_or_prior_ends(kl: float, last: float) -> None:
    prior = np.array([0.5, 0.5 - last, last])
    caps = np.array([0.3, 0.3, 0.9])
    programme = Programme(np.array([[-3.0, 0.0, 1.0]]), np.ones(1), prior, caps, kl)
    assert solve(programme).shares.tolist() == pytest.approx([0.3, 0.3, 0.4])


def test_what_a_cap_cuts_goes_to_the_others_by_their_shares() -> None:
    found = capped(np.array([0.8, 0.15, 0.05]), np.array([0.2, 0.5, 0.9]))
    assert found.tolist() == pytest.approx([0.2, 0.5, 0.3])
    assert capped(np.array([1.0, 0.0, 0.0]), np.array([0.4, 0.6, 0.6])).tolist() == pytest.approx(
        [0.4, 0.3, 0.3]
    )


def test_distance_to_the_hull_is_the_share_that_must_move() -> None:
    runs = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])
    assert distance_to_hull(np.array([0.5, 0.2, 0.3]), runs) == pytest.approx(0, abs=1e-9)
    assert distance_to_hull(np.array([0.7, 0.1, 0.2]), runs) == pytest.approx(0.2)
