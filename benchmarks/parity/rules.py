"""A rule of two tools: its threshold, and the points in which their definitions differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.parity.documents import Choice, Doc

Value = Callable[[Doc, Choice], float]

WORDS = {
    "scripts": "scripts without spaces: a word to ours is each code point, to theirs a whole run",
}
SPACY_WORDS = {
    "spaCy": "words: theirs are spaCy's tokens, ours runs between white space with the marks at"
    " their ends split off (for n-grams: with them)",
    **WORDS,
}

OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "lid": ("lid", {}),
    "gopher": ("gopher", {}),
    "gopher_datatrove": ("gopher", {"punctuation_is_word": True}),
    "gopher_repetition": ("gopher_repetition", {}),
    "repetition_dolma": (
        "gopher_repetition",
        {"every_member": True, "first_of_equal": True, "overlaps": True},
    ),
    "repetition_datatrove": ("gopher_repetition", {"first_of_equal": True}),
    "c4": ("c4", {}),
    "c4_dolma": ("c4", {"end_marks": '.?!"', "min_words_per_line": 3}),
    "c4_datatrove": ("c4", {"end_marks": ".?!\"'", "min_words_per_line": 3}),
    "c4_any_end": ("c4", {"end_marks": "", "min_words_per_line": 3}),
    "fineweb": ("fineweb", {}),
    "pii": ("pii", {}),
    "pii_public": ("pii", {"public_ips_only": True}),
}
"""Our taggers with the settings that come nearest to the other tool."""


@dataclass(frozen=True)
class Rule:
    """One rule as two tools have it.

    ours: column of one of OURS. theirs: the other tool's attribute or single rule. value: the
    quantity by a plain function, each of the `points` as theirs if it is in the choice, else as
    ours. points: what differs, in words. least, most: the published range that keeps a document;
    without either the values themselves must be equal.
    """

    name: str
    ours: str
    theirs: str
    value: Value
    points: Mapping[str, str]
    least: float | None = None
    most: float | None = None
    strict: bool = False
    """Theirs drops a document at `least` itself."""

    def keeps(self, number: float, theirs: bool = False) -> float:
        """1 if a document with this number stays, 0 if not; the number itself without a range."""
        if self.least is None and self.most is None:
            return number
        rounded = round(number, 6)
        above = self.least is None or rounded >= self.least
        if theirs and self.strict:
            above = above and rounded != self.least
        return float(above and (self.most is None or rounded <= self.most))
