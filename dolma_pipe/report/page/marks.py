"""Stretches of a text that are marked; none of them shows what a hidden one holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from dolma_pipe.kernels.spans import merge_masks
from dolma_pipe.recipe import Source
from dolma_pipe.report.page.model import Tone
from dolma_pipe.report.page.tagger_files import is_private
from dolma_pipe.tagger import Kind, Spans

MATCHES = 20
"""Of a column that is not hidden."""


class Mark(NamedTuple):
    """A stretch of a text, in bytes. text: what is shown of it; None: what it holds."""

    start: int
    end: int
    tone: Tone
    text: str | None = None


def hidden_of(source: Source, columns: Mapping[str, Kind]) -> dict[str, str]:
    """Columns of spans whose text is not for a page, and what stands there instead: those of a
    tagger that says so, and those that a mask replaces by a text."""
    found = {mask.column: mask.replacement for mask in source.masks if mask.replacement.strip()}
    for column, kind in columns.items():
        if kind == "spans" and is_private(source, column):
            found.setdefault(column, f"⟨{column}⟩")
    return found


def marks_of(
    spans: Mapping[str, Spans], hidden: Mapping[str, str], masks: Mapping[str, str]
) -> list[Mark]:
    """Of one document, apart from each other and sorted.

    spans: by column; hidden: what stands there instead, of some columns; masks: what the recipe
    writes there, of some. Hidden spans are merged as masks are, and divide all others.
    """
    tones: dict[str, Tone] = dict.fromkeys(spans, "match")
    tones |= {column: "new" if text.strip() else "gone" for column, text in masks.items()}
    names, merged = list(hidden), merge_masks([spans[column] for column in hidden], 1)
    made = [
        Mark(start, end, tones[names[kind]], hidden[names[kind]])
        for start, end, kind in zip(*(part.tolist() for part in merged[1:]), strict=True)
    ]
    for column in spans:
        if column not in hidden:
            found = spans[column].starts[:MATCHES].tolist(), spans[column].ends.tolist()
            for start, end in zip(*found, strict=False):
                made += list(_beside(Mark(start, end, tones[column]), made))
                made.sort(key=lambda mark: mark.start)
    return made


def _beside(mark: Mark, others: Sequence[Mark]) -> Iterator[Mark]:
    """What of it lies in none of the others, which are sorted and apart."""
    at = mark.start
    for other in others:
        if other.end > at and other.start < mark.end:
            if at < other.start:
                yield mark._replace(start=at, end=other.start)
            at = other.end
    if at < mark.end:
        yield mark._replace(start=at)
