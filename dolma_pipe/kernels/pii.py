"""Personal data and secrets of a batch: one look at each byte for all kinds, and one for secrets.

The patterns stand in emails.py, phones.py, ip_addresses.py, ipv6.py, credit_cards.py, ibans.py and
secrets.py. An e-mail address is looked for at each @, an IPv6 address at the first colon of a run,
the others where a number may start; a phone number starts in no address or card number. Spans of
one kind never overlap; of two kinds that do, the one that comes first in KINDS stays.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.ascii import DIGIT, HEX, KIND
from dolma_pipe.kernels.credit_cards import credit_card_at
from dolma_pipe.kernels.emails import email_at
from dolma_pipe.kernels.ibans import iban_at
from dolma_pipe.kernels.ip_addresses import ipv4_at
from dolma_pipe.kernels.ipv6 import ipv6_at
from dolma_pipe.kernels.jit import F64, I64, U8, Bool, kernel
from dolma_pipe.kernels.phones import CANDIDATE, phone_at, phone_candidate_at
from dolma_pipe.kernels.secrets import find_secrets
from dolma_pipe.kernels.unicode import code_points

KINDS = ("secret", "email", "iban", "credit_card", "ip", "phone")
"""By precedence: what has a prefix or a checksum before what has only a shape."""

_SECRET, _EMAIL, _IBAN, _CARD, _IP, _PHONE = range(6)
_AT, _NUMBER, _SIGN, _COLON = np.uint8(1), np.uint8(2), np.uint8(3), np.uint8(4)
_TRIGGERS = (
    (b"@", _AT, {"email"}),
    (b"0123456789", _NUMBER, {"ip", "phone", "iban", "credit_card"}),
    (b"+(", _SIGN, {"phone"}),
    (b":", _COLON, {"ip"}),
)


class Found(NamedTuple):
    """offsets: int64[documents + 1]; starts, ends: int64[spans], bytes of the document."""

    offsets: I64
    starts: I64
    ends: I64


class Candidates(NamedTuple):
    """Sorted, not overlapping within a kind; starts, ends: int64, bytes from the start of `text`.

    flags: uint8, of a phone number that is to be confirmed ANNOUNCED and TIED, else 0.
    """

    starts: I64
    ends: I64
    flags: U8


def find_pii(
    text: U8,
    offsets: I64,
    kinds: Collection[str] = ("email", "phone", "ip"),
    public_ips_only: bool = False,
    any_phones: bool = False,
) -> dict[str, Candidates]:
    """What there is of each kind asked for, on its own: spans of two kinds may overlap.

    any_phones: all groups of digits that may be a phone number, for a numbering plan to confirm.
    """
    size = int(offsets[-1] - offsets[0])
    room = size + 1  # the shortest is "::1"; of all kinds together never more than a span a byte
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    found, flags = np.empty(room, np.uint8), np.empty(room, np.uint8)
    look = np.zeros(256, np.uint8)
    for characters, trigger, of in _TRIGGERS:
        if of & set(kinds):
            look[list(characters)] = trigger
    asked = np.array([kind in kinds for kind in KINDS])
    n = _find(text, offsets, look, asked, public_ips_only, any_phones, starts, ends, found, flags)
    candidates = {}
    for k, kind in enumerate(KINDS):
        if kind in kinds and k != _SECRET:
            mine = np.flatnonzero(found[:n] == k)
            candidates[kind] = Candidates(starts[mine], ends[mine], flags[mine])
    if "secret" in kinds:
        n = find_secrets(text, offsets, starts, ends)
        candidates["secret"] = Candidates(starts[:n], ends[:n], np.zeros(n, np.uint8))
    return candidates


def without_overlaps(candidates: dict[str, Candidates], offsets: I64) -> dict[str, Found]:
    """The spans of each kind that no span of a kind before it in KINDS overlaps, by document."""
    kept: dict[str, tuple[I64, I64]] = {}
    for kind in KINDS:
        if kind in candidates:
            starts, ends, _ = candidates[kind]
            free = np.ones(len(starts), np.bool_)
            for first, last in kept.values():
                if len(first):
                    before = np.searchsorted(first, ends)  # how many start before each one's end
                    free &= (before == 0) | (last[np.maximum(before, 1) - 1] <= starts)
            kept[kind] = starts[free], ends[free]
    return {kind: _by_document(*kept[kind], offsets) for kind in candidates}


def share_of_characters(text: U8, offsets: I64, found: Collection[Found]) -> F64:
    """float64[documents]: code points in spans, which do not overlap, over all; 0 of none."""
    inside = np.zeros(len(offsets) - 1, np.int64)
    for offsets_of, starts, ends in found:
        _add_characters(text, offsets, offsets_of, starts, ends, inside)
    whole = np.zeros(len(offsets) - 1, np.int64)
    _count_characters(text, offsets, inside > 0, whole)
    return inside / np.maximum(whole, 1)


def _by_document(starts: I64, ends: I64, offsets: I64) -> Found:
    firsts = np.searchsorted(starts, offsets)
    begins = np.repeat(offsets[:-1], np.diff(firsts))
    return Found(firsts, starts - begins, ends - begins)


@kernel
def _find(
    text: U8,
    offsets: I64,
    look: U8,
    asked: Bool,
    public_only: bool,
    any_phones: bool,
    starts: I64,
    ends: I64,
    kinds: U8,
    flags: U8,
) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        begin, end = int(offsets[d]), int(offsets[d + 1])
        last = np.full(6, begin, np.int64)  # where the last span of each kind ends
        run = begin  # where the run of groups ends of which the first colon was tried
        for i in range(begin, end):
            trigger = look[text[i]]
            if trigger == 0:
                continue
            if trigger == _AT:
                start, stop = email_at(text, i, begin, end)
                if stop > 0 and start >= last[_EMAIL]:
                    starts[n], ends[n], kinds[n], flags[n] = start, stop, _EMAIL, 0
                    n += 1
                    last[_EMAIL] = stop
                continue
            if trigger == _COLON:
                if i < run or i < last[_IP]:
                    continue
                start, stop = ipv6_at(text, i, begin, end, public_only)
                if stop > 0 and start >= last[_IP]:
                    starts[n], ends[n], kinds[n], flags[n] = start, stop, _IP, 0
                    n += 1
                    last[_IP] = stop
                else:
                    run = i + 1
                    labelled = i > begin and KIND[text[i - 1]] & HEX == 0 and run < end
                    if not labelled or text[run] == text[i]:
                        while run < end and (KIND[text[run]] & HEX or text[run] == text[i]):
                            run += 1
                continue
            if trigger == _NUMBER:
                if i > begin and KIND[text[i - 1]] & DIGIT:
                    continue
                if asked[_IP] and i >= last[_IP]:
                    stop = ipv4_at(text, i, begin, end, public_only)
                    if stop > 0:
                        starts[n], ends[n], kinds[n], flags[n] = i, stop, _IP, 0
                        n += 1
                        last[_IP] = stop
                if asked[_CARD] and i >= last[_CARD]:
                    stop = credit_card_at(text, i, begin, end)
                    if stop > 0:
                        starts[n], ends[n], kinds[n], flags[n] = i, stop, _CARD, 0
                        n += 1
                        last[_CARD] = stop
                if asked[_IBAN] and i - 2 >= last[_IBAN]:
                    stop = iban_at(text, i, begin, end)
                    if stop > 0:
                        starts[n], ends[n], kinds[n], flags[n] = i - 2, stop, _IBAN, 0
                        n += 1
                        last[_IBAN] = stop
            if asked[_PHONE] and i >= max(last[_PHONE], last[_IP], last[_CARD]):
                flag = 0
                if any_phones:
                    stop, flag = phone_candidate_at(text, i, begin, end)
                else:
                    stop = phone_at(text, i, begin, end)
                if stop > 0:
                    starts[n], ends[n], kinds[n], flags[n] = i, stop, _PHONE, flag & ~CANDIDATE
                    n += 1
                    last[_PHONE] = stop
    return n


@kernel
def _add_characters(
    text: U8, offsets: I64, firsts: I64, starts: I64, ends: I64, inside: I64
) -> None:
    for d in range(len(offsets) - 1):
        for s in range(firsts[d], firsts[d + 1]):
            inside[d] += code_points(text, int(offsets[d]) + starts[s], int(offsets[d]) + ends[s])


@kernel
def _count_characters(text: U8, offsets: I64, asked: Bool, whole: I64) -> None:
    for d in range(len(offsets) - 1):
        if asked[d]:
            whole[d] = code_points(text, int(offsets[d]), int(offsets[d + 1]))
