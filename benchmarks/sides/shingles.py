"""Shingles as Python users make them: lower case, no punctuation, words joined by spaces."""

import sys
import unicodedata

REMOVED = dict.fromkeys(
    c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c))[0] in "PS"
)


def shingles(text: str, size: int) -> set[bytes]:
    """The set of `size` consecutive words each, UTF-8; empty where the text has fewer words."""
    words = text.lower().translate(REMOVED).encode().split()
    return {b" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}
