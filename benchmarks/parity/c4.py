"""The C4 rules as dolma, datatrove and ours define them."""

import re

from benchmarks.parity.documents import Choice, Doc, code_points
from benchmarks.parity.rules import WORDS, Rule

POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
LONGEST_WORD = 1000
LEAST_WORDS = 3
"""Words a line: of both tools; the paper's number for lines and sentences are five and three."""


def _holds(phrase: str, doc: Doc, choice: Choice) -> float:
    if "short lines" not in choice:
        return float(phrase in doc.text.lower())
    for line in doc.text.splitlines():
        found = line.split()
        if len(found) < LEAST_WORDS or max(map(len, found)) > LONGEST_WORD:
            continue
        low = CITATION.sub("", line).lower()
        if phrase in low and not (phrase == "{" and "javascript" in low):
            return 1.0
    return 0.0


def curly_bracket(doc: Doc, choice: Choice) -> float:
    return _holds("{", doc, choice)


def lorem_ipsum(doc: Doc, choice: Choice) -> float:
    return _holds("lorem ipsum", doc, choice)


def removed_lines(doc: Doc, choice: Choice) -> float:
    """How many lines have no end mark or too few words, blank ones apart."""
    bad = 0
    for line in doc.lines:
        stripped = line.strip()
        found = stripped.split()
        count = len(found if "scripts" in choice else [w for f in found for w in code_points(f)])
        dots = stripped.endswith("...") and "dots" not in choice
        bad += count < LEAST_WORDS or dots or not stripped.endswith(tuple('.?!"'))
    return bad


def sentences(doc: Doc, choice: Choice) -> float:
    """Of the lines that stay."""
    total = 0
    lines = doc.text.splitlines() if "separators" in choice else doc.text.split("\n")
    counts = dict(zip(doc.text.splitlines(), doc.told["sentences"], strict=True))
    for whole in lines:
        line = whole.strip()
        found = line.split()
        if "long words" in choice and any(len(w) > LONGEST_WORD for w in found):
            continue
        words = found if "scripts" in choice else [w for f in found for w in code_points(f)]
        if "citations" in choice:
            line = CITATION.sub("", line)
        if not words or len(words) < LEAST_WORDS:
            continue
        if "any end" not in choice and (not line.endswith(tuple(".?!\"'")) or line.endswith("...")):
            continue
        low = line.lower()
        if "javascript" in low or any(phrase in low for phrase in POLICY):
            continue
        theirs = "sentencizer" in choice
        total += counts.get(whole, 1) if theirs else doc.told["our_sentences"][whole]
    return total


def sentences_any_end(doc: Doc, choice: Choice) -> float:
    """As `sentences`, where a line may end as it likes."""
    return sentences(doc, frozenset({*choice, "any end"}))


def blocked(doc: Doc, choice: Choice) -> float:
    """Ours as our tagger told; theirs by its own rule."""
    if "entries" not in choice:
        return float(doc.told["blocked"])
    low, entries = doc.text.lower(), doc.told["entries"]
    singles, phrases = entries
    return float(not singles.isdisjoint(low.split()) or any(phrase in low for phrase in phrases))


SHORT = {
    "short lines": "theirs passes over lines with fewer than 3 words, a word over 1,000 characters"
    ' or (for brackets) "javascript"; ours looks at all'
}
DOLMA = (
    Rule("curly bracket", "c4.has_curly_bracket", "has_curly_brace", curly_bracket, {}, None, 0),
    Rule("lorem ipsum", "c4.has_lorem_ipsum", "has_lorem_ipsum", lorem_ipsum, {}, None, 0),
    Rule(
        "lines to remove (how many)",
        "c4_dolma.removed",
        "lines_with_no_ending_punctuation, lines_with_too_few_words",
        removed_lines,
        {"dots": "a line may end in ... in theirs", **WORDS},
    ),
    Rule(
        "blocked words",
        "c4_dolma.blocked_words",
        "has_naughty_word",
        blocked,
        {
            "entries": "theirs wants a single word between white space and a phrase anywhere, even"
            " inside words; ours takes punctuation off and phrases as whole words"
        },
        None,
        0,
    ),
)

_SENTENCES = {
    "sentencizer": "theirs ends sentences by spaCy's sentencizer, ours before a word that does not"
    " start with a small letter",
    "separators": "theirs ends a line also at \\r, U+2028 and the like",
    "citations": "theirs takes [1] and [edit] out first",
    "long words": "theirs takes out lines with a word over 1,000 characters",
    **WORDS,
}
DATATROVE = (
    Rule(
        "curly bracket, any line end",
        "c4.has_curly_bracket",
        "c4.curly_bracket, any line end",
        curly_bracket,
        SHORT,
        None,
        0,
    ),
    Rule(
        "lorem ipsum, any line end",
        "c4.has_lorem_ipsum",
        "c4.lorem_ipsum, any line end",
        lorem_ipsum,
        SHORT,
        None,
        0,
    ),
    Rule(
        "sentences",
        "c4_datatrove.sentences",
        "c4.sentences",
        sentences,
        _SENTENCES,
        5,
    ),
    Rule(
        "sentences, any line end",
        "c4_any_end.sentences",
        "c4.sentences, any line end",
        sentences_any_end,
        _SENTENCES,
        5,
    ),
)
