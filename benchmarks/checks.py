"""How near two results are to one another."""

from collections.abc import Sequence
from typing import Any

import numpy as np

COPIES = 100


def equal_share(ours: Sequence[Any], peer: Sequence[Any]) -> float:
    """The share of documents with equal values."""
    return sum(a == b for a, b in zip(ours, peer, strict=True)) / max(1, len(ours))


def near_share(
    ours: Sequence[float | None], peer: Sequence[float | None], tolerance: float
) -> float:
    """The share of documents whose numbers differ by so much at most; None is a 0."""
    differences = np.array([a or 0.0 for a in ours]) - np.array([b or 0.0 for b in peer])
    return float(np.mean(np.abs(differences) <= tolerance))


def signatures_equal(ours: Any, peer: Any, _texts: list[str]) -> str:
    """Every value of every signature."""
    return f"signature equal {equal_share(ours, peer):.2%}"


def with_copies(texts: list[str]) -> list[str]:
    """The texts, then copies of the first 100 without their middle third: pairs that are alike."""
    return texts + [text[: len(text) // 3] + text[-(len(text) // 3) :] for text in texts[:COPIES]]


def same_estimates(ours: Any, peer: Any, texts: list[str]) -> str:
    """Jaccard of each copy and its original as both sides estimate it: how far apart on average."""
    pairs = min(COPIES, len(texts) // 2)
    estimates = [_estimates(np.array(signed), pairs) for signed in (ours, peer)]
    apart = np.abs(estimates[0] - estimates[1]).mean()
    due = np.sqrt(4 / np.pi * (estimates[0] * (1 - estimates[0])).mean() / len(ours[0]))
    return f"estimated Jaccard of {pairs} pairs {apart:.3f} apart (by chance alone: {due:.3f})"


def _estimates(signatures: Any, pairs: int) -> Any:
    return (signatures[:pairs] == signatures[-pairs:]).mean(axis=1)
