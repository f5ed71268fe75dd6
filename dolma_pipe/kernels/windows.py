"""Where words stand in texts, windows over them, and which of these are near to evaluation
items."""

import numpy as np

from dolma_pipe.kernels.cosine import dot_product, lengths_of
from dolma_pipe.kernels.jit import F64, I16, I64, U8, kernel
from dolma_pipe.kernels.overlap import SCALE
from dolma_pipe.kernels.shingles import BORDER, WIDE, Folding, folding, most_words
from dolma_pipe.kernels.unicode import MARK, PUNCTUATION, SPACE, WORD_ALONE, code_point_at, flags_of


def word_places(text: U8, start: int, end: int) -> tuple[I64, I64]:
    """The first byte of each folded word of one document, and the one behind its last.

    Punctuation belongs to the word that it touches. Bytes count from `start`.
    """
    room = (end - start + 1) // 2 + 1
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    count = word_places_of(text, start, end, folding(), starts, ends)
    return starts[:count], ends[:count]


def windows_of(text: U8, offsets: I64, size: int, least: int) -> tuple[I64, U8, I64]:
    """Windows of `size` words, half of which the next one has too; the last ends with the text.

    Texts of fewer than `least` words have none. Returns int64[windows, 3] (document, and first and
    last byte from the start of the document), and their texts one after the other with offsets.
    """
    room = most_words(offsets)
    places = (np.empty(room, np.int64), np.empty(room, np.int64))
    windows = _windows_of(text, offsets, folding(), size, least, *places)
    begins = windows[:, 1] + offsets[windows[:, 0]]
    borders = np.concatenate([[0], np.cumsum(windows[:, 2] - windows[:, 1])])
    content = np.empty(int(borders[-1]), np.uint8)
    _gather(text, begins, borders, content)
    return windows, content, borders


def pairs_above(vectors: I16, items: I16, threshold: float) -> tuple[I64, F64]:
    """int64[pairs, 2], windows and items whose cosine reaches it, and the cosines to 1e-6."""
    return _pairs_above(vectors, items, lengths_of(vectors), lengths_of(items), threshold)


@kernel
def word_places_of(text: U8, start: int, end: int, fold: Folding, starts: I64, ends: I64) -> int:
    """The borders are those of fold_words, which tells why."""
    count = 0
    begin = stop = -1  # of what is not white space since the last border
    is_open = is_alone = False
    i = start
    while i < end:
        at = i
        byte = fold.bytes[text[i]]
        kind = 0
        if byte == np.uint8(WIDE):
            code, i = code_point_at(text, i)
            kind = flags_of(code, fold.pages, fold.flags)
        else:
            i += 1
            if byte < np.uint8(WIDE):
                kind = SPACE if byte == np.uint8(BORDER) else PUNCTUATION
        removed = (kind & PUNCTUATION) != 0
        ends_alone = is_alone and (kind & MARK) == 0
        if is_open and not removed and ((kind & (SPACE | WORD_ALONE)) != 0 or ends_alone):
            starts[count], ends[count] = begin - start, stop - start
            count += 1
            is_open = is_alone = False
            begin = -1
        if removed or (kind & SPACE) == 0:
            begin = at if begin < 0 else begin
            stop = i
            if not removed and not is_open:
                is_open = True
                is_alone = (kind & WORD_ALONE) != 0
        elif not is_open:
            begin = -1
    if is_open:
        starts[count], ends[count] = begin - start, stop - start
        count += 1
    return count


@kernel
def _windows_of(
    text: U8, offsets: I64, fold: Folding, size: int, least: int, starts: I64, ends: I64
) -> I64:
    windows = np.empty((64, 3), np.int64)
    n = 0
    step = (size + 1) // 2
    for d in range(len(offsets) - 1):
        count = word_places_of(text, offsets[d], offsets[d + 1], fold, starts, ends)
        if count < max(least, 1):
            continue
        at = 0
        while True:
            first = max(0, min(at, count - size))
            if n == len(windows):
                windows = np.concatenate((windows, np.empty_like(windows)))
            windows[n, 0], windows[n, 1] = d, starts[first]
            windows[n, 2] = ends[min(first + size, count) - 1]
            n += 1
            if at + size >= count:
                break
            at += step
    return windows[:n].copy()


@kernel
def _gather(text: U8, begins: I64, borders: I64, content: U8) -> None:
    for k in range(len(begins)):
        size = borders[k + 1] - borders[k]
        content[borders[k] : borders[k + 1]] = text[begins[k] : begins[k] + size]


@kernel
def _pairs_above(
    vectors: I16, items: I16, lengths: F64, item_lengths: F64, threshold: float
) -> tuple[I64, F64]:
    bar = np.floor(threshold * SCALE + 0.5)
    pairs, cosines = np.empty((64, 2), np.int64), np.empty(64, np.float64)
    n = 0
    for i in range(len(vectors)):
        if lengths[i] == 0.0:
            continue
        for j in range(len(items)):
            product = dot_product(vectors[i], items[j])
            if product <= 0:
                continue
            rounded = np.floor(product / (lengths[i] * item_lengths[j]) * SCALE + 0.5)
            if rounded < bar:
                continue
            if n == len(pairs):
                pairs = np.concatenate((pairs, np.empty_like(pairs)))
                cosines = np.concatenate((cosines, np.empty_like(cosines)))
            pairs[n, 0], pairs[n, 1], cosines[n] = i, j, rounded / SCALE
            n += 1
    return pairs[:n].copy(), cosines[:n].copy()
