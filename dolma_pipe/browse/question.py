"""What a page asks for: parameters of an address, checked strictly against the run."""

import math
import re
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from dolma_pipe.browse.opened import Opened
from dolma_pipe.settings import nearest

Verdict = Literal["all", "kept", "dropped", "duplicate", "cut", "quarantined"]
Order = Literal["input", "ascending", "descending"]
ROWS = 50
MOST_ROWS = 500
LONGEST = 1000
"""Code points of a parameter."""
CURSOR = re.compile(r"(\d{1,9})(?:\.(\d{1,15})(?:~([-+.\dEeInf]{1,30})~(\d{1,9}))?)?")


class Refused(Exception):
    """An answer in one line. status: 400 for what cannot be asked, 404 for what is not there."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status


class Cursor(msgspec.Struct, frozen=True):
    """Behind which document a list goes on: place of its shard and its line (0: before the first).

    Of an ordered list also its value, and the place of the first shard that is ordered together.
    """

    shard: int = 0
    line: int = 0
    value: float | None = None
    window: int = 0

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.shard}.{self.line}"
        return f"{self.shard}.{self.line}~{self.value!r}~{self.window}"


class Question(msgspec.Struct, frozen=True):
    """A list. detail: of the verdict, the column of a rule or the number of an entry. minimum,
    maximum: of `column`; label: what it is. name: how the id begins; text: is in it somewhere."""

    source: str = ""
    verdict: Verdict = "all"
    detail: str = ""
    column: str = ""
    minimum: float | None = None
    maximum: float | None = None
    label: str | None = None
    order: Order = "input"
    name: str = ""
    text: str = ""
    after: Cursor = Cursor()
    limit: int = ROWS

    @property
    def entry(self) -> int | None:
        """The dedup entry that is asked for."""
        return int(self.detail) if self.verdict == "duplicate" and self.detail else None


def one_each(given: Mapping[str, list[str]], known: tuple[str, ...]) -> dict[str, str]:
    """Each parameter once and no other, those that are empty left out. Raises Refused."""
    for name, values in given.items():
        if name not in known:
            raise Refused(400, f"unknown parameter {name[:40]!a}{nearest(name[:40], known)}")
        if len(values) > 1:
            raise Refused(400, f"{name} is there {len(values)} times")
        if len(values[0]) > LONGEST:
            raise Refused(400, f"{name} is longer than {LONGEST} characters")
        if any("\ud800" <= char <= "\udfff" for char in values[0]):
            raise Refused(400, f"{name} is not UTF-8")
    return {name: values[0] for name, values in given.items() if values[0]}


ASKED = (
    *("source", "verdict", "column", "min", "max", "is", "order", "id", "text", "after", "limit"),
)


def question(opened: Opened, given: Mapping[str, list[str]]) -> Question:
    """Raises Refused for what is malformed, or not there."""
    told = one_each(given, ASKED)
    verdict, _, detail = told.get("verdict", "all").partition(":")
    if verdict not in get_args(Verdict):
        raise Refused(400, f"unknown verdict {verdict[:40]!a}{nearest(verdict, get_args(Verdict))}")
    order = told.get("order", "input")
    if order not in get_args(Order):
        raise Refused(400, f"unknown order {order[:40]!a}{nearest(order, get_args(Order))}")
    asked = Question(
        source=told.get("source", ""),
        verdict=verdict,  # type: ignore[arg-type]  # both are checked above
        detail=detail,
        column=told.get("column", ""),
        minimum=_number(told, "min"),
        maximum=_number(told, "max"),
        label=told.get("is"),
        order=order,  # type: ignore[arg-type]
        name=told.get("id", ""),
        text=told.get("text", ""),
        after=_cursor(opened, told.get("after", "0")),
        limit=whole(told, "limit", ROWS, 1, MOST_ROWS),
    )
    _check(opened, asked)
    return asked


def whole(told: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds. Raises Refused."""
    given = told.get(name, str(default))
    if not re.fullmatch(r"\d{1,15}", given, re.ASCII) or not least <= int(given) <= most:
        raise Refused(400, f"{name} is {given[:40]!a}, not a number from {least} to {most}")
    return int(given)


def _number(told: Mapping[str, str], name: str) -> float | None:
    if name not in told:
        return None
    try:
        number = float(told[name])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Refused(400, f"{name} is {told[name][:40]!a}, not a number")
    return number


def _cursor(opened: Opened, given: str) -> Cursor:
    match = CURSOR.fullmatch(given)
    try:
        if match is None:
            raise ValueError
        shard, line, value, window = match.groups()
        cursor = Cursor(
            int(shard), int(line or 0), float(value) if value else None, int(window or shard)
        )
    except ValueError:
        raise Refused(400, f"after is {given[:40]!a}, not what an answer has told") from None
    if max(cursor.shard, cursor.window) > len(opened.shards):
        raise Refused(404, "after is behind the last shard: begin again")
    return cursor


def _check(opened: Opened, asked: Question) -> None:
    """That there is what is asked for, and that it goes together."""
    sources = [source.name for source in opened.run.recipe.sources]
    if asked.source and asked.source not in sources:
        raise Refused(404, f"no source {asked.source[:80]!a}{nearest(asked.source, sources)}")
    _check_detail(opened, asked)
    columns = opened.columns()
    if asked.column and asked.column not in columns:
        raise Refused(404, f"no column {asked.column[:80]!a}{nearest(asked.column, [*columns])}")
    kind = columns.get(asked.column)
    bounds = asked.minimum is not None or asked.maximum is not None
    if kind is None and (bounds or asked.label is not None or asked.order != "input"):
        raise Refused(400, "a range, a label or an order needs its column")
    if kind == "label" and (bounds or asked.order != "input"):
        raise Refused(400, f"{asked.column} has labels: ask for one with is=")
    if kind not in (None, "label") and asked.label is not None:
        raise Refused(400, f"{asked.column} has numbers: ask for a range with min= and max=")
    if asked.minimum is not None and asked.maximum is not None and asked.minimum > asked.maximum:
        raise Refused(400, "min is above max")
    if asked.order != "input" and asked.text:
        raise Refused(400, "a search in texts goes in the order of the input")
    if asked.verdict == "quarantined" and (asked.column or asked.name or asked.text):
        raise Refused(400, "what is quarantined has no columns, ids and texts")


def _check_detail(opened: Opened, asked: Question) -> None:
    if not asked.detail:
        return
    recipe = opened.run.recipe
    if asked.verdict == "dropped":
        known = {rule.column for source in recipe.sources for rule in source.rules}
        known |= {rule for shard in opened.shards for rule in shard.counts.dropped}
    elif asked.verdict == "duplicate":
        known = {str(k) for k in range(1, len(recipe.dedup) + 1)}
    else:
        raise Refused(400, f"{asked.verdict} has no parts")
    if asked.detail not in known:
        what = "rule" if asked.verdict == "dropped" else "dedup entry"
        raise Refused(404, f"no {what} {asked.detail[:80]!a}{nearest(asked.detail, known)}")
