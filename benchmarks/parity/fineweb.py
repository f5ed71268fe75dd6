"""The FineWeb rules as datatrove and ours define them."""

from benchmarks.parity.documents import Choice, Doc
from benchmarks.parity.rules import SPACY_WORDS, Rule

SHORT_LINE = 30


def line_punctuation(doc: Doc, choice: Choice) -> float:
    marks = tuple(doc.told["terminal"])
    ends = doc.lines if "trailing" in choice else [line.rstrip() for line in doc.lines]
    return sum(line.endswith(marks) for line in ends) / len(ends) if ends else 0.0


def short_lines(doc: Doc, _: Choice) -> float:
    found = doc.lines
    return sum(len(line) <= SHORT_LINE for line in found) / len(found) if found else 0.0


def duplicate_characters(doc: Doc, _: Choice) -> float:
    seen: set[str] = set()
    repeated = 0
    for line in doc.lines:
        repeated += len(line) * (line in seen)
        seen.add(line)
    return repeated / max(1, len(doc.text.replace("\n", "")))


def newlines(doc: Doc, choice: Choice) -> float:
    found = doc.pieces(choice)
    return doc.text.count("\n") / len(found) if found else 0.0


DATATROVE = (
    Rule(
        "lines that end in punctuation",
        "fineweb.line_punctuation",
        "fineweb.line_punctuation",
        line_punctuation,
        {"trailing": "theirs wants the mark at the very end of the line"},
        0.12,
    ),
    Rule(
        "short lines",
        "fineweb.short_lines",
        "fineweb.short_lines",
        short_lines,
        {},
        None,
        0.67,
    ),
    Rule(
        "characters in duplicate lines (.01)",
        "fineweb.duplicate_line_characters",
        "fineweb.duplicate_characters",
        duplicate_characters,
        {},
        None,
        0.01,
    ),
    Rule(
        "line feeds a word",
        "fineweb.newlines_per_word",
        "fineweb.newlines",
        newlines,
        SPACY_WORDS,
        None,
        0.3,
    ),
)
