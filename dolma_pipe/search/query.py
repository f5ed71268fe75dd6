"""What is looked for, in which field, and how long a document may take."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import msgspec

from dolma_pipe.document import URL_FIELDS, Document, field_of
from dolma_pipe.errors import UserError

SECONDS = 10.0
"""CPU seconds that a regular expression may take in one document."""

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
        """Compiled. Raises UserError for one that Python refuses."""
        flags = re.IGNORECASE if self.ignore_case else re.NOFLAG
        given = re.escape(self.text) if self.text is not None else self.regex or ""
        try:
            given.encode()
            return re.compile(given, flags)
        except UnicodeEncodeError:
            raise UserError("the pattern is not UTF-8") from None
        except (re.error, OverflowError, RecursionError) as error:
            raise UserError(f"--regex {self.regex}: {error}") from None

    def value(self, document: Document, raw: bytes) -> str | None:
        """The string that is searched; None where the document has none."""
        if self.field == TEXT:
            return document.text
        if self.field == ID:
            return str(document.id)
        for path in URL_FIELDS if self.field == URL else (self.field,):
            value = field_of(raw, path)
            if isinstance(value, str):
                return value
        return None

    def spans(self, value: str) -> list[tuple[int, int]]:
        """Every match that overlaps none before it, in code points. Raises GaveUp."""
        if self.regex is None:
            return [match.span() for match in self.pattern.finditer(value)]
        with _limited(self.seconds):
            return [match.span() for match in self.pattern.finditer(value)]


_armed: list[float] = []
"""The limit that counts now, if any."""


def _end(number: int, frame: Any) -> None:  # noqa: ARG001
    if _armed:
        raise GaveUp


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise GaveUp in the block after so many seconds of CPU: `re` looks for signals while it
    backtracks. The time is that of this process, so that a busy machine changes nothing."""
    if signal.getsignal(signal.SIGVTALRM) is not _end:
        signal.signal(signal.SIGVTALRM, _end)
    _armed.append(seconds)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        _armed.clear()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
