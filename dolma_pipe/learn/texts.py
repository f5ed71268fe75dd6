"""A document as fastText sees it, in training as in prediction: one line of words.

Words are runs between space, tab, line ends, form feed, vertical tab and NUL; nothing is
lower-cased, no punctuation is split off. A word that begins with __label__ is a label to fastText
and no word, so it is left out; a word </s> ends its line, so whatever follows is left out. The
classifier tagger's kernel reads the original text in just that way.
"""

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.jit import F64, I64

LABEL_PREFIX, LINE_END = b"__label__", b"</s>"
_NUL_IS_SPACE = bytes.maketrans(b"\0", b" ")


def as_seen(text: bytes) -> bytes:
    """The words of a text joined by single spaces."""
    words = text.translate(_NUL_IS_SPACE).split()
    if LINE_END in text and LINE_END in words:
        words = words[: words.index(LINE_END)]
    if LABEL_PREFIX in text:
        words = [word for word in words if not word.startswith(LABEL_PREFIX)]
    return b" ".join(words)


def shapes(batch: Batch) -> tuple[I64, F64]:
    """What needs no model: characters int64[documents], and the mean characters of a line that is
    not empty, float64[documents] (0 without lines)."""
    starts_character = (batch.text & 0xC0) != 0x80
    before = np.concatenate([[0], np.cumsum(starts_character)])
    characters = np.diff(before[batch.offsets])
    line_ends = np.concatenate([[0], np.cumsum(batch.text == ord("\n"))])
    in_lines = characters - np.diff(line_ends[batch.offsets])
    lines = batch.lines
    filled = np.concatenate([[0], np.cumsum(lines.ends > lines.starts)])
    return characters, in_lines / np.maximum(1, np.diff(filled[lines.offsets]))
