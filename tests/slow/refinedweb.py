"""The RefinedWeb line rules the obvious way, over str."""

import re
import unicodedata

from tests.slow.words import words

COUNTER = re.compile(
    "[-S.,]*0[0.,]*[kmb]?S+(?:likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes"
    "|downvotes|downloads|views|followers)[-S.,]*"
)
WORD = "[A-Za-z0-9\u0080-\U0010ffff]"
NAVIGATION = re.compile(
    rf"\Asign-in(?!{WORD})[ \t]?|[ \t]?(?<!{WORD})"
    rf"(?:items in cart(?!{WORD})|read more(?:\.\.\.|…)\Z)",
    re.IGNORECASE | re.ASCII,
)
Limits = tuple[float, float, int, int]


def kind(character: str) -> str:
    """0 for a digit, S for white space, X for letters outside of ASCII, - for most marks."""
    if character.isspace():
        return "S"
    category = unicodedata.category(character)
    if category == "Nd":
        return "0"
    if character.isascii() and character.isalpha():
        return character.lower()
    if category[0] in "LM" or character == "_":
        return "X"
    return character if character in ".," else "-"


def counted(text: str) -> int:
    """Words with a letter or a digit."""
    return sum(any(c.isalpha() or kind(c) == "0" for c in word) for word in words(text))


def reason(line: str, limits: Limits) -> int:
    if sum(c.isupper() for c in line) > limits[0] * len(line):
        return 1
    if sum(unicodedata.category(c) == "Nd" for c in line) > limits[1] * len(line):
        return 2
    if COUNTER.fullmatch("".join(map(kind, line))):
        return 3
    return 4 if counted(line) < limits[2] else 0


def refinedweb(text: str, limits: Limits) -> tuple[list[float], str]:
    """The columns, and the text without what is removed."""
    row = [0.0] * 8
    kept, total, removed, removing = "", 0, 0, False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        stripped = line.strip()
        if not stripped:
            kept += "" if removing else line
            continue
        found = counted(line)
        why, cut, rest = reason(stripped, limits), 0, stripped
        if why == 0 and found <= limits[3]:
            phrases = [match.strip(" \t") for match in NAVIGATION.findall(stripped)]
            row[7] += len(phrases)
            cut = sum(len(phrase.split()) for phrase in phrases)
            rest = NAVIGATION.sub("", stripped)
            if phrases and not rest.strip(" \t"):
                why = 5
        elif why:
            row[2 + why] += 1
        row[0] += 1
        removing = why > 0
        row[1] += not removing
        total += found
        removed += found if removing else min(cut, found)
        if not removing:
            left = line[: len(line) - len(line.lstrip())]
            kept += left + rest + line[len(left) + len(stripped) :]
    row[2] = removed / total if total else 0.0
    return row, kept
