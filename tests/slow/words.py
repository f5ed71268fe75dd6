"""Words and lines the obvious way, over str."""

import re
import unicodedata

SCRIPTS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u2e80-\u2fdf\u3005\u3007"
    "\u3021-\u3029\u3038-\u303b\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U000116d0-\U000116ff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003fffd]"
)


def is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def words(text: str) -> list[str]:
    found: list[str] = []
    for run in text.split():
        alone = False
        fresh = True
        for c in run:
            if SCRIPTS.match(c) and not is_mark(c):
                found.append(c)
                alone = True
            elif fresh or (alone and not is_mark(c)):
                found.append(c)
                alone = False
            else:
                found[-1] += c
            fresh = False
    return found


def lines(text: str) -> list[str]:
    found = text.split("\n")
    return found[:-1] if found[-1] == "" else found
