"""Credit card numbers: an issuer's prefix and length, and the check digit (Luhn, ISO/IEC 7812).

13 to 19 digits in a row, or in groups of 4-4-4-4(-3), 4-6-5 or 4-6-4 with a space or a hyphen
between them, the same everywhere; no part of a longer number.
"""

import numpy as np

from dolma_pipe.kernels.ascii import DIGIT, HYPHEN, KIND, SPACE, WORD, is_kind, separator_at
from dolma_pipe.kernels.ascii import separator_before as before_at
from dolma_pipe.kernels.jit import U8, inlined, kernel

ISSUERS = (
    ("Visa", 400000, 499999, (13, 16, 19)),
    ("Mastercard", 510000, 559999, (16,)),
    ("Mastercard", 222100, 272099, (16,)),
    ("American Express", 340000, 349999, (15,)),
    ("American Express", 370000, 379999, (15,)),
    ("Diners Club", 300000, 305999, (14, 16)),
    ("Diners Club", 309500, 309599, (14, 16)),
    ("Diners Club", 360000, 369999, (14, 16)),
    ("Diners Club", 380000, 399999, (14, 16)),
    ("Discover", 601100, 601199, (16, 19)),
    ("Discover", 644000, 659999, (16, 19)),
    ("JCB", 352800, 358999, (16, 19)),
    ("UnionPay", 620000, 629999, (16, 17, 18, 19)),
    ("Mir", 220000, 220499, (16, 19)),
    ("Maestro", 501800, 501899, (16, 19)),
    ("Maestro", 502000, 502099, (16, 19)),
    ("Maestro", 503800, 503899, (16, 19)),
    ("Maestro", 676100, 676399, (16, 19)),
)
"""Name, first and last six digits, lengths: the issuers' ranges that are public (ISO/IEC 7812)."""
GROUPINGS = ((4, 4, 4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4))
SHORTEST, LONGEST = 13, 19

_RANGES = np.array([(low, high, n) for _, low, high, lengths in ISSUERS for n in lengths])
_GROUPINGS = np.array([(*g, 0, 0)[:5] for g in GROUPINGS])
_COMMA, _DOT, _SLASH = np.uint8(ord(",")), ord("."), ord("/")


@kernel
def credit_card_at(text: U8, at: int, begin: int, end: int) -> int:
    """Where the card number ends that starts at this digit (no digit before it), -1 if none."""
    if is_kind(text, at - 1, begin, end, WORD):
        return -1
    separator, width = before_at(text, at, begin)
    width = 1 if at > begin and text[at - 1] == _COMMA else width
    if width > 0 and is_kind(text, at - width - 1, begin, end, DIGIT):
        return -1
    stop = at
    while stop < end and stop - at <= LONGEST and KIND[text[stop]] & DIGIT:
        stop += 1
    if stop - at >= SHORTEST:
        good = stop - at <= LONGEST and _is_card(text, at, stop)
        return stop if good and not _goes_on(text, stop, end, False) else -1
    separator, width = separator_at(text, stop, end)
    if stop - at != 4 or (separator != SPACE and separator != HYPHEN):
        return -1
    for g in range(len(_GROUPINGS)):
        stop = _groups_end(text, at, end, separator, g)
        if (
            stop > 0
            and not _goes_on(text, stop, end, separator == SPACE)
            and _is_card(text, at, stop)
        ):
            return stop
    return -1


@inlined
def _groups_end(text: U8, at: int, end: int, separator: int, grouping: int) -> int:
    """Where groups of these lengths end, with this separator between them; -1 if they do not."""
    i = at
    for k in range(_GROUPINGS.shape[1]):
        length = _GROUPINGS[grouping, k]
        if length == 0:
            break
        if k > 0:
            found, width = separator_at(text, i, end)
            if found != separator:
                return -1
            i += width
        for _ in range(length):
            if i >= end or KIND[text[i]] & DIGIT == 0:
                return -1
            i += 1
    return -1 if i < end and KIND[text[i]] & DIGIT else i


@inlined
def _goes_on(text: U8, stop: int, end: int, spaced: bool) -> bool:
    """Whether more of a number or word follows; behind spaced groups, four digits are more."""
    if is_kind(text, stop, stop, end, WORD):
        return True
    separator, width = separator_at(text, stop, end)
    if stop < end and text[stop] == _COMMA:
        separator, width = _DOT, 1
    if separator == 0 or not is_kind(text, stop + width, stop, end, DIGIT):
        return False
    if separator != SPACE:
        return True
    digits = 0
    while digits < 5 and is_kind(text, stop + width + digits, stop, end, DIGIT):
        digits += 1
    return spaced and digits == 4


@kernel
def _is_card(text: U8, start: int, stop: int) -> bool:
    """Whether the digits between these places have an issuer and the right check digit."""
    digits, prefix, total = 0, 0, 0
    for i in range(stop - 1, start - 1, -1):
        if KIND[text[i]] & DIGIT:
            digit = int(text[i]) - 48
            doubled = digit * (1 + digits % 2)
            total += doubled - 9 if doubled > 9 else doubled
            digits += 1
    if total % 10 != 0:
        return False
    seen = 0
    for i in range(start, stop):
        if KIND[text[i]] & DIGIT and seen < 6:
            prefix = prefix * 10 + int(text[i]) - 48
            seen += 1
    for k in range(len(_RANGES)):
        if _RANGES[k, 0] <= prefix <= _RANGES[k, 1] and digits == _RANGES[k, 2]:
            return True
    return False
