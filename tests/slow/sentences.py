"""Sentences the obvious way, over str."""

import re

from dolma_pipe.kernels.marks import SENTENCE_TERMINALS
from tests.slow.words import lines, words

ENDS = SENTENCE_TERMINALS + "…"
CLOSERS = "\"'”’»)\\]}」』）"
WIDE = re.compile(f"[。！？｡][{CLOSERS}{ENDS}]*")
ENDED = re.compile(f"[{ENDS}][{CLOSERS}]*\\Z")


def sentences_of_line(line: str) -> list[str]:
    """Cut after wide marks and after words that end in a mark, at most."""
    found = []
    start = at = 0
    rest = words(line)
    for i, word in enumerate(rest):
        here = line.index(word, at)
        at = here + len(word)
        cuts = [here + match.end() for match in WIDE.finditer(word)]
        follower = rest[i + 1][0] if i + 1 < len(rest) else None
        if ENDED.search(word) and follower is not None and not follower.islower():
            cuts.append(at)
        for cut in cuts:
            if line[start:cut].strip():
                found.append(line[start:cut].strip())
            start = cut
    return [*found, line[start:].strip()] if line[start:].strip() else found


def sentences(text: str) -> list[str]:
    return [s for line in lines(text) for s in sentences_of_line(line)]
