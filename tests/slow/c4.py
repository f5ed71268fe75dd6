"""The C4 rules the obvious way, over str."""

import re

from tests.slow.sentences import sentences_of_line
from tests.slow.words import words

POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def ascii_lower(text: str) -> str:
    return text.encode().lower().decode()


def reason(line: str, end_marks: str, min_words: int) -> int:
    if end_marks and (line[-1] not in end_marks or line.endswith("...")):
        return 1
    if len(words(line)) < min_words:
        return 2
    if "javascript" in ascii_lower(line):
        return 3
    if any(phrase in ascii_lower(line) for phrase in POLICY):
        return 4
    return 0


def c4(text: str, end_marks: str, min_words: int) -> tuple[list[float], str]:
    """The columns, and the text without the removed lines."""
    kept_text = ""
    stripped: list[str] = []
    removing = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        if line.strip():
            stripped.append(line.strip())
            removing = reason(line.strip(), end_marks, min_words) > 0
        if not removing:
            kept_text += line
    kept = [line for line in stripped if reason(line, end_marks, min_words) == 0]
    total = sum(map(len, stripped))
    low = [ascii_lower(line) for line in stripped]
    row = [
        len(stripped),
        len(kept),
        (total - sum(map(len, kept))) / total if total else 0.0,
        sum(len(sentences_of_line(line)) for line in kept),
        float("{" in text),
        float(any("lorem ipsum" in line for line in low)),
        float(any(phrase in line for line in low for phrase in POLICY)),
    ]
    return row, kept_text
