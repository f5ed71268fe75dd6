"""What was read and what a score is worth, as lines of at most 80 columns."""

from collections.abc import Iterator, Sequence

from dolma_pipe.learn.evaluate import Measures
from dolma_pipe.learn.metrics import Cut
from dolma_pipe.learn.samples import ClassRead


def sample_told(classes: Sequence[ClassRead]) -> list[str]:
    """A row a class: where its documents went; then the lines that were no documents."""
    heads = ("read", "empty", "repeated", "in both", "passed over", "taken")
    lines = [f"{'documents':14} " + " ".join(f"{head:>11}" for head in heads)]
    for each in classes:
        numbers = (
            each.documents,
            each.empty,
            each.repeated,
            each.in_other_classes,
            each.passed_over,
            each.taken,
        )
        lines.append(f"{each.label:14} " + " ".join(f"{n:11,}" for n in numbers))
    for each in classes:
        lines += [f"bad lines {each.label}: {why} {n:,}" for why, n in each.bad_lines.items()]
    return lines


def measures_told(measures: Measures) -> list[str]:
    """Ranking, cuts and calibration of one label."""
    return [*_ranking(measures), "", *_cuts(measures), "", *_calibration(measures)]


def _ranking(measures: Measures) -> Iterator[str]:
    yield (
        f"{measures.label}: {measures.positives:,} documents against {measures.negatives:,} others"
        + (f", {measures.without_score:,} without a score" if measures.without_score else "")
    )
    yield f"AUC {measures.label:24} {measures.auc:.4f}"
    for each in measures.baselines:
        yield f"AUC {each.score:24} {each.auc:.4f}  ({each.better} is better)"


def _cuts(measures: Measures) -> Iterator[str]:
    yield f"{'score >=':>10} {'kept':>8} {'precision':>10} {'recall':>8} {'F1':>8}"
    for cut in measures.cuts:
        yield _cut(cut)
    if measures.best is not None:
        yield f"{_cut(measures.best)}  best F1"


def _cut(cut: Cut) -> str:
    return (
        f"{cut.threshold:10.6g} {cut.kept:8.1%} {cut.precision:10.4f} {cut.recall:8.4f} "
        f"{cut.f1:8.4f}"
    )


def _calibration(measures: Measures) -> Iterator[str]:
    weighed = ", classes weighed equally" if measures.equal_classes else ""
    yield f"calibration: expected error {measures.calibration.error:.4f}{weighed}"
    yield f"{'score':>10} {'documents':>10} {'mean score':>11} {'share ' + measures.label:>16.16}"
    for each in measures.calibration.bins:
        mean = "-" if each.mean_score is None else f"{each.mean_score:.4f}"
        share = "-" if each.positive_share is None else f"{each.positive_share:.4f}"
        yield f"{each.low:5.1f}-{each.high:.1f} {each.documents:11,} {mean:>11} {share:>16}"
