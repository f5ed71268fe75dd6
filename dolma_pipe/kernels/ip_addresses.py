"""IPv4 addresses, told from the dotted numbers that look like them: versions, OIDs, sections.

Four octets without leading zeros, the first not 0, that are no part of a longer dotted, hyphenated
or lettered thing, do not follow "Name/" or "name-" (user agents, packages) nor a word such as
"version" or "section". Four numbers below 32 are a version or a section (of 410 in 60 MB of real
text 377 were; one address in 4,000 is of that kind), except 10.x.x.x inside a line, 8.8.8.8 and
8.8.4.4 inside a line, after "//" or a word such as "ip" or "dns", and before /0 to /32.
"""

import numpy as np

from dolma_pipe.kernels.ascii import (
    DIGIT,
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
NETWORK_WORDS = (
    "ip",
    "ips",
    "ipv4",
    "dns",
    "host",
    "hostname",
    "nameserver",
    "resolver",
    "gateway",
    "address",
    "addresses",
    "addr",
    "adresse",
    "netmask",
    "subnet",
    "router",
    "ping",
    "traceroute",
    "nslookup",
)
"""Not "server" nor "client": a version often follows them."""
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
_NETWORK_WORDS, _NETWORK_LENGTHS = word_table(NETWORK_WORDS)
_RESERVED = np.array([_network(written) for written in RESERVED_NETWORKS])
_DOT = np.uint8(ord("."))
_HYPHEN = np.uint8(ord("-"))
_SLASH = np.uint8(ord("/"))
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
    stop, value, largest = octets_at(text, at, end)
    if stop < 0 or value >> 24 == 0:
        return -1
    if is_kind(text, stop, begin, end, WORD) or _goes_on(text, stop, begin, end, value & 255):
        return -1
    if largest < 32 and not _is_small_address(text, at, stop, value, begin, end):
        return -1
    if public_only and is_reserved(value):
        return -1
    return -1 if word_before(text, at, begin, _WORDS, _WORD_LENGTHS) else stop


@kernel
def octets_at(text: U8, at: int, end: int) -> tuple[int, int, int]:
    """Where the four octets end that start here, the address, and its largest octet; -1 if none."""
    value, largest = 0, 0
    stop = at
    for octet in range(4):
        if octet > 0:
            if stop >= end or text[stop] != _DOT:
                return -1, 0, 0
            stop += 1
        first = stop
        number = 0
        while stop - first < 4 and stop < end and KIND[text[stop]] & DIGIT:
            number = number * 10 + int(text[stop]) - 48
            stop += 1
        if stop == first or number > 255 or (text[first] == _ZERO and stop - first > 1):
            return -1, 0, 0
        value = (value << 8) | number
        largest = max(largest, number)
    return stop, value, largest


@inlined
def _is_small_address(text: U8, at: int, stop: int, value: int, begin: int, end: int) -> bool:
    """Whether four numbers below 32 are an address all the same."""
    resolver = value == 0x08080808 or value == 0x08080404
    if (value >> 24 == 10 or resolver) and not _is_first_on_line(text, at, begin):
        return True
    if at - 1 > begin and text[at - 1] == _SLASH and text[at - 2] == _SLASH:
        return True
    if word_before(text, at, begin, _NETWORK_WORDS, _NETWORK_LENGTHS):
        return True
    return _has_prefix_length(text, stop, end)


@inlined
def _has_prefix_length(text: U8, stop: int, end: int) -> bool:
    """Whether /0 to /32 follows, and no more of a number."""
    i = stop + 1
    if stop >= end or text[stop] != _SLASH or i >= end or KIND[text[i]] & DIGIT == 0:
        return False
    bits = int(text[i]) - 48
    if i + 1 < end and KIND[text[i + 1]] & DIGIT:
        i += 1
        bits = bits * 10 + int(text[i]) - 48
    ends = i + 1 >= end or (KIND[text[i + 1]] & WORD == 0 and text[i + 1] != _SLASH)
    return bool(bits <= 32 and ends)


@inlined
def _goes_on(text: U8, stop: int, begin: int, end: int, last: int) -> bool:
    """Whether a dot or hyphen ties something to the address; not so in a range, of addresses or of
    their last octet (192.0.2.1-40, up from `last`)."""
    if not is_kind(text, stop + 1, begin, end, LETTER | DIGIT):
        return False
    if text[stop] == _DOT:
        return True
    if text[stop] != _HYPHEN:
        return False
    i, number = stop + 1, 0
    while i < stop + 4 and is_kind(text, i, begin, end, DIGIT):
        number = number * 10 + int(text[i]) - 48
        i += 1
    if i < end and text[i] == _DOT and is_kind(text, i + 1, begin, end, DIGIT):
        return i == stop + 1
    return is_kind(text, i, begin, end, WORD) or number <= last or number > 255


@inlined
def _is_first_on_line(text: U8, at: int, begin: int) -> bool:
    i = at
    while i > begin and (text[i - 1] == np.uint8(32) or text[i - 1] == np.uint8(9)):
        i -= 1
    return i == begin or text[i - 1] == np.uint8(10)


@kernel
def is_reserved(value: int) -> bool:
    """Whether an IPv4 address is of RESERVED_NETWORKS."""
    for k in range(len(_RESERVED)):
        if value >> _RESERVED[k, 0] == _RESERVED[k, 1]:
            return True
    return False
