"""The sentence rules 2 to 5 of MADLAD-400 the obvious way, over str."""

import re
import unicodedata

from dolma_pipe.kernels.cursed import CURSED, CURSED_ENDS, CURSED_ROWS
from tests.slow.words import words

PATTERNS = [re.compile(re.escape(text)) for text, _ in CURSED]
PATTERNS += [re.compile(re.escape(end) + r"\Z") for end in CURSED_ENDS]
PATTERNS += [re.compile(row, re.DOTALL) for row in CURSED_ROWS]


def is_counted(character: str) -> bool:
    return character.isalpha() or unicodedata.category(character) == "Nd"


def rules(sentence: str) -> set[int]:
    found = set()
    firsts = [next(filter(is_counted, word), "") for word in words(sentence)]
    firsts = [first for first in firsts if first]
    if len(firsts) >= 12 and sum(map(str.isupper, firsts)) > 0.5 * len(firsts):
        found.add(2)
    if not 20 <= len(sentence) <= 500:
        found.add(3)
    if sum(c in "0123456789{}+/()>" for c in sentence) > 0.2 * len(sentence):
        found.add(4)
    if any(pattern.search(sentence) for pattern in PATTERNS):
        found.add(5)
    return found
