"""Ranking and calibration by their definitions, pair by pair and document by document."""

import math


def slow_auc(scores: list[float], positive: list[bool]) -> float:
    """Every pair of a positive and a negative; no score ranks below all."""
    ranks = [-math.inf if math.isnan(score) else score for score in scores]
    good = [rank for rank, is_good in zip(ranks, positive, strict=True) if is_good]
    bad = [rank for rank, is_good in zip(ranks, positive, strict=True) if not is_good]
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in good for b in bad)
    return won / (len(good) * len(bad))


def slow_cut(scores: list[float], positive: list[bool], threshold: float) -> dict[str, float]:
    """Share kept, precision, recall and F1 of scores >= threshold."""
    kept = [is_good for score, is_good in zip(scores, positive, strict=True) if score >= threshold]
    precision = sum(kept) / len(kept) if kept else 0.0
    recall = sum(kept) / sum(positive)
    both = precision + recall
    return {
        "kept": len(kept) / len(scores),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / both if both else 0.0,
    }


def slow_calibration_error(
    scores: list[float], positive: list[bool], weights: list[float]
) -> float:
    """The mean distance of score and share over ten bins, each by its weight."""
    known = [row for row in zip(scores, positive, weights, strict=True) if not math.isnan(row[0])]
    total = 0.0
    for k in range(10):
        rows = [row for row in known if min(int(row[0] * 10), 9) == k]
        mass = sum(weight for *_, weight in rows)
        if mass:
            mean = sum(score * weight for score, _, weight in rows) / mass
            share = sum(weight for _, is_good, weight in rows if is_good) / mass
            total += mass * abs(mean - share)
    whole = sum(weight for *_, weight in known)
    return total / whole if whole else 0.0
