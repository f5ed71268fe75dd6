"""IPv6 addresses in every textual form of RFC 4291 and 5952, told from times and C++ names.

Up to eight groups of one to four hexadecimal digits, one "::" for groups of zeros, the last 32 bits
also as an IPv4 address, a zone (fe80::1%eth0) behind a link-local or multicast address. The address
must be of a network in use, so "std::face", times, hardware addresses and fingerprints are none,
and have a decimal digit and two groups, so "fead::beef" and "2001::" are none. "::1" is one unless
it is a slice, a[::1]; "::" alone is none.
"""

import numpy as np

from dolma_pipe.kernels.ascii import DIGIT, HEX, KIND, LETTER, WORD, is_kind
from dolma_pipe.kernels.ip_addresses import is_reserved, octets_at
from dolma_pipe.kernels.jit import U8, U16, inlined, kernel

MAX_ADDRESS, MAX_ZONE = 45, 15
"""Characters of the longest form, eight groups of which two are written as IPv4 (RFC 4291); of a
zone, the name of a network interface."""

_COLON, _DOT, _PERCENT = np.uint8(ord(":")), np.uint8(ord(".")), np.uint8(ord("%"))
_OPEN, _CLOSE, _ROUND = np.uint8(ord("[")), np.uint8(ord("]")), np.uint8(ord(")"))


@kernel
def ipv6_at(text: U8, colon: int, begin: int, end: int, public_only: bool) -> tuple[int, int]:
    """The address whose first colon this is, (-1, -1) if there is none."""
    start = colon
    while start > begin and colon - start < 5 and KIND[text[start - 1]] & HEX:
        start -= 1
    if colon - start > 4 or colon + 1 >= end or (start == colon and text[colon + 1] != _COLON):
        return -1, -1
    if _is_inside(text, start, begin):
        return -1, -1
    stop = colon
    limit = min(end, start + MAX_ADDRESS + 1)
    while stop < limit and (KIND[text[stop]] & HEX or text[stop] == _COLON):
        stop += 1
    groups = np.zeros(8, np.uint16)
    last = stop
    while text[last - 1] != _COLON:
        last -= 1
    tail, value, _ = octets_at(text, last, end)
    dotted = tail > 0
    if dotted:
        written = _read_groups(text, start, last, groups, 6)
        groups[6], groups[7] = value >> 16, value & 0xFFFF
        stop = tail
    else:
        if text[stop - 1] == _COLON and text[stop - 2] != _COLON:
            stop -= 1
        written = _read_groups(text, start, stop, groups, 8)
    if written < 0 or stop - start > MAX_ADDRESS or _is_tied(text, stop, begin, end):
        return -1, -1
    digits = False
    for i in range(start, stop):
        digits = digits or KIND[text[i]] & DIGIT != 0
    loopback = written == 1 and start == colon and stop == colon + 3 and text[colon + 2] == 49
    if not digits or not (dotted or loopback or written > 1):
        return -1, -1
    if loopback and _is_slice(text, start, begin):
        return -1, -1
    if not _is_in_use(groups, dotted) or (public_only and not _is_public(groups)):
        return -1, -1
    return start, _zone_end(text, stop, end, groups)


@inlined
def _is_inside(text: U8, start: int, begin: int) -> bool:
    """Whether what stands before belongs to it; a colon does not behind a word ("addr:")."""
    if start == begin:
        return False
    before = text[start - 1]
    if before == _COLON:
        if start - 2 < begin:
            return True
        return bool(KIND[text[start - 2]] & HEX or text[start - 2] == _COLON)
    named = KIND[before] & WORD or before == _DOT or before == _PERCENT
    return bool(named or before == _CLOSE or before == _ROUND)


@inlined
def _is_tied(text: U8, stop: int, begin: int, end: int) -> bool:
    """Whether the text goes on with a letter, a digit, a colon, or a dot and one of these."""
    if is_kind(text, stop, begin, end, WORD):
        return True
    if stop >= end or (text[stop] != _DOT and text[stop] != _COLON):
        return False
    if text[stop] == _COLON and text[stop - 1] == _COLON:
        return True
    return is_kind(text, stop + 1, begin, end, WORD) and text[stop] == _DOT


@inlined
def _is_slice(text: U8, start: int, begin: int) -> bool:
    """Whether it stands in brackets behind a name: a[::1]."""
    if start - 1 <= begin or text[start - 1] != _OPEN:
        return False
    before = text[start - 2]
    return bool(KIND[before] & WORD or before == _CLOSE or before == _ROUND)


@inlined
def _read_groups(text: U8, start: int, stop: int, groups: U16, room: int) -> int:
    """Fill in the groups, of which `room` are written in hexadecimal; how many stood there, -1 if
    that is no address. A colon before the dotted part, where room is 6, ends the last group."""
    gap, n, i = -1, 0, start
    if text[i] == _COLON:  # the caller saw two
        gap = 0
        i += 2
    while i < stop:
        value, length = 0, 0
        while i < stop and text[i] != _COLON:
            digit = int(text[i])
            value = value * 16 + (digit - 48 if digit < 58 else (digit | 32) - 87)
            length += 1
            i += 1
        if length == 0 or length > 4 or n == room:
            return -1
        groups[n] = value
        n += 1
        if i == stop:
            break
        i += 1  # the colon
        if i < stop and text[i] == _COLON:
            if gap >= 0:
                return -1
            gap = n
            i += 1
        elif i == stop and room == 8:
            return -1
    if room == 6 and text[stop - 1] != _COLON:
        return -1
    if gap < 0:
        return n if n == room else -1
    if n >= room:
        return -1
    for k in range(n - gap):
        groups[room - 1 - k] = groups[n - 1 - k]
    for k in range(gap, room - (n - gap)):
        groups[k] = 0
    return n


@inlined
def _is_in_use(groups: U16, dotted: bool) -> bool:
    """Global, local, link-local, multicast, mapped, translated, discard-only, loopback, or ::/96
    if its IPv4 address is written as one."""
    first = int(groups[0])
    if first >> 13 == 1 or first >> 9 == 0x7E or first >> 6 == 0x3FA or first >> 8 == 0xFF:
        return True
    zeros = 0
    while zeros < 8 and groups[zeros] == 0:
        zeros += 1
    if zeros == 0:
        translated = first == 0x64 and groups[1] == 0xFF9B
        if translated or first == 0x100:
            for k in range(2 if translated else 1, 6 if translated else 4):
                if groups[k] != 0:
                    return False
            return True
        return False
    if zeros == 5:
        return bool(groups[5] == 0xFFFF)
    if zeros == 7:
        return bool(groups[7] == 1)
    return dotted and zeros == 6


@inlined
def _is_public(groups: U16) -> bool:
    """Whether it is a global address, or stands for an IPv4 address that is public."""
    first = int(groups[0])
    if first >> 13 == 1:
        return not (first == 0x2001 and groups[1] == 0xDB8)
    if (first == 0 and groups[5] == 0xFFFF) or first == 0x64:
        return not is_reserved((int(groups[6]) << 16) | int(groups[7]))
    return False


@inlined
def _zone_end(text: U8, stop: int, end: int, groups: U16) -> int:
    """Behind the zone, if one may and does follow."""
    link = int(groups[0]) >> 6 == 0x3FA or int(groups[0]) >> 8 == 0xFF
    if not link or stop + 1 >= end or text[stop] != _PERCENT:
        return stop
    i = stop + 1
    while i < end and i - stop <= MAX_ZONE and KIND[text[i]] & (LETTER | DIGIT):
        i += 1
    return i if i > stop + 1 and not is_kind(text, i, stop, end, WORD) else stop
