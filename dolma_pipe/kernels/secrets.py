"""Keys and tokens that their issuers gave a form of their own, so that they can be told.

Only what has a prefix: no guess from "password =". Forms as published by the issuers, GitHub's list
of secret scanning patterns, and gitleaks (config/gitleaks.toml). The part behind the prefix needs
eight different characters: "ghp_xxxx..." of a manual is none.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.ascii import KIND, WORD
from dolma_pipe.kernels.jit import I64, U8, kernel
from dolma_pipe.kernels.strings import stands_at


class Form(NamedTuple):
    """A prefix, then `shortest` to `longest` characters of the alphabet, all there are in
    a row, and no letter, digit or underscore behind them."""

    prefix: str
    alphabet: str
    shortest: int
    longest: int
    infix: str = ""
    """Must stand somewhere behind the prefix."""
    digit_first: bool = False


_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALNUM = _UPPER + _UPPER.lower() + "0123456789"
_BASE32, _HEX = _UPPER + "234567", "abcdefABCDEF0123456789"
FORMS = (
    *(Form(prefix, _BASE32, 16, 16) for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")),  # AWS
    *(Form(f"gh{kind}_", _ALNUM, 36, 36) for kind in "pousr"),
    Form("github_pat_", _ALNUM + "_", 82, 82),
    Form("glpat-", _ALNUM + "_-", 20, 60),  # GitLab
    *(Form(f"xox{kind}-", _ALNUM + "-", 24, 200, digit_first=True) for kind in "abeprs"),  # Slack
    Form("hooks.slack.com/services/", _ALNUM + "+/", 43, 56),
    Form("AIza", _ALNUM + "_-", 35, 35),  # Google
    *(Form(f"{k}_{mode}_", _ALNUM, 16, 120) for k in ("sk", "rk") for mode in ("live", "test")),
    Form("whsec_", _ALNUM + "+/=", 32, 64),  # Stripe, as the four before
    Form("npm_", _ALNUM, 36, 36),
    Form("pypi-AgEIcHlwaS5vcmc", _ALNUM + "_-", 50, 300),
    Form("hf_", _ALNUM, 34, 34),  # Hugging Face
    Form("sk-ant-", _ALNUM + "_-", 80, 120),  # Anthropic
    Form("sk-", _ALNUM + "_-", 40, 200, infix="T3BlbkFJ"),  # OpenAI
    Form("SG.", _ALNUM + "_-.", 66, 66),  # SendGrid
    Form("dop_v1_", _HEX, 64, 64),  # DigitalOcean
    Form("shpat_", _HEX, 32, 32),  # Shopify
    Form("AGE-SECRET-KEY-1", _UPPER + "0123456789", 58, 58),
)
MIN_DISTINCT = 8
BLOCK_BEGIN, BLOCK_END, DASHES = "-----BEGIN ", "-----END ", "-----"
MAX_TITLE, MIN_BLOCK = 40, 64
"""Characters of a title such as "RSA PRIVATE KEY", and the fewest between its dashes and END."""
TOKEN = "eyJ"
"""Of a JSON web token (RFC 7519): header, payload and signature in base64url with dots between."""
TOKEN_PARTS = (17, 17, 16)
"""Fewest characters of each part."""


def _bytes_of(texts: list[str]) -> tuple[U8, I64]:
    raws = [text.encode() for text in texts]
    width = max(map(len, raws))
    table = np.array([list(raw.ljust(width, b"\0")) for raw in raws], np.uint8)
    return table, np.array([len(raw) for raw in raws])


_PREFIXES, _PREFIX_LENGTHS = _bytes_of([form.prefix for form in FORMS])
_INFIXES, _INFIX_LENGTHS = _bytes_of([form.infix for form in FORMS])
_RANGES = np.array([(form.shortest, form.longest) for form in FORMS])
_DIGIT_FIRST = np.array([form.digit_first for form in FORMS])
_ALPHABETS = np.zeros((len(FORMS), 256), np.bool_)
for _k, _form in enumerate(FORMS):
    _ALPHABETS[_k, list(_form.alphabet.encode())] = True
_URL_SAFE = np.zeros(256, np.bool_)
_URL_SAFE[list((_ALNUM + "_-").encode())] = True
_WORDS, _WORD_LENGTHS = _bytes_of([BLOCK_BEGIN, BLOCK_END, DASHES, TOKEN, "PRIVATE KEY", " BLOCK"])
_PAIRS = np.zeros(65536, np.bool_)
for _start in (*(form.prefix for form in FORMS), BLOCK_BEGIN, TOKEN):
    _PAIRS[ord(_start[0]) << 8 | ord(_start[1])] = True


@kernel
def find_secrets(text: U8, offsets: I64, starts: I64, ends: I64) -> int:
    """Write the spans, bytes from the start of `text`, and return how many they are.

    Their room must be for one span every 16 bytes. None overlaps another.
    """
    n = 0
    for d in range(len(offsets) - 1):
        begin, end = int(offsets[d]), int(offsets[d + 1])
        i = begin
        while i + 16 <= end:
            if not _PAIRS[int(text[i]) << 8 | int(text[i + 1])]:
                i += 1
                continue
            stop = _secret_at(text, i, begin, end)
            if stop > 0:
                starts[n], ends[n] = i, stop
                n += 1
                i = stop
            else:
                i += 1
    return n


@kernel
def _secret_at(text: U8, at: int, begin: int, end: int) -> int:
    if stands_at(text, at, end, _WORDS[0], _WORD_LENGTHS[0]):
        return _block_end(text, at + _WORD_LENGTHS[0], end)
    if at > begin and _URL_SAFE[text[at - 1]]:
        return -1
    if stands_at(text, at, end, _WORDS[3], _WORD_LENGTHS[3]):
        return _token_end(text, at, end)
    for form in range(len(_RANGES)):
        if stands_at(text, at, end, _PREFIXES[form], _PREFIX_LENGTHS[form]):
            stop = _body_end(text, at + _PREFIX_LENGTHS[form], end, form)
            if stop > 0:
                return stop
    return -1


@kernel
def _body_end(text: U8, at: int, end: int, form: int) -> int:
    """Where what is behind the prefix ends, -1 if it has not this form."""
    shortest, longest = _RANGES[form, 0], _RANGES[form, 1]
    stop = at
    while stop < end and stop - at <= longest and _ALPHABETS[form, text[stop]]:
        stop += 1
    if stop - at < shortest or stop - at > longest or not _is_varied(text, at, stop):
        return -1
    if stop < end and KIND[text[stop]] & WORD:
        return -1
    if _DIGIT_FIRST[form] and not 48 <= text[at] <= 57:
        return -1
    length = _INFIX_LENGTHS[form]
    for i in range(at, stop - length + 1):
        if stands_at(text, i, stop, _INFIXES[form], length):
            return stop
    return -1


@kernel
def _is_varied(text: U8, start: int, stop: int) -> bool:
    seen = np.zeros(256, np.bool_)
    distinct = 0
    for i in range(start, stop):
        distinct += not seen[text[i]]
        seen[text[i]] = True
    return distinct >= MIN_DISTINCT


@kernel
def _token_end(text: U8, at: int, end: int) -> int:
    i = at
    for part in range(3):
        start = i
        if part == 1 and not stands_at(text, i, end, _WORDS[3], _WORD_LENGTHS[3]):
            return -1
        while i < end and _URL_SAFE[text[i]]:
            i += 1
        if i - start < TOKEN_PARTS[part]:
            return -1
        if part < 2:
            if i >= end or text[i] != 46:
                return -1
            i += 1
    return i


@kernel
def _block_end(text: U8, title: int, end: int) -> int:
    """Where a private key in PEM ends, its END line included; -1 if it is none."""
    i = title
    while i < end and i - title <= MAX_TITLE and text[i] != 45:
        i += 1
    last = i
    if last - 6 > title and stands_at(text, last - 6, last, _WORDS[5], _WORD_LENGTHS[5]):
        last -= 6
    if last - 11 < title or not stands_at(text, last - 11, last, _WORDS[4], _WORD_LENGTHS[4]):
        return -1
    if not stands_at(text, i, end, _WORDS[2], _WORD_LENGTHS[2]):
        return -1
    i += _WORD_LENGTHS[2]
    body = i
    while i < end and not stands_at(text, i, end, _WORDS[2], _WORD_LENGTHS[2]):
        i += 1
    if i - body < MIN_BLOCK or not stands_at(text, i, end, _WORDS[1], _WORD_LENGTHS[1]):
        return -1
    i += _WORD_LENGTHS[1]
    stop = i
    while stop < end and stop - i <= MAX_TITLE and text[stop] != 45:
        stop += 1
    return stop + 5 if stands_at(text, stop, end, _WORDS[2], _WORD_LENGTHS[2]) else -1
