"""E-mail addresses, phone numbers and IP addresses of a batch: one look at each byte.

The patterns stand in emails.py, phones.py and ip_addresses.py. An e-mail address is looked for at
each @, an IPv6 address at each colon, the others where a number may start; of those, where one ends
the search goes on. Spans of one kind never overlap, spans of two kinds may.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.ascii import DIGIT, KIND
from dolma_pipe.kernels.emails import email_at
from dolma_pipe.kernels.ip_addresses import ipv4_at, ipv6_at
from dolma_pipe.kernels.jit import I64, U8, kernel
from dolma_pipe.kernels.phones import phone_at

EMAIL, PHONE, IP = 0, 1, 2
_AT, _NUMBER, _SIGN, _COLON = np.uint8(1), np.uint8(2), np.uint8(3), np.uint8(4)
_LOOK = np.zeros(256, np.uint8)
for _bytes, _kind in ((b"@", _AT), (b"0123456789", _NUMBER), (b"+(", _SIGN), (b":", _COLON)):
    _LOOK[list(_bytes)] = _kind


class Found(NamedTuple):
    """offsets: int64[documents + 1]; starts, ends: int64[spans], bytes of the document."""

    offsets: I64
    starts: I64
    ends: I64


def find_pii(text: U8, offsets: I64, public_ips_only: bool) -> tuple[Found, Found, Found]:
    """The spans of e-mail addresses, of phone numbers and of IP addresses, sorted."""
    room = int(offsets[-1] - offsets[0]) // 3 + 1  # the shortest is 6 bytes, and two may overlap
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    kinds = np.empty(room, np.uint8)
    firsts = np.zeros(len(offsets), np.int64)
    n = _find(text, offsets, public_ips_only, firsts, starts, ends, kinds)
    return (
        _of_kind(EMAIL, firsts, starts[:n], ends[:n], kinds[:n]),
        _of_kind(PHONE, firsts, starts[:n], ends[:n], kinds[:n]),
        _of_kind(IP, firsts, starts[:n], ends[:n], kinds[:n]),
    )


def _of_kind(kind: int, firsts: I64, starts: I64, ends: I64, kinds: U8) -> Found:
    mine = kinds == kind
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(mine)])[firsts]
    return Found(offsets, starts[mine], ends[mine])


@kernel
def _find(
    text: U8, offsets: I64, public_only: bool, firsts: I64, starts: I64, ends: I64, kinds: U8
) -> int:
    n = 0
    for d in range(len(offsets) - 1):
        begin, end = int(offsets[d]), int(offsets[d + 1])
        email_end, number_end = begin, begin
        for i in range(begin, end):
            look = _LOOK[text[i]]
            if look == 0:
                continue
            if look == _AT:
                start, stop = email_at(text, i, begin, end)
                if stop > 0 and start >= email_end:
                    starts[n], ends[n], kinds[n] = start - begin, stop - begin, EMAIL
                    n += 1
                    email_end = stop
                continue
            if i < number_end:
                continue
            if look == _COLON:
                start, stop = ipv6_at(text, i, begin, end, public_only)
                if stop > 0 and start >= number_end:
                    starts[n], ends[n], kinds[n] = start - begin, stop - begin, IP
                    n += 1
                    number_end = stop
                continue
            if look == _NUMBER:
                if i > begin and KIND[text[i - 1]] & DIGIT:
                    continue
                stop = ipv4_at(text, i, begin, end, public_only)
                if stop > 0:
                    starts[n], ends[n], kinds[n] = i - begin, stop - begin, IP
                    n += 1
                    number_end = stop
                    continue
            stop = phone_at(text, i, begin, end)
            if stop > 0:
                starts[n], ends[n], kinds[n] = i - begin, stop - begin, PHONE
                n += 1
                number_end = stop
        firsts[d + 1] = n
    return n
