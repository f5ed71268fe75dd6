"""The Gopher quality counts the obvious way, over str."""

from tests.slow.fineweb import middle, tokens
from tests.slow.words import lines, words

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}


def gopher(text: str, punctuation_is_word: bool = False) -> dict[str, float]:
    found = words(text)
    pieces = len(found)
    if punctuation_is_word:
        pieces = sum(map(tokens, found))
        found = [word for word in map(middle, found) if word]
    if not pieces:
        return dict.fromkeys(COLUMNS, 0.0) | {"characters": float(len(text))}
    stripped = [line.strip() for line in lines(text) if line.strip()]
    return {
        "words": len(found),
        "characters": len(text),
        "mean_word_length": sum(map(len, found)) / len(found) if found else 0.0,
        "symbol_to_word_ratio": max(text.count("#"), text.count("...") + text.count("…")) / pieces,
        "bullet_lines": sum(line[0] in "•‣▪●○◦⁃∙*-" for line in stripped) / len(stripped),
        "ellipsis_lines": sum(line.endswith(("...", "…")) for line in stripped) / len(stripped),
        "alphabetic_words": sum(any(map(str.isalpha, w)) for w in found) / pieces,
        "stop_words": len(STOP_WORDS & {w.lower() for w in found}),
    }


COLUMNS = tuple(gopher("x"))
