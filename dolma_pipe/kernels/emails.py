"""E-mail addresses: found from their @.

Local part: letters, digits, _ and, not first, . % + -; at most 64, no two dots in a row, no dot at
its end. Domain: labels of letters, digits and inner hyphens, at most 63, of which the last has 2 to
24 letters, or is an internationalised one (xn--...), and is no image suffix (icon@2x.png). A dash
typed as two hyphens ends the address (jane@example.com--she). All ASCII; any other character is a
border.
"""

import numpy as np

from dolma_pipe.kernels.ascii import DIGIT, KIND, LETTER, LOCAL, WORD
from dolma_pipe.kernels.jit import U8, inlined, kernel

IMAGE_SUFFIXES = ("png", "jpg", "jpeg", "gif", "svg", "webp")
MAX_LOCAL, MAX_LABEL, MIN_TOP, MAX_TOP = 64, 63, 2, 24

_IMAGES = tuple(int.from_bytes(suffix.encode(), "big") for suffix in IMAGE_SUFFIXES)
_DOT = np.uint8(ord("."))
_HYPHEN = np.uint8(ord("-"))


@kernel
def email_at(text: U8, at: int, begin: int, end: int) -> tuple[int, int]:
    """The address around the @ at this place, (-1, -1) if there is none."""
    first = _local_start(text, at, begin)
    if first < 0:
        return -1, -1
    last = -1  # the end of the longest domain so far
    label = at + 1
    labels = 0
    while True:
        stop = label
        while stop < end and (KIND[text[stop]] & (LETTER | DIGIT) or text[stop] == _HYPHEN):
            stop += 1
        after = stop
        while after > label and text[after - 1] == _HYPHEN:
            after -= 1
        length = after - label
        if length == 0 or text[label] == _HYPHEN:
            break
        labels += 1
        if labels > 1:
            if length <= MAX_LABEL and _is_top_level(text, label, after):
                last = after
            else:
                dash = _dash_in(text, label, after)
                if dash > 0 and _is_top_level(text, label, dash):
                    last = dash
        if after < stop or length > MAX_LABEL or stop == end or text[stop] != _DOT:
            break
        label = stop + 1
    return (first, last) if last > 0 else (-1, -1)


@inlined
def _local_start(text: U8, at: int, begin: int) -> int:
    """Where the local part before this @ starts, -1 if it is none."""
    first = at
    while first > begin and KIND[text[first - 1]] & LOCAL:
        first -= 1
    while first < at and KIND[text[first]] & WORD == 0:
        first += 1
    dots = False
    for i in range(first, at):
        dots = dots or (text[i] == _DOT and (i + 1 == at or text[i + 1] == _DOT))
    if first == at or at - first > MAX_LOCAL or dots:
        return -1
    return first


@inlined
def _dash_in(text: U8, start: int, end: int) -> int:
    """Where two hyphens in a row first stand, -1 if nowhere."""
    for i in range(start, end - 1):
        if text[i] == _HYPHEN and text[i + 1] == _HYPHEN:
            return i
    return -1


@inlined
def _is_top_level(text: U8, start: int, end: int) -> bool:
    """Whether a label is of 2 to 24 letters only and no image suffix, or starts with "xn--"."""
    length = end - start
    if (
        length > 4
        and (text[start] | np.uint8(32)) == np.uint8(120)
        and (text[start + 1] | np.uint8(32)) == np.uint8(110)
        and text[start + 2] == _HYPHEN
        and text[start + 3] == _HYPHEN
    ):
        return True
    if length < MIN_TOP or length > MAX_TOP:
        return False
    packed = 0
    for i in range(start, end):
        if KIND[text[i]] & LETTER == 0:
            return False
        if i < start + 5:
            packed = (packed << 8) | (int(text[i]) | 32)
    for image in _IMAGES:
        if packed == image:
            return False
    return True
