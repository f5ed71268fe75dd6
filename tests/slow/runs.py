"""Runs of letters the obvious way, over str."""

import unicodedata
from typing import NamedTuple

from tests.slow.words import SCRIPTS, is_mark


class Run(NamedTuple):
    text: str
    letters: int
    kind: int
    join: int
    capital: bool


def folded(text: str) -> str:
    """Simple lower case; both sigmas are one."""
    lower = (c.lower() if len(c.lower()) == 1 else c.lower()[0] for c in text)
    return "".join(lower).replace("ς", "σ")


def letter_runs(text: str) -> list[Run]:
    runs: list[Run] = []
    is_open = False
    join = 0
    for c in text:
        letter = unicodedata.category(c).startswith("L")
        alone = letter and bool(SCRIPTS.match(c))
        if is_open and is_mark(c):
            last = runs[-1]
            runs[-1] = last._replace(text=last.text + c)
        elif is_open and letter and not alone and runs[-1].kind == 0:
            last = runs[-1]
            runs[-1] = last._replace(text=last.text + c, letters=last.letters + 1)
        elif letter:
            runs.append(Run(c, 1, kind_of(c) if alone else 0, 2 if is_open else join, c.isupper()))
            is_open = True
        else:
            if is_open:
                join = 2
            is_open = False
            if not c.isspace():
                join = 0
            elif join == 2:
                join = 1
    return runs


def kind_of(c: str) -> int:
    """Han or another script without spaces."""
    name = unicodedata.name(c, "")
    return 1 if name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH")) else 2
