"""Statistics of words, lines and characters the obvious way, over str."""

import math
import unicodedata
from collections import Counter

from dolma_pipe.kernels.statistics import COLUMNS
from tests.slow.words import words


def statistics(text: str) -> dict[str, float]:
    row = dict.fromkeys(COLUMNS, 0.0)
    row |= {"bytes": len(text.encode()), "characters": len(text)}
    if not text:
        return row
    categories = list(map(unicodedata.category, text))
    row |= {
        "letters": sum(map(str.isalpha, text)) / len(text),
        "digits": categories.count("Nd") / len(text),
        "upper_case": sum(map(str.isupper, text)) / len(text),
        "punctuation": sum(category[0] in "PS" for category in categories) / len(text),
        "white_space": sum(map(str.isspace, text)) / len(text),
        "non_ascii": sum(not c.isascii() for c in text) / len(text),
    }
    found = words(text)
    if not found:
        return row
    lines = [line for line in text.split("\n") if line.strip()]
    blocks = "\n".join(line if line.strip() else "" for line in text.split("\n")).split("\n\n")
    shares = [n / len(found) for n in Counter(found).values()]
    return row | {
        "words": len(found),
        "lines": len(lines),
        "paragraphs": sum(bool(block.strip()) for block in blocks),
        "mean_word_length": sum(map(len, found)) / len(found),
        "max_word_length": max(map(len, found)),
        "mean_line_length": sum(map(len, lines)) / len(lines),
        "max_line_length": max(map(len, lines)),
        "unique_words": len(shares) / len(found),
        "word_entropy": -sum(share * math.log(share) for share in shares),
        "capital_words": sum(
            any(map(str.isupper, word)) and not any(map(str.islower, word)) for word in found
        )
        / len(found),
    }
