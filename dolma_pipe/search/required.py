"""Strings of which one stands in everything that a regular expression matches."""

import re
from collections.abc import Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

MOST = 64
"""Strings to choose from; of more, looking for each takes longer than reading all."""

_ZERO_WIDTH = (op.AT, op.ASSERT, op.ASSERT_NOT)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


class Run(NamedTuple):
    """Characters one after the other. fold: in any letter case."""

    chars: str
    fold: bool


def required(pattern: re.Pattern[str]) -> tuple[Run, ...] | None:
    """Strings of which one at least is in each match; None where nothing can be said."""
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    found = _best(list(_choices(parsed, bool(pattern.flags & re.IGNORECASE))))
    return found if found is not None and len(found) <= MOST else None


def _best(choices: list[tuple[Run, ...]]) -> tuple[Run, ...] | None:
    """Those of which the shortest is longest, and of them the fewest."""
    return max(
        choices, key=lambda runs: (min(len(r.chars) for r in runs), -len(runs)), default=None
    )


def _choices(items: Any, fold: bool) -> Iterator[tuple[Run, ...]]:
    """Each of them alone would do."""
    chars, folded = "", fold
    for code, value, in_fold in _flat(items, fold):
        if code in _ZERO_WIDTH:
            continue
        if code is op.LITERAL and not 0xD800 <= value < 0xE000:  # no text has half a pair
            if chars and in_fold != folded:
                yield (Run(chars, folded),)
                chars = ""
            chars, folded = chars + chr(value), in_fold
            continue
        if chars:
            yield (Run(chars, folded),)
            chars = ""
        if code in _REPEATS and value[0] > 0:
            yield from _choices(value[2], in_fold)
        elif code is op.BRANCH:
            of_each = [_best(list(_choices(branch, in_fold))) for branch in value[1]]
            if all(of_each):
                yield tuple(run for runs in of_each for run in runs or ())
    if chars:
        yield (Run(chars, folded),)


def _flat(items: Any, fold: bool) -> Iterator[tuple[Any, Any, bool]]:
    """The parts of a sequence, those of groups in their place; whether letter case counts there."""
    for code, value in items:
        if code is op.SUBPATTERN:
            _, added, removed, inside = value
            within = (fold or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
            yield from _flat(inside, within)
        elif code is op.ATOMIC_GROUP:
            yield from _flat(value, fold)
        else:
            yield code, value, fold
