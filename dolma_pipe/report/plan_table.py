"""A planned mix as a table: by source, group and quality bucket."""

from collections.abc import Iterator

from dolma_pipe.report.terminal import excerpt, harmless
from dolma_pipe.stages.mix.plan import Plan, SourcePlan

LABEL = 40  # characters of a group's name, which documents bring
HEADS = ("available", "asked", "most", "output", "epochs")


def plan_told(plan: Plan, *, buckets: bool) -> str:
    """Tokens available (without those held out), asked for, possible at most, and of the output;
    epochs = output over available.

    buckets: tells each quality bucket of a source, too.
    """
    names = [name for source in plan.sources for name in _names(source)]
    width = max(12, *(len(name) for name in names))
    heads = " ".join(f"{head:>16}" for head in HEADS[:-1])
    lines = [f"{'tokens':{width}} {heads} {HEADS[-1]:>7}  share binds"]
    for source in plan.sources:
        lines += _source(source, plan.output.tokens, width)
    total = sum(_usable(source) for source in plan.sources)
    most = sum(source.most for source in plan.sources)
    everything = _row("all", width, total, plan.asked, most, plan.output.tokens)
    lines.append(f"{everything} {1:6.1%}")
    if plan.target_tokens is not None:
        missed = plan.output.tokens - plan.target_tokens
        lines.append(f"target {plan.target_tokens:,}: missed by {missed:+,} tokens")
    held_out = sum(source.held_out.tokens for source in plan.sources)
    if held_out:
        documents = sum(source.held_out.documents for source in plan.sources)
        lines.append(f"held out: {documents:,} documents, {held_out:,} tokens")
    if buckets:
        for source in plan.sources:
            lines += ["", *_buckets(source)]
    notes = [*plan.notes, *(f"{one.name}: {note}" for one in plan.sources for note in one.notes)]
    lines += [harmless(f"note: {note}") for note in notes]
    return "\n".join(lines)


def _names(source: SourcePlan) -> list[str]:
    groups = [_label(group.name) for group in source.groups]
    return [source.name, *(groups if _is_grouped(source) else [])]


def _label(name: str) -> str:
    return f"  {excerpt(name, LABEL)}"


def _usable(source: SourcePlan) -> int:
    """Tokens that are not held out."""
    return source.available.tokens - source.held_out.tokens


def _is_grouped(source: SourcePlan) -> bool:
    return any(group.name for group in source.groups)


def _source(source: SourcePlan, total: int, width: int) -> Iterator[str]:
    got = source.output.tokens
    row = _row(source.name, width, _usable(source), source.asked, source.most, got)
    yield f"{row} {got / max(1, total):6.1%}{_binds(source.asked, source.most)}"
    if not _is_grouped(source):
        return
    for group in source.groups:
        tokens = group.available.tokens
        row = _row(_label(group.name), width, tokens, group.asked, group.most, group.got)
        yield f"{row} {group.got / max(1, total):6.1%}{_binds(group.asked, group.most)}"


def _row(name: str, width: int, available: int, asked: int, most: int, output: int) -> str:
    numbers = " ".join(f"{number:16,}" for number in (available, asked, most, output))
    return f"{name:{width}} {numbers} {output / max(1, available):7.2f}"


def _binds(asked: int, most: int) -> str:
    """A source at its cap can give no more."""
    return " cap" if asked and asked >= most else ""


def _buckets(source: SourcePlan) -> Iterator[str]:
    names = ("of tokens", "scores", "documents", "tokens", "repeats", "output")
    yield f"{source.name:16} " + " ".join(f"{name:>15}" for name in names)
    for bucket in source.buckets:
        span = f"{bucket.low:.1%}-{bucket.high:.1%}"
        scores = "-" if bucket.lowest is None else f"{bucket.lowest:.4g}-{bucket.highest:.4g}"
        yield (
            f"{excerpt(bucket.group, LABEL):16} {span:>15} {scores:>15}"
            f" {bucket.available.documents:15,}"
            f" {bucket.available.tokens:15,} {bucket.repeats:15.3f} {bucket.got:15,}"
        )
