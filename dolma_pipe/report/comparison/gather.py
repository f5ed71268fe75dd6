"""Two runs compared: what was edited, which documents entered and left."""

from dolma_pipe.report.comparison.changes import changes_of
from dolma_pipe.report.comparison.documents import compare_source
from dolma_pipe.report.comparison.examples import examples_of
from dolma_pipe.report.comparison.model import Comparison
from dolma_pipe.report.comparison.overlays import overlays_of
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.gather import page_of, samples_of


def comparison_of(a: FinishedRun, b: FinishedRun) -> Comparison:
    """All of A and B. Every document's fate is read once; memory follows the largest shard, and
    documents.JOINED. Raises WorkError where a work directory is not of this version."""
    names = dict.fromkeys(source.name for run in (a, b) for source in run.recipe.sources)
    sources = {name: compare_source(a, b, name) for name in names}
    columns = {rule.column for run in (a, b) for s in run.recipe.sources for rule in s.rules}
    samples = [samples_of(run, frozenset(columns)) for run in (a, b)]
    transitions = [each for one in sources.values() for each in one.transitions]
    return Comparison(
        changes=tuple(changes_of(a, b)),
        moved=tuple(one.moved for one in sources.values()),
        transitions=tuple(sorted(transitions, key=lambda one: -one.documents)),
        examples=tuple(
            example
            for name, one in sources.items()
            for example in examples_of((a, b), name, one.found)
        ),
        overlays=tuple(overlays_of(*samples)),
        a=page_of(a, samples[0]),
        b=page_of(b, samples[1]),
    )
