"""A regular expression as a table of states that bytes are run through.

It finds at least every text with a match, and few others: zero-width assertions are taken to hold,
a reference to a group may be anything, long repeats and rare characters are not told apart.
"""

import re
from collections.abc import Iterable
from re import _compiler, _parser  # type: ignore[attr-defined]
from re import _constants as op  # type: ignore[attr-defined]
from typing import Any

import numpy as np

from dolma_pipe.kernels.automaton import (
    ACCEPT,
    BACKSLASH,
    ESCAPE,
    LINE_END,
    NEWLINE,
    QUOTE,
    READ,
    START,
    STRIDE,
    STRING_END,
)
from dolma_pipe.kernels.jit import I32

COPIES = 32
"""Of what is repeated a given number of times; from there on it is any number."""
MOST_POINTS, MOST_STATES = 5000, 2000
"""Beyond them the rest of an expression is taken to match."""
EACH = 16
"""Characters beyond ASCII that are told apart one by one; of more, their first bytes."""

_ONE = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_ZERO_WIDTH = (op.AT, op.ASSERT, op.ASSERT_NOT)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_TYPES = re.ASCII | re.LOCALE | re.UNICODE
_CHARS = "".join(chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000)
_ANY = (1 << STRIDE) - 1
"""A set of bytes is a number with a bit for each."""
_FOLLOWING = (1 << 0xC0) - (1 << 0x80)
"""The bytes that continue a character."""


class _TooLarge(Exception):
    """The expression has too many points."""


def table_of(pattern: re.Pattern[str]) -> I32 | None:
    """int32[states x STRIDE], as kernels/automaton.py reads it; None where any text may match."""
    points = _Points()
    try:
        end = points.sequence(_parser.parse(pattern.pattern, pattern.flags), pattern.flags, 0)
    except (_TooLarge, RecursionError):
        return None
    return _determined(points, end)


class _Points:
    """What a match goes through: numbered points, and the bytes that lead from one to the next."""

    def __init__(self) -> None:
        self.steps: list[list[tuple[int, int]]] = [[]]
        """Of each point: a set of bytes, and where it leads."""
        self._jumps: list[list[int]] = [[]]
        """Of each point: those that are reached without any byte."""
        self._spelt: dict[tuple[Any, str, int], list[tuple[int, ...]]] = {}

    def sequence(self, items: Iterable[Any], flags: int, at: int) -> int:
        """Where a match of all the items ends that begins at a point."""
        for code, value in items:
            at = self._item(code, value, flags, at)
        return at

    def _item(self, code: Any, value: Any, flags: int, at: int) -> int:
        if code in _ONE:
            return self._character(code, value, flags, at)
        if code in _ZERO_WIDTH:
            return at
        if code in _REPEATS:
            least, most, items = value
            return self._repeated(least, most, items, flags, at)
        if code is op.ATOMIC_GROUP:
            return self.sequence(value, flags, at)
        if code is op.SUBPATTERN:
            _, added, removed, inside = value
            kept = flags & ~_TYPES if added & _TYPES else flags
            return self.sequence(inside, (kept | added) & ~removed, at)
        if code in (op.BRANCH, op.GROUPREF_EXISTS):
            branches = value[1] if code is op.BRANCH else value[1:]
            return self._joined([self.sequence(each or (), flags, at) for each in branches])
        anything = self._joined([at])
        self.steps[anything].append((_ANY, anything))
        return anything

    def _character(self, code: Any, value: Any, flags: int, at: int) -> int:
        key = (code, repr(value), flags)
        if key not in self._spelt:
            self._spelt[key] = _spellings(code, value, flags)
        end = self._point()
        for *sets, last in self._spelt[key]:
            here = at
            for each in sets:
                self.steps[here].append((each, self._point()))
                here = len(self.steps) - 1
            self.steps[here].append((last, end))
        return end

    def _repeated(self, least: int, most: int, items: Any, flags: int, at: int) -> int:
        for _ in range(min(least, COPIES)):
            at = self.sequence(items, flags, at)
        if least == most <= COPIES:
            return at
        if most == 1:
            return self._joined([at, self.sequence(items, flags, at)])
        at = self._joined([at])
        self._jumps[self.sequence(items, flags, at)].append(at)
        return at

    def _joined(self, ends: list[int]) -> int:
        to = self._point()
        for end in ends:
            self._jumps[end].append(to)
        return to

    def _point(self) -> int:
        if len(self.steps) == MOST_POINTS:
            raise _TooLarge
        self.steps.append([])
        self._jumps.append([])
        return len(self.steps) - 1

    def closures(self) -> list[frozenset[int]]:
        """Of each point: itself, and all that are reached without any byte."""
        found = []
        for point in range(len(self._jumps)):
            reached, waiting = {point}, [point]
            while waiting:
                fresh = set(self._jumps[waiting.pop()]) - reached
                reached |= fresh
                waiting += fresh
            found.append(frozenset(reached))
        return found


