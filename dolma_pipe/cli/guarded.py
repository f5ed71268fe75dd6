"""Standard output and standard error behind a guard: whatever a command prints, of documents, file
names, columns or errors of libraries, nothing of it steers the terminal; and a command whose output
nobody takes ends."""

import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from dolma_pipe.errors import UserError
from dolma_pipe.report.terminal import is_shown


class ReaderGone(BaseException):
    """Nobody reads our output any more, as with | head; no error, and none of the work's."""


class Guarded:
    """A text stream whose controls, format characters and the like are written as JSON escapes, so
    that JSON stays the same JSON. Line ends and tabs stay, and the return with which a progress bar
    begins. Raises ReaderGone and UserError where it cannot be written.
    """

    def __init__(self, stream: TextIO, *, as_it_is: bool = False) -> None:
        self.stream = stream
        self.as_it_is = as_it_is

    def write(self, text: str) -> int:
        try:
            if text != "":  # click tries with nothing, and takes any error for an answer
                self.stream.write(text if self.as_it_is else escaped(text))
        except OSError as error:
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> NoReturn:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())  # what is still buffered is written at the end
        if isinstance(error, BrokenPipeError):
            raise ReaderGone
        raise UserError(f"the output cannot be written: {error.strerror}") from error

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # where the encoding is ASCII, click would write there
            raise AttributeError(name)
        return getattr(self.stream, name)


def guard() -> None:
    """From here on, for the whole process. What the terminal's encoding has not is escaped, too."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed: >&-
            stream = Path(os.devnull).open("w")  # noqa: SIM115  as long as the process
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Guarded(stream))


def unguarded(stream: TextIO) -> TextIO:
    """It escapes nothing: for colours of ours, and for text that goes into a file as it is."""
    if isinstance(stream, Guarded):
        return cast(TextIO, Guarded(stream.stream, as_it_is=True))
    return stream


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
