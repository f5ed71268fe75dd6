"""IP addresses, told from the dotted numbers that look like them: versions, OIDs, sections.

IPv4: four octets without leading zeros, the first not 0, that are no part of a longer dotted,
hyphenated or lettered thing, do not follow "Name/" or "name-" (user agents, packages) nor a word
such as "version" or "section". Four numbers below 32 are a version or a section (one address in
4,000 is of that kind), but for 10.x.x.x inside a line. IPv6: a valid address whose first group is
written in full and is of 2000::/3 (global), fc00::/7 (local) or fe80::/10 (link); so times, C++
names and hardware addresses are none.
"""

import numpy as np

from dolma_pipe.kernels.ascii import (
    DIGIT,
    HEX,
    KIND,
    LETTER,
    WORD,
    is_kind,
    word_before,
    word_table,
)
from dolma_pipe.kernels.jit import U8, inlined, kernel

VERSION_WORDS = (
    "v",
    "ver",
    "vers",
    "version",
    "versions",
    "release",
    "releases",
    "rev",
    "revision",
    "build",
    "firmware",
    "section",
    "sections",
    "sec",
    "chapter",
    "appendix",
    "clause",
    "figure",
    "fig",
    "table",
    "oid",
)
RESERVED_NETWORKS = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
)
"""Private, shared, local, for documentation or benchmarks, multicast and beyond (RFC 6890)."""


def _network(written: str) -> tuple[int, int]:
    """(the bits after the network's own, the network's own bits)."""
    address, bits = written.split("/")
    value = int.from_bytes(bytes(map(int, address.split("."))), "big")
    return 32 - int(bits), value >> (32 - int(bits))


_WORDS, _WORD_LENGTHS = word_table(VERSION_WORDS)
_RESERVED = np.array([_network(written) for written in RESERVED_NETWORKS])
_DOT = np.uint8(ord("."))
_HYPHEN = np.uint8(ord("-"))
_SLASH = np.uint8(ord("/"))
_COLON = np.uint8(ord(":"))
_ZERO = np.uint8(ord("0"))


@kernel
def ipv4_at(text: U8, at: int, begin: int, end: int, public_only: bool) -> int:
    """Where the address ends that starts at this digit (no digit before it), -1 if none does."""
    if is_kind(text, at - 1, begin, end, WORD):
        return -1
    if at > begin:
        before = text[at - 1]
        after_letter = is_kind(text, at - 2, begin, end, LETTER)
        if before == _DOT or (after_letter and (before == _HYPHEN or before == _SLASH)):
            return -1
    value, largest = 0, 0
    stop = at
    for octet in range(4):
        if octet > 0:
            if stop >= end or text[stop] != _DOT:
                return -1
            stop += 1
        first = stop
        number = 0
        while stop - first < 4 and is_kind(text, stop, begin, end, DIGIT):
            number = number * 10 + int(text[stop]) - 48
            stop += 1
        long = stop - first > 1
        if stop == first or number > 255 or (text[first] == _ZERO and (long or octet == 0)):
            return -1
        value = (value << 8) | number
        largest = max(largest, number)
    if is_kind(text, stop, begin, end, WORD) or _goes_on(text, stop, begin, end):
        return -1
    if largest < 32 and (value >> 24 != 10 or _is_first_on_line(text, at, begin)):
        return -1
    if public_only and _is_reserved(value):
        return -1
    return -1 if word_before(text, at, begin, _WORDS, _WORD_LENGTHS) else stop


@inlined
def _goes_on(text: U8, stop: int, begin: int, end: int) -> bool:
    """Whether a dot or hyphen ties something to the address; not so in a range of addresses."""
    if not is_kind(text, stop + 1, begin, end, LETTER | DIGIT):
        return False
    if text[stop] == _DOT:
        return True
    if text[stop] != _HYPHEN:
        return False
    i = stop + 1
    while i < stop + 4 and is_kind(text, i, begin, end, DIGIT):
        i += 1
    return i == stop + 1 or i >= end or text[i] != _DOT


@inlined
def _is_first_on_line(text: U8, at: int, begin: int) -> bool:
    i = at
    while i > begin and (text[i - 1] == np.uint8(32) or text[i - 1] == np.uint8(9)):
        i -= 1
    return i == begin or text[i - 1] == np.uint8(10)


@inlined
def _is_reserved(value: int) -> bool:
    for k in range(len(_RESERVED)):
        if value >> _RESERVED[k, 0] == _RESERVED[k, 1]:
            return True
    return False


@kernel
def ipv6_at(text: U8, colon: int, begin: int, end: int, public_only: bool) -> tuple[int, int]:
    """The address whose first group ends at this colon, (-1, -1) if there is none."""
    start = colon - 4
    if start < begin or not _is_first_group(text, start, public_only):
        return -1, -1
    if start > begin:
        before = text[start - 1]
        if KIND[before] & WORD or before == _COLON or before == _DOT:
            return -1, -1
    stop = start
    while is_kind(text, stop, begin, end, HEX) or (stop < end and text[stop] == _COLON):
        stop += 1
    tied = stop < end and text[stop] == _DOT and is_kind(text, stop + 1, begin, end, WORD)
    if tied or is_kind(text, stop, begin, end, WORD):
        return -1, -1
    if text[stop - 1] == _COLON and text[stop - 2] != _COLON:
        stop -= 1
    if not _is_valid(text, start, stop):
        return -1, -1
    if public_only and _is_documentation(text, start, stop):
        return -1, -1
    return start, stop


@inlined
def _is_first_group(text: U8, start: int, public_only: bool) -> bool:
    """Four hexadecimal digits of 2000::/3, or of fc00::/7 and fe80::/10, which are not public."""
    for i in range(start, start + 4):
        if KIND[text[i]] & HEX == 0:
            return False
    first, second, third = text[start], text[start + 1] | 32, text[start + 2] | 32
    if first == 50 or first == 51:
        return True
    if public_only or first | 32 != 102:
        return False
    return second == 99 or second == 100 or (second == 101 and (third in (56, 57, 97, 98)))


@inlined
def _is_documentation(text: U8, start: int, stop: int) -> bool:
    """Whether the address is of 2001:db8::/32."""
    at = start + 5
    if text[start] != 50 or text[start + 1] != 48 or text[start + 2] != 48 or text[start + 3] != 49:
        return False
    if stop - at > 4 and text[at] == _ZERO:
        at += 1
    if stop - at < 4 or text[at + 3] != _COLON:
        return False
    return bool(text[at] | 32 == 100 and text[at + 1] | 32 == 98 and text[at + 2] == 56)


@inlined
def _is_valid(text: U8, start: int, stop: int) -> bool:
    """Eight groups of 1 to 4 hexadecimal digits, or 2 to 7 and one "::"; a decimal digit in it."""
    groups, length, gaps = 0, 0, 0
    for i in range(start, stop):
        if text[i] == _COLON:
            if length == 0:
                gaps += 1
            length = 0
        else:
            groups += length == 0
            length += 1
            if length > 4:
                return False
    digits = False
    for i in range(start, stop):
        digits = digits or KIND[text[i]] & DIGIT != 0
    if not digits:
        return False
    return groups == 8 if gaps == 0 else gaps == 1 and 2 <= groups <= 7
