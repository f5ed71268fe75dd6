"""Draws: around the prior, within the caps, never twice, the same for a seed."""

import numpy as np
import pytest

from dolma_pipe.mixture.recipes import written_shares
from dolma_pipe.mixture.swarm import ALIKE, MIN_SHARE, draw

PRIOR = np.array([0.5, 0.3, 0.15, 0.05])


def test_the_mean_is_the_prior_and_the_first_run_is_it() -> None:
    shares = np.array([draw(PRIOR, np.ones(4), 20, seed=seed).shares for seed in range(100)])
    assert (shares[:, 0] == PRIOR).all()
    np.testing.assert_allclose(shares.mean(axis=(0, 1)), PRIOR, atol=0.02)
    np.testing.assert_allclose(shares.sum(axis=2), 1)


def test_caps_hold_and_are_told() -> None:
    caps = np.array([0.55, 0.5, 0.2, 0.1])
    swarm = draw(PRIOR, caps, 100, seed=0)
    assert (swarm.shares <= caps + 1e-12).all()
    assert swarm.redrawn > 0
    tight = draw(PRIOR, PRIOR * 1.001, 10, seed=0, concentration=(0.1, 0.1))
    assert tight.projected == 10
    assert (tight.shares <= PRIOR * 1.001 + 1e-12).all()


def test_no_candidate_is_like_another() -> None:
    shares = draw(PRIOR, np.ones(4), 60, seed=4, concentration=(0.1, 5)).shares
    distances = np.abs(shares[:, None] - shares[None]).sum(axis=2) / 2
    assert distances[~np.eye(61, dtype=bool)].min() >= ALIKE


def test_small_shares_are_none() -> None:
    shares = draw(PRIOR, np.ones(4), 200, seed=0).shares
    assert shares[shares > 0].min() >= MIN_SHARE


def test_the_seed_decides() -> None:
    one, same, other = (draw(PRIOR, np.ones(4), 20, seed=seed).shares for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one[1:] == other[1:]).all(axis=1).any()


def test_a_tiny_concentration_is_no_division_by_zero() -> None:
    prior = np.array([1 - 3e-9, 1e-9, 1e-9, 1e-9])
    shares = draw(prior, np.ones(4), 5, seed=0, concentration=(1e-3, 1e-3)).shares
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("seed", range(20))
def test_written_shares_sum_to_one_within_the_caps(seed: int) -> None:
    draws = np.random.default_rng(seed)
    prior = draws.dirichlet(np.full(9, 0.3))
    for caps in (np.ones(9), np.minimum(1, prior * 1.5), prior):
        shares = draw(prior, caps, 3, seed=seed).shares
        for row in shares:
            written = written_shares(row, caps)
            assert (written <= caps).all()
            assert abs(written.sum() - 1) <= 1e-8
            assert np.abs(written - row).max() < 2e-6
            assert ((written > 0) <= (row > 0)).all()
