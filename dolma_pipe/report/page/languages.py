"""Languages of a source, natural or of programming, by documents and bytes of the sample."""

from collections.abc import Iterator

from dolma_pipe.columns import label_sums
from dolma_pipe.report.page.model import LanguageShare
from dolma_pipe.report.page.sample import Sample
from dolma_pipe.tagger import Labels

SHOWN = 30
"""Of a source; the rest is summed."""
COLUMNS = {"lid": "top", "code": "language"}
"""Of which taggers which labels are languages."""
NONE, OTHER = "none", "other"


def languages_of(sample: Sample) -> Iterator[LanguageShare]:
    """Of every column of languages, the most frequent first."""
    for use in sample.source.taggers:
        column = f"{use.prefix}.{COLUMNS.get(use.found.name, '')}"
        if sample.columns.get(column) == "label":
            yield from _shares(sample, column)


def _shares(sample: Sample, column: str) -> Iterator[LanguageShare]:
    documents: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for group in sample.groups:
        if column not in group.places:
            continue
        labels, scored = group.column(column), group.scored(column)
        assert isinstance(labels, Labels)
        of_scored = Labels(labels.codes[scored], labels.names)
        for label, (count, size) in label_sums(of_scored, group.sizes[scored]).items():
            name = label or NONE
            documents[name] = documents.get(name, 0) + count
            sizes[name] = sizes.get(name, 0) + size
    told = sorted(documents, key=lambda n: (-documents[n], n))
    for name in told[:SHOWN]:
        yield LanguageShare(sample.source.name, name, documents[name], sizes[name], column)
    if rest := told[SHOWN:]:
        both = sum(documents[name] for name in rest), sum(sizes[name] for name in rest)
        yield LanguageShare(sample.source.name, OTHER, *both, column)
