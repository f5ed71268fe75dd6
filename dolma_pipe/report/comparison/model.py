"""What two runs have in common and what not, as data. `dolma-pipe compare --json` is this."""

import msgspec

from dolma_pipe.report.page.model import Example, Page

KEPT = "kept"
"""The fate of a document that survives stage 4; others are the rule that dropped it, and "dedup N
METHOD"."""
ABSENT = "not there"
"""That of a document which the other run alone has read."""


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


class Comparison(msgspec.Struct, frozen=True):
    """Two runs, A before B. changes: what was edited; transitions: every document of every source
    once, fates that did not change included, largest first; a, b: the page of each."""

    changes: tuple[Change, ...]
    moved: tuple[Moved, ...]
    transitions: tuple[Transition, ...]
    examples: tuple[MovedExample, ...]
    a: Page
    b: Page
