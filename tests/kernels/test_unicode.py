import unicodedata

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U16, kernel
from dolma_pipe.kernels.unicode import (
    ALPHABETIC,
    CAPITAL,
    CODE_POINTS,
    DIGIT,
    MARK,
    PUNCTUATION,
    SMALL,
    SPACE,
    WORD_ALONE,
    classes,
    code_point_at,
    code_points,
    flags_of,
    lower_case,
)

ALL = np.arange(CODE_POINTS)


def test_classes_are_those_of_python() -> None:
    pages, flags = classes()
    found = flags[(pages[ALL >> 8].astype(int) << 8) + (ALL & 255)]
    for c, flag in enumerate(found.tolist()):
        category = unicodedata.category(chr(c))
        expected = SPACE * chr(c).isspace() | ALPHABETIC * chr(c).isalpha()
        expected |= PUNCTUATION * (category[0] in "PS") | DIGIT * (category == "Nd")
        expected |= MARK * (category[0] == "M")
        expected |= SMALL * chr(c).islower() | CAPITAL * chr(c).isupper()
        assert flag & ~WORD_ALONE == expected, hex(c)


def test_lower_case_is_that_of_python() -> None:
    pages, shifts = lower_case()
    found = ALL + shifts[(pages[ALL >> 8].astype(int) << 8) + (ALL & 255)]
    for c, lower in enumerate(found.tolist()):
        expected = "i" if c == 0x130 else chr(c).lower()
        assert chr(lower) == expected, hex(c)


@kernel
def decoded(text: U8, pages: U16, flags: U8, found: I64, kinds: I64) -> int:
    n = 0
    i = 0
    while i < len(text):
        code, i = code_point_at(text, i)
        found[n], kinds[n] = code, flags_of(code, pages, flags)
        n += 1
    return n


def test_every_code_point_is_decoded() -> None:
    points = [c for c in range(CODE_POINTS) if not 0xD800 <= c < 0xE000]
    text = np.frombuffer("".join(map(chr, points)).encode(), np.uint8)
    found, kinds = np.zeros(len(points), np.int64), np.zeros(len(points), np.int64)
    assert decoded(text, *classes(), found, kinds) == len(points)
    assert found.tolist() == points
    assert (kinds[: ord("a")] & ALPHABETIC != 0).sum() == 26
    assert code_points(text, 0, len(text)) == len(points)
