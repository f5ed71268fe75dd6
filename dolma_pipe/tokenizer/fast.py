"""gigatoken: ids of a whole batch without a copy of its text."""

from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.settings import one_line
from dolma_pipe.tokenizer.ids import Ids

REMEMBERED_BYTES = 80 << 20
"""Text after which gigatoken is loaded anew: its cache takes up to 6 bytes a byte of text."""


class EncoderFailed(Exception):
    """gigatoken cannot load this tokenizer, broke down, or disagrees with `tokenizers`.

    reason: the same for all documents that it fails on so; example: one of them, or nothing.
    """

    def __init__(self, reason: str, example: str = "") -> None:
        super().__init__(f"{reason} ({example})" if example else reason)
        self.reason = reason
        self.example = example


class Gigatoken:
    """The engine for one json; it remembers every word, so it is renewed at times."""

    def __init__(self, content: str) -> None:
        self._content = content
        self._engine: Any = None
        self._remembered = 0

    def encode(self, text: U8, offsets: I64) -> Ids:
        """Documents text[offsets[d]:offsets[d + 1]] on one thread. Raises EncoderFailed."""
        from awkward.contents import ListOffsetArray, NumpyArray
        from awkward.index import Index64

        characters = NumpyArray(text, parameters={"__array__": "char"})
        strings = ListOffsetArray(Index64(offsets), characters, parameters={"__array__": "string"})
        engine = self._engine_for(int(offsets[-1] - offsets[0]))
        encoded = _attempt(engine.encode_batch, _array(strings), parallel=False)
        layout = encoded.layout.to_ListOffsetArray64(True)
        ends: I64 = np.asarray(layout.offsets.data)
        if len(ends) != len(offsets):
            raise EncoderFailed("it loses documents", f"{len(offsets) - 1} in, {len(ends) - 1} out")
        return Ids(np.asarray(layout.content.data[: ends[-1]], np.uint32), ends)

    def _engine_for(self, size: int) -> Any:
        """For size more bytes of text."""
        import gigatoken

        self._remembered += size
        if self._engine is None or self._remembered > REMEMBERED_BYTES:
            self._engine, self._remembered = None, size
            self._engine = _attempt(gigatoken.Tokenizer.from_json, self._content)
        return self._engine


def _attempt(function: Any, *args: Any, **settings: Any) -> Any:
    try:
        return function(*args, **settings)
    except (RuntimeError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise EncoderFailed(_told(error)) from error
    except BaseException as error:  # a Rust panic, whose type cannot be imported
        if type(error).__name__ != "PanicException":
            raise
        raise EncoderFailed(_told(error)) from error


def _told(error: BaseException) -> str:
    """What it says in one line, without the place in its source."""
    return one_line(str(error).partition("Location:")[0])[:200]


def _array(layout: Any) -> Any:
    import awkward

    return awkward.Array(layout)
