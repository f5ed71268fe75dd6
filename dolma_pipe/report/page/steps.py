"""The funnel: what of each source is there after each stage."""

from collections.abc import Iterator

from dolma_pipe.report.page.model import Step
from dolma_pipe.report.summary import Summary
from dolma_pipe.stages.mix.plan import Plan, SourcePlan


def steps_of(summary: Summary, plan: Plan | None) -> Iterator[Step]:
    """Source by source: its input, every stage that was run, what the mix uses, and the output.

    Documents and bytes are exact, tokens from the last stage before the mix on; those before are
    estimated from the bytes.
    """
    planned = {source.name: source for source in plan.sources} if plan else {}
    rates = _rates(summary, planned)
    for row in summary.intake:
        source, rate = row.source, rates.get(row.source)
        flows = [flow for flow in summary.flows if flow.source == source]
        told = [("input", row.documents, row.bytes)]
        told += [(flow.stage, flow.documents_out, flow.bytes_out) for flow in flows]
        for place, (stage, documents, size) in enumerate(told):
            if source in planned and place == len(told) - 1:
                yield Step(source, stage, documents, size, planned[source].available.tokens)
            else:
                tokens = None if rate is None else round(size * rate)
                yield Step(source, stage, documents, size, tokens, rate is not None)
        if source in planned:
            used, output = planned[source].used, planned[source].output
            yield Step(source, "mix", used.documents, None, used.tokens)
            yield Step(source, "output", output.documents, None, output.tokens)


def _rates(summary: Summary, planned: dict[str, SourcePlan]) -> dict[str, float]:
    """Tokens a byte of text that came to the end; of a source of which nothing did, the mean."""
    sizes = {flow.source: flow.bytes_out for flow in summary.flows}  # of the last stage
    tokens = {name: source.available.tokens for name, source in planned.items()}
    size = sum(sizes.get(name, 0) for name in tokens)
    if not size:
        return {}
    mean = sum(tokens.values()) / size
    return {
        name: tokens[name] / sizes[name] if sizes.get(name) and name in tokens else mean
        for name in sizes
    }
