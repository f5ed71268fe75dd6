"""Languages of a source, natural or of programming, by documents and bytes of the sample."""

from collections.abc import Iterator

import numpy as np

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
        names = [*labels.names, NONE]  # code -1 reads the last entry
        codes = np.where(labels.codes < 0, len(labels.names), labels.codes)[scored]
        counts = np.bincount(codes, minlength=len(names)).tolist()
        weights = np.bincount(codes, group.sizes[scored], len(names)).astype(np.int64).tolist()
        for name, count, size in zip(names, counts, weights, strict=True):
            documents[name] = documents.get(name, 0) + count
            sizes[name] = sizes.get(name, 0) + size
    told = sorted((name for name in documents if documents[name]), key=lambda n: (-documents[n], n))
    for name in told[:SHOWN]:
        yield LanguageShare(sample.source.name, name, documents[name], sizes[name], column)
    if rest := told[SHOWN:]:
        both = sum(documents[name] for name in rest), sum(sizes[name] for name in rest)
        yield LanguageShare(sample.source.name, OTHER, *both, column)
