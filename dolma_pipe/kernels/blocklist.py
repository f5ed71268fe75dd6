"""How often the words or phrases of a list occur in a document.

Words are compared in simple lower case and without punctuation (P*, S*) around them; a word that is
nothing else is compared as it stands. An entry of several words matches them in a row, so an entry
in a script without spaces matches wherever its characters stand together.
"""

import itertools
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I32, I64, U8, U16, U64, Bool, inlined, kernel
from dolma_pipe.kernels.unicode import (
    PUNCTUATION,
    classes,
    code_point_at,
    flags_of,
    lower_case,
    lowered,
)
from dolma_pipe.kernels.words import Words, split_words

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_FIRST_BITS = 16


class Blocklist(NamedTuple):
    """hashes: uint64[entries], sorted; longest: words in the longest entry.

    first: bool[65536], true at the low bits of the hash of an entry's first word.
    """

    hashes: U64
    first: Bool
    longest: int


def compile_blocklist(entries: list[str]) -> Blocklist:
    """The list as `count_blocked` reads it; entries without a word are passed over."""
    raw = [entry.encode() for entry in entries]
    text = np.frombuffer(b"".join(raw), np.uint8)
    offsets = np.cumsum([0, *map(len, raw)]).astype(np.int64)
    words = split_words(text, offsets)
    plain = _plain_hashes(text, words)
    first = np.zeros(1 << _FIRST_BITS, np.bool_)
    hashes = set()
    for a, b in itertools.pairwise(words.offsets.tolist()):
        if a < b:
            first[int(plain[a]) & ((1 << _FIRST_BITS) - 1)] = True
            hashes.add(int(_sequence_hash(plain, a, b)))
    longest = int(np.diff(words.offsets).max(initial=0))
    return Blocklist(np.array(sorted(hashes), np.uint64), first, longest)


def count_blocked(text: U8, words: Words, blocklist: Blocklist) -> I64:
    """int64[documents]: at how many places an entry of the list stands; each entry counts."""
    found = np.zeros(len(words.offsets) - 1, np.int64)
    _count_blocked(words.offsets, _plain_hashes(text, words), *blocklist, found)
    return found


def _plain_hashes(text: U8, words: Words) -> U64:
    hashes = np.empty(len(words.starts), np.uint64)
    pages, flags = classes()
    _hash_plain(text, words.starts, words.ends, pages, flags, *lower_case(), hashes)
    return hashes


@kernel
def _hash_plain(
    text: U8,
    starts: I64,
    ends: I64,
    pages: U16,
    flags: U8,
    lower_pages: U16,
    shifts: I32,
    hashes: U64,
) -> None:
    """One hash a word, of its lower-case code points without the punctuation around them."""
    for w in range(len(starts)):
        i, end = int(starts[w]), int(ends[w])
        h = np.uint64(14695981039346656037)
        kept = h  # the hash up to the last code point that is no punctuation
        inside = False
        whole = h
        while i < end:
            code, i = code_point_at(text, i)
            code = lowered(code, lower_pages, shifts)
            whole = (whole ^ np.uint64(code)) * np.uint64(1099511628211)
            plain = flags_of(code, pages, flags) & PUNCTUATION == 0
            inside = inside or plain
            if inside:
                h = (h ^ np.uint64(code)) * np.uint64(1099511628211)
            if plain:
                kept = h
        if not inside:
            kept = whole
        kept = (kept ^ (kept >> np.uint64(29))) * _MIX
        hashes[w] = kept ^ (kept >> np.uint64(32))


@inlined
def _sequence_step(h: np.uint64, word: np.uint64) -> np.uint64:
    return (h ^ (h >> np.uint64(31))) * _BASE + word


@kernel
def _sequence_hash(hashes: U64, first: int, after: int) -> np.uint64:
    h = np.uint64(0)
    for w in range(first, after):
        h = _sequence_step(h, hashes[w])
    return h


@kernel
def _count_blocked(
    firsts: I64, hashes: U64, entries: U64, first: Bool, longest: int, found: I64
) -> None:
    low = np.uint64((1 << _FIRST_BITS) - 1)
    for d in range(len(firsts) - 1):
        after = int(firsts[d + 1])
        for w in range(firsts[d], after):
            if not first[hashes[w] & low]:
                continue
            h = np.uint64(0)
            for k in range(w, min(after, w + longest)):
                h = _sequence_step(h, hashes[k])
                at = np.searchsorted(entries, h)
                found[d] += at < len(entries) and entries[at] == h
