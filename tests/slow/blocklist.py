"""Entries of a word list found the obvious way."""

import unicodedata

from tests.slow.words import SCRIPTS, is_mark


def is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def low(text: str) -> str:
    return "".join("i" if c == "İ" else c.lower() for c in text)


def tokens(text: str) -> list[tuple[str, str, str, bool]]:
    """Of each: itself, the signs that touch it before and after, and whether it is joined on."""
    found = []
    for run in text.split():
        pieces: list[str] = []  # signs, token, signs, token, ..., signs
        signs, token, alone = "", "", False
        for c in run:
            ends = is_sign(c) or (SCRIPTS.match(c) and not is_mark(c))
            if token and (ends or (alone and not is_mark(c))):
                pieces += [signs, token]
                signs, token = "", ""
            if is_sign(c):
                signs += c
            else:
                alone = alone if token else bool(SCRIPTS.match(c) and not is_mark(c))
                token += c
        if token:
            pieces += [signs, token]
            signs = ""
        pieces = [low(piece) for piece in [*pieces, signs]]
        if len(pieces) == 1:
            found.append((pieces[0], "", "", False))
        for i in range(1, len(pieces), 2):
            found.append((pieces[i], pieces[i - 1], pieces[i + 1], i > 1))
    return found


def stands(entry: list[tuple[str, str, str, bool]], at: list[tuple[str, str, str, bool]]) -> bool:
    """Whether the tokens of an entry are the first of these."""
    if len(at) < len(entry):
        return False
    for k, (token, before, _, joined) in enumerate(entry):
        if at[k][0] != token:
            return False
        joint = before if joined else ""
        if k > 0 and (at[k][1] if at[k][3] else "") != joint:
            return False
    lead, trail = entry[0][1], entry[-1][2]
    return lead in ("", at[0][1]) and trail in ("", at[len(entry) - 1][2])


def hits(text: str, entries: list[str]) -> list[tuple[int, int]]:
    """(tokens, entries that are as long) of each hit, leftmost first, the longest at a place."""
    found, k, here = [], 0, tokens(text)
    wanted = {tuple(tokens(entry)) for entry in entries} - {()}
    while k < len(here):
        fitting = [len(entry) for entry in wanted if stands(list(entry), here[k:])]
        if fitting:
            found.append((k, max(fitting)))
        k += max(fitting, default=1)
    return found
