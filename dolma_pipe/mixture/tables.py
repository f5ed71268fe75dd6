"""What a swarm and a fit came to, as lines of at most 100 columns."""

import textwrap
from collections.abc import Iterator, Sequence

from dolma_pipe.mixture.crossvalidate import Accuracy
from dolma_pipe.mixture.fit import Fit, TaskRow
from dolma_pipe.mixture.swarm_files import SwarmDrawn

WIDTH = 100
NAME = 22


def swarm_told(swarm: SwarmDrawn) -> list[str]:
    """A row a domain; then what happened at the caps."""
    heads = ("tokens", "prior", "mean", "low", "high", "cap", "in runs")
    lines = [f"{'source':{NAME}} " + " ".join(f"{head:>9}" for head in heads)]
    for each in swarm.domains:
        shares = (each.prior, each.mean, each.low, each.high, each.cap)
        numbers = [_tokens(each.tokens), *map(_share, shares), f"{each.runs}"]
        lines.append(f"{_name(each.name)} " + " ".join(f"{number:>9}" for number in numbers))
    lines.append(
        f"{swarm.runs} runs of {swarm.target_tokens:,.0f} tokens, the first is the prior; draws: "
        f"{swarm.redrawn} thrown away, {swarm.projected} brought within the caps"
    )
    return [*lines, *_notes(swarm.notes)]


def fit_told(fit: Fit) -> list[str]:
    """Held-out accuracy, the shares, the losses that they lead to."""
    return [*_accuracy(fit), "", *_shares(fit), "", *_losses(fit), "", *_end(fit)]


def _accuracy(fit: Fit) -> Iterator[str]:
    yield (
        f"law c + exp(w . x): {fit.runs} runs, {fit.parameters} parameters a task; "
        f"held out in {fit.held_out.folds} folds:"
    )
    heads = ("error", "mean alone", "rank corr.", "R2")
    yield f"{'task':{NAME}} " + " ".join(f"{head:>11}" for head in heads)
    for name, each in fit.held_out.tasks.items():
        yield _accuracy_row(name, each)
    yield _accuracy_row("weighted mean", fit.held_out.mean)


def _accuracy_row(name: str, each: Accuracy) -> str:
    return (
        f"{_name(name)} {each.relative_error:11.2%} {each.relative_error_of_mean:11.2%} "
        f"{each.rank_correlation:11.3f} {each.r2:11.3f}"
    )


def _shares(fit: Fit) -> Iterator[str]:
    heads = (
        f"{'prior':>9} {'proposal':>9} {'90 %':>15} {'in the runs':>15} {'cap':>9} {'repeats':>9}"
    )
    yield f"{'domain':{NAME}} {heads}"
    for row in fit.domains:
        cap = "-" if row.cap is None else _share(row.cap)
        repeats = "-" if row.repeats is None else f"{row.repeats:.3g}"
        yield (
            f"{_name(row.name)} {_share(row.prior):>9} {_share(row.share.value):>9} "
            f"{_span(row.share.low, row.share.high):>15} {_span(row.seen_low, row.seen_high):>15} "
            f"{cap:>9} {repeats:>9}{' binds' if row.binds else ''}"
        )


def _losses(fit: Fit) -> Iterator[str]:
    heads = f"{'weight':>7} {'prior':>8} {'90 %':>15} {'proposal':>9} {'90 %':>15} {'change':>16}"
    yield f"{'bits per byte':{NAME}} {heads}"
    for row in fit.tasks:
        yield _loss_row(row)
    yield _loss_row(fit.mean)


def _loss_row(row: TaskRow) -> str:
    before, after, change = row.at_prior, row.at_proposal, row.change
    return (
        f"{_name(row.name)} {row.weight:7.3f} {before.value:8.4f} "
        f"{f'{before.low:.4f}-{before.high:.4f}':>15} {after.value:9.4f} "
        f"{f'{after.low:.4f}-{after.high:.4f}':>15} "
        f"{f'{change.low:+.4f} to {change.high:+.4f}':>18}"
    )


def _end(fit: Fit) -> Iterator[str]:
    yield f"best of the runs: {fit.best_run}, mean {fit.best_loss:.4f}"
    yield (
        f"KL to the prior {fit.divergence:.3f}, weighed {fit.settings.kl:g}; within "
        f"{max(fit.gap, 0):.0e} of the optimum; outside of the runs: {fit.outside:.1%}"
    )
    yield from _notes(fit.notes)


def _notes(notes: Sequence[str]) -> Iterator[str]:
    for note in notes:
        yield from textwrap.wrap(f"note: {note}", WIDTH, subsequent_indent="  ")


def _name(name: str) -> str:
    return f"{name if len(name) <= NAME else name[: NAME - 3] + '...':{NAME}}"


def _share(share: float) -> str:
    return f"{share:.2%}"


def _span(low: float, high: float) -> str:
    return f"{low:.1%}-{high:.1%}"


def _tokens(tokens: float) -> str:
    for size, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if tokens >= size:
            return f"{tokens / size:.3g}{suffix}"
    return f"{tokens:.0f}"
