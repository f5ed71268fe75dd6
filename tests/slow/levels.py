"""Scores of documents from their parts, the obvious way."""

from collections.abc import Callable, Sequence

from tests.slow.words import lines


def paragraphs(text: str) -> list[str]:
    return [line for line in lines(text) if line.strip()]


def fold(
    parts: list[str], probabilities: Callable[[str], Sequence[float] | None], highest: bool
) -> list[float] | None:
    """One score a label; None where no part has one."""
    scored = [(len(part), scores) for part in parts if (scores := probabilities(part))]
    if not scored:
        return None
    by_label = list(zip(*(scores for _, scores in scored), strict=True))
    if highest:
        return [max(scores) for scores in by_label]
    weights = [weight for weight, _ in scored]
    return [
        sum(w * s for w, s in zip(weights, scores, strict=True)) / sum(weights)
        for scores in by_label
    ]
