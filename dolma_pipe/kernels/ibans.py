"""International bank account numbers: the country's length and the check digits (ISO 13616).

Capital letters and digits, in one piece or in groups of four with a space between them.
"""

import numpy as np

from dolma_pipe.kernels.ascii import CAPITAL, DIGIT, KIND, SPACE, WORD, is_kind, separator_at
from dolma_pipe.kernels.jit import U8, kernel

LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT, IBAN Registry)."""

_LENGTHS = np.zeros((26, 26), np.int64)
for _country, _length in LENGTHS.items():
    _LENGTHS[ord(_country[0]) - 65, ord(_country[1]) - 65] = _length


@kernel
def iban_at(text: U8, digit: int, begin: int, end: int) -> int:
    """Where the IBAN ends whose country code stands before this digit, -1 if there is none."""
    start = digit - 2
    if start < begin or digit + 1 >= end or KIND[text[digit + 1]] & DIGIT == 0:
        return -1
    if KIND[text[start]] & KIND[text[start + 1]] & CAPITAL == 0:
        return -1
    if is_kind(text, start - 1, begin, end, WORD):
        return -1
    length = _LENGTHS[int(text[start]) - 65, int(text[start + 1]) - 65]
    if length == 0:
        return -1
    grouped = separator_at(text, start + 4, end)[0] == SPACE
    rest, n, i = 0, 0, start
    while n < length:
        if grouped and n > 0 and n % 4 == 0:
            separator, width = separator_at(text, i, end)
            if separator != SPACE:
                return -1
            i += width
        if i >= end or KIND[text[i]] & (CAPITAL | DIGIT) == 0:
            return -1
        if n >= 4:
            rest = _remainder(rest, int(text[i]))
        n += 1
        i += 1
    for k in range(4):
        rest = _remainder(rest, int(text[start + k]))
    return -1 if rest != 1 or is_kind(text, i, begin, end, WORD) else i


@kernel
def _remainder(rest: int, character: int) -> int:
    """Of division by 97 after one more character, A to Z being 10 to 35."""
    return (rest * 100 + character - 55 if character > 64 else rest * 10 + character - 48) % 97
