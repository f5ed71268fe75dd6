"""Synthetic swarms made from a known law."""

import numpy as np

from dolma_pipe.kernels.jit import F64
from dolma_pipe.mixture.fit import Question
from dolma_pipe.mixture.frozen import grouping
from dolma_pipe.mixture.law import Law
from dolma_pipe.mixture.supply import Stock
from dolma_pipe.mixture.swarm import draw
from dolma_pipe.mixture.table import Table

PRIOR = np.array([0.6, 0.25, 0.15])
LAW = Law(
    np.array([0.5, 0.35]),
    np.array([[-0.9, -0.1, -0.4], [0.1, -1.1, -0.3]]),
)


def swarm_table(
    law: Law = LAW, prior: F64 = PRIOR, runs: int = 30, noise: float = 0.0, seed: int = 0
) -> Table:
    """Runs drawn around the prior, losses by the law with normal noise; domains a, b, c ..."""
    shares = draw(prior, np.ones(len(prior)), runs - 1, seed=seed).shares
    losses = law.predict(shares)
    losses = losses + np.random.default_rng(seed).normal(0.0, noise, losses.shape)
    return Table(
        tuple(f"run{i}" for i in range(runs)),
        tuple("abcdefghij"[: len(prior)]),
        tuple(f"task{i}" for i in range(losses.shape[1])),
        shares,
        losses,
    )


def question(
    table: Table,
    prior: F64 = PRIOR,
    *,
    frozen: tuple[str, ...] = (),
    stock: Stock | None = None,
    target: float | None = None,
) -> Question:
    """Tasks of equal weight."""
    tasks = len(table.tasks)
    groups = grouping(frozen, table.domains, prior)
    return Question(prior, np.full(tasks, 1 / tasks), groups, stock, target)