def _spellings(code: Any, value: Any, flags: int) -> list[tuple[int, ...]]:
    """The bytes of the characters that a part of an expression matches: sets of bytes, one after
    the other."""
    if code is op.LITERAL and not flags & re.IGNORECASE:
        chars = [] if 0xD800 <= value < 0xE000 else [chr(value)]  # no text has half a pair
    else:
        alone = _parser.SubPattern(_parser.State(), [(code, value)])
        chars = _compiler.compile(alone, flags).findall(_CHARS)
    wide = "".join(char for char in chars if not char.isascii())
    spelt: list[tuple[int, ...]] = [(_set(ord(char) for char in chars if char.isascii()),)]
    if len(wide) <= EACH:
        spelt += [tuple(1 << byte for byte in char.encode()) for char in wide]
    else:
        codes = np.frombuffer(wide.encode("utf-32-le"), np.uint32)
        two, three = codes[codes < 0x800] >> 6, codes[codes >= 0x800] >> 12
        spelt += [(_set(0xC0 | two), _FOLLOWING), (_set(0xE0 | three), _FOLLOWING, _FOLLOWING)]
    if code is not op.LITERAL or (value >= 0x10000 and flags & re.IGNORECASE):
        spelt.append((_set(range(0xF0, 0xF5)), _FOLLOWING, _FOLLOWING, _FOLLOWING))
    return [sets for sets in spelt if all(sets)]


def _set(values: Iterable[int]) -> int:
    return sum(1 << int(byte) for byte in set(values))


def _determined(points: _Points, end: int) -> I32 | None:
    """A state for each set of points that are reached together. Those that are reached before the
    first byte are left out of the sets: a match may begin anywhere."""
    closures = points.closures()
    first = closures[0]
    if end in first:
        return None

    def after(reached: Iterable[int], byte: int) -> frozenset[int]:
        steps = (step for point in reached for step in points.steps[point])
        ends = (closures[to] for each, to in steps if each >> byte & 1)
        return frozenset[int]().union(*ends) - first

    kinds = _kinds({each for steps in points.steps for each, _ in steps})
    begun = [after(first, byte) for byte, *_ in kinds]
    states = {frozenset[int](): START}
    rows = []
    for state in (waiting := list(states)):  # it grows
        row = [ACCEPT] * STRIDE
        for kind, fresh in zip(kinds, begun, strict=True):
            then = fresh | after(state, kind[0])
            if end not in then and then not in states and len(states) < MOST_STATES:
                states[then] = START + STRIDE * len(states)
                waiting.append(then)
            for byte in kind:
                row[byte] = states.get(then, ACCEPT)
        rows.append(row)
    table = np.array([[ACCEPT] * STRIDE] * (START // STRIDE) + rows, np.int32)
    for char, ends_in in ((NEWLINE, LINE_END), (QUOTE, STRING_END), (BACKSLASH, ESCAPE)):
        table[:, READ[char]], table[:, char] = table[:, char], ends_in
    return table.ravel()


def _kinds(sets: set[int]) -> list[list[int]]:
    """Bytes that are in the same sets."""
    kinds: dict[tuple[int, ...], list[int]] = {}
    for byte in range(STRIDE):
        kinds.setdefault(tuple(each >> byte & 1 for each in sets), []).append(byte)
    return list(kinds.values())
