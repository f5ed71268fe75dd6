"""Lines of JSONL that can match, found in their bytes without parsing any.

A match has a certain string in it. Either all of that string stands in the line in its usual
spelling, or one of its characters stands there in an unusual one: both are looked for.
"""

import re
from collections.abc import Iterable, Iterator

import numpy as np

from dolma_pipe.search.required import Run
from dolma_pipe.search.spellings import cases, hexadecimal, unusual, usual

LONG_ENOUGH = 3


class Sieve:
    """Finds lines that have one of some strings in a JSON string of theirs, and perhaps others."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._plain: set[bytes] = set()
        self._lower: set[bytes] = set()
        self._patterns: list[re.Pattern[bytes]] = []
        hexes: set[bytes] = set()
        for run in runs:
            spelt = [cases(char) if run.fold else (char,) for char in run.chars]
            if not run.fold:
                self._plain.add(b"".join(map(usual, run.chars)))
            elif ascii_run := _ascii_run(run.chars):
                self._lower.add(b"".join(map(usual, ascii_run)).lower())
                spelt = [cases(char) for char in ascii_run]
                others = {c for chars in spelt for c in chars if not c.isascii()}
                self._plain |= {c.encode() for c in others}
            else:
                self._patterns.append(_any_case(spelt))
            for char in {char for chars in spelt for char in chars}:
                self._plain.update(unusual(char))
                hexes.update(hexadecimal(char))
        self._escaped = re.compile(b"\\\\u(?:" + b"|".join(sorted(hexes)) + b")")

    def starts(self, block: bytes) -> list[int]:
        """Where the lines that can match begin in a block of lines."""
        found: set[int] = set()
        for string in self._plain:
            found.update(_lines_with(string, block, block))
        if self._lower:
            lowered = block.lower()
            for string in self._lower:
                found.update(_lines_with(string, lowered, block))
        for pattern in self._patterns:
            found.update(_lines_matching(pattern, block))
        if _has_escapes(block):
            found.update(_lines_matching(self._escaped, block))
        return sorted(found)


def _ascii_run(chars: str) -> str:
    """The longest stretch of ASCII, if it is not much shorter without i, k and s: each of them has
    another case that is not ASCII, for which the block must be searched once more."""
    longest = max(re.findall(r"[\0-\x7f]+", chars), key=len, default="")
    plain = max(re.findall(r"[\0-hjl-rt-\x7f]+", longest.lower()), key=len, default="")
    return plain if len(plain) > LONG_ENOUGH else longest


def _has_escapes(block: bytes) -> bool:
    r"""Whether there is a \u; `in` takes several times as long for two bytes."""
    content = np.frombuffer(block, np.uint8)
    return bool(np.any((content[:-1] == ord("\\")) & (content[1:] == ord("u"))))


def _any_case(spelt: list[tuple[str, ...]]) -> re.Pattern[bytes]:
    """Characters none of which is ASCII, in their usual spelling."""
    parts = (b"|".join(sorted(re.escape(char.encode()) for char in chars)) for chars in spelt)
    return re.compile(b"".join(b"(?:" + part + b")" for part in parts))


def _lines_with(string: bytes, searched: bytes, block: bytes) -> Iterator[int]:
    """searched: the block, or the block in small letters, byte for byte."""
    at = end = 0
    while (at := searched.find(string, end)) >= 0:
        yield block.rfind(b"\n", end, at) + 1 or end
        end = _end(block, at)


def _lines_matching(pattern: re.Pattern[bytes], block: bytes) -> Iterator[int]:
    end = 0
    while match := pattern.search(block, end):
        yield block.rfind(b"\n", end, match.start()) + 1 or end
        end = _end(block, match.start())


def _end(block: bytes, at: int) -> int:
    """Where the next line begins."""
    end = block.find(b"\n", at)
    return len(block) if end < 0 else end + 1
