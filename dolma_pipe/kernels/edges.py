"""Marks at the ends of a word, split off as word tokenizers do (NLTK, spaCy)."""

from dolma_pipe.kernels.jit import U8, U16, inlined
from dolma_pipe.kernels.unicode import PUNCTUATION, code_point_at, flags_of, last_code_point


@inlined
def split_marks(text: U8, start: int, end: int, pages: U16, flags: U8) -> tuple[int, int, int]:
    """How many tokens a word is, and where the part between its marks starts and ends.

    A run of equal marks at either end is a token, and so is what lies between; marks inside stay.
    """
    count, before = 0, -1
    while start < end:
        code, after = code_point_at(text, start)
        if flags_of(code, pages, flags) & PUNCTUATION == 0:
            break
        count += code != before
        before, start = code, after
    if start == end:
        return count, end, end
    before = -1
    while True:
        code, at = last_code_point(text, start, end)
        if flags_of(code, pages, flags) & PUNCTUATION == 0:
            return count + 1, start, end
        count += code != before
        before, end = code, at
