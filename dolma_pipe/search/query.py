"""What is looked for, in which field, and how long a document may take."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import msgspec

from dolma_pipe.document import URL_FIELDS, Document, field_of
from dolma_pipe.errors import UserError

SECONDS = 10.0
"""CPU seconds that a regular expression may take in one document, and up to a quarter more."""

LONGEST, TICKS = 1e6, 4
"""Seconds that a clock can count, and how often it ticks in those that a document has; the first
tick comes at any time."""

TEXT, ID, URL = "text", "id", "url"


class GaveUp(Exception):
    """The pattern takes too long in this document."""


class Query(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Words as they stand, or a regular expression of Python's `re`."""

    text: str | None = None
    regex: str | None = None
    ignore_case: bool = False
    field: str = TEXT
    """text, id, url, or a path of keys: metadata.x. Strings only."""
    seconds: float = SECONDS

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled. Raises UserError for one that Python refuses, and for a field's name."""
        flags = re.IGNORECASE if self.ignore_case else re.NOFLAG
        given = re.escape(self.text) if self.text is not None else self.regex or ""
        try:
            (given + self.field).encode()
            return re.compile(given, flags)
        except UnicodeEncodeError:
            raise UserError("the pattern or the field is not UTF-8") from None
        except (re.error, OverflowError, RecursionError) as error:
            raise UserError(f"--regex {self.regex}: {error}") from None

    @property
    def paths(self) -> tuple[str, ...]:
        """Keys joined by dots: where the string is looked for, in this order."""
        return URL_FIELDS if self.field == URL else (self.field,)

    def value(self, document: Document, raw: bytes) -> str | None:
        """The string that is searched; None where the document has none."""
        if self.field == TEXT:
            return document.text
        if self.field == ID:
            return str(document.id)
        return self.string_in(raw)

    def string_in(self, raw: bytes) -> str | None:
        """The string at the field's path in a line of JSON."""
        for path in self.paths:
            value = field_of(raw, path)
            if isinstance(value, str):
                return value
        return None

    def spans(self, value: str) -> list[tuple[int, int]]:
        """Every match that overlaps none before it, in code points. Raises GaveUp."""
        with _limit:
            return [match.span() for match in self.pattern.finditer(value)]

    def count(self, value: str) -> int:
        """How many such matches there are. Raises GaveUp."""
        with _limit:
            return len(self.pattern.findall(value))

    def matches(self, value: str) -> bool:
        """Whether there is one. Raises GaveUp."""
        with _limit:
            return self.pattern.search(value) is not None

    @contextmanager
    def limited(self) -> Iterator[None]:
        """While documents are searched in the block, each has its seconds of CPU: `re` looks for
        signals while it backtracks. The time is that of this process, so that a busy machine
        changes nothing."""
        signal.signal(signal.SIGVTALRM, _limit.tick)
        seconds = min(LONGEST, self.seconds) / TICKS  # in this order LONGEST for NaN
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


class _Limit:
    """Around the search of one document: a clock for each would take longer than most of them."""

    ticks: int | None = None
    """Since it began; None between two documents."""

    def __enter__(self) -> None:
        self.ticks = 0

    def __exit__(self, *_: object) -> None:
        self.ticks = None

    def tick(self, *_: object) -> None:
        if self.ticks is not None:
            self.ticks += 1
            if self.ticks > TICKS:
                raise GaveUp


_limit = _Limit()
