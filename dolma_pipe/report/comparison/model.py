"""What two runs have in common and what not, as data. `dolma-pipe compare --json` is this."""

import msgspec

from dolma_pipe.report.page.model import Bins, Example, Page

Range = tuple[float | None, float | None]
"""Least and greatest value that a rule keeps."""

KEPT = "kept"
"""The fate of a document that survives stage 4; others are the rule that dropped it, and "dedup N
METHOD"."""
ABSENT = "not there"
"""That of a document which the other run alone has read."""
QUARANTINED = "quarantined"
"""That of one which this run could not read as a document, from the same line of the same shard."""


class Change(msgspec.Struct, frozen=True):
    """A difference between the resolved recipes, or of what they ran with. place: of the recipe,
    "sources.web.quality.keep.gopher.words"; before, after: None where there is nothing."""

    place: str
    before: str | None
    after: str | None


class Transition(msgspec.Struct, frozen=True):
    """Documents of a source with one fate in A and one in B; bytes: of their input text."""

    source: str
    before: str
    after: str
    documents: int
    bytes: int


class Moved(msgspec.Struct, frozen=True):
    """A source: documents = those that A read = stayed + left + neither, and new ones of B.

    stayed: survive in both; entered, left: survive in B alone, in A alone; neither: in none.
    aligned: documents of shards that are the same in both, compared line by line; the others are
    found again by their ids.
    """

    source: str
    stayed: int
    entered: int
    left: int
    neither: int
    entered_bytes: int
    left_bytes: int
    aligned: int


class MovedExample(msgspec.Struct, frozen=True):
    """A document that entered or left. value: of the column of the rule that dropped it, in the
    run that dropped it."""

    document: Example
    before: str
    after: str
    value: float | str | None


class BothBins(msgspec.Struct, frozen=True):
    """A column's values in one source, in the samples of A and of B."""

    source: str
    a: Bins
    b: Bins


class Overlay(msgspec.Struct, frozen=True):
    """A column that a rule of A or B decides on, in the sources that have the same ranges. before,
    after: what A and B keep, None where that run has no such rule. borders: where these ranges end
    on the axis, see RulePanel. histograms share their edges; values of a run that has no such rule
    are there if it has stored them."""

    stage: str
    column: str
    before: Range | None
    after: Range | None
    borders: tuple[tuple[float, ...], tuple[float, ...]]
    histograms: tuple[BothBins, ...]


class Comparison(msgspec.Struct, frozen=True):
    """Two runs, A before B. changes: what was edited; transitions: every document of every source
    once, fates that did not change included, largest first; overlays: what rules decide on; a, b:
    the page of each."""

    changes: tuple[Change, ...]
    moved: tuple[Moved, ...]
    transitions: tuple[Transition, ...]
    examples: tuple[MovedExample, ...]
    overlays: tuple[Overlay, ...]
    a: Page
    b: Page
