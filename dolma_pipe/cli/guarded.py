"""Standard output and standard error behind a guard: whatever a command prints, of documents, file
names, columns or errors of libraries, nothing of it steers the terminal."""

import io
import sys
from typing import Any, TextIO, cast

from dolma_pipe.report.terminal import is_shown


class Guarded:
    """A text stream whose controls, format characters and the like are written as JSON escapes, so
    that JSON stays the same JSON. Line ends and tabs stay, and the return with which a progress bar
    begins.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(escaped(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # where the encoding is ASCII, click would write there
            raise AttributeError(name)
        return getattr(self.stream, name)


def guard() -> None:
    """From here on, for the whole process. What the terminal's encoding has not is escaped, too."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = cast(TextIO, Guarded(sys.stdout))
    sys.stderr = cast(TextIO, Guarded(sys.stderr))


def unguarded(stream: TextIO) -> TextIO:
    """The stream itself: for colours of ours, and for text that goes into a file as it is."""
    return stream.stream if isinstance(stream, Guarded) else stream


def escaped(text: str) -> str:
    """The text as a guarded stream writes it."""
    begin = "\r" if text.startswith("\r") else ""
    return begin + text[len(begin) :].translate(_ESCAPED)


class _Escaped(dict[int, str]):
    """What is written of a character, found when it is first wanted."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if is_shown(char) else _escape(char)
        return self[code]


_ESCAPED = _Escaped()


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
