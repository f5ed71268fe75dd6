"""Where the words or phrases of a list stand in a document.

A token is a run of code points between white space and punctuation (P*, S*), in simple lower case;
in scripts without spaces every code point is one, with its marks. Tokens follow one another with
white space (and any punctuation beside it) between them, or with nothing, or with exactly this
punctuation ("a-b"). An entry matches its own tokens so joined: "bad" stands in "so-bad", "(Bad)"
and "bad's", not in "badly"; "s&m" not in "s m". Punctuation at the edge of an entry ("a$$") must
stand there as it does in the entry; a run of nothing else is a token.

Tokens are compared by 64-bit hashes: with 10^5 entries one false hit in 10^14 tokens.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I32, I64, U8, U16, U64, Bool, inlined, kernel
from dolma_pipe.kernels.strings import FNV64_BASIS, FNV64_PRIME
from dolma_pipe.kernels.unicode import (
    MARK,
    PUNCTUATION,
    SPACE,
    WORD_ALONE,
    classes,
    code_point_at,
    flags_of,
    last_code_point,
    lower_case,
    lowered,
)

FEWEST_SLOTS = 1 << 14
"""Most tokens are of no entry: where few slots are taken, one look tells, and the processor expects
it."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
_LEAD = np.uint64(0x94D049BB133111EB)
_TRAIL = np.uint64(0xBF58476D1CE4E5B9)
_NOTHING = np.uint64(0)


class Tokens(NamedTuple):
    """offsets: int64[documents + 1]; starts, ends: int64[tokens], bytes from the start of `text`.

    hashes: uint64[tokens]. before, after: uint64[tokens], the hash of the punctuation that touches
    the token, 0 for none; joined: bool[tokens], no white space since the token before.
    """

    offsets: I64
    starts: I64
    ends: I64
    hashes: U64
    before: U64
    after: U64
    joined: Bool


class Blocklist(NamedTuple):
    """keys: uint64[power of two], by open addressing, 0 is free: the hash of every entry and of
    every first part of one; entries: int32[the same], the number of the entry, -1 for a part.

    size: how many entries there are.
    """

    keys: U64
    entries: I32
    size: int


class Hits(NamedTuple):
    """Entries found, leftmost first, the longest at a place, none over another.

    offsets: int64[documents + 1]; starts, ends: int64[hits], bytes from the start of the document.
    words, hit_words, distinct: int64[documents]: tokens, those in hits, different entries.
    """

    offsets: I64
    starts: I64
    ends: I64
    words: I64
    hit_words: I64
    distinct: I64


def compile_blocklist(entries: list[str]) -> Blocklist:
    """The list as `find_hits` reads it; entries without a word are passed over."""
    raw = [entry.encode() for entry in entries]
    text = np.frombuffer(b"".join(raw), np.uint8)
    tokens = split_tokens(text, np.cumsum([0, *map(len, raw)]).astype(np.int64))
    slots = 1 << (2 * (len(tokens.starts) + len(raw))).bit_length()
    keys = np.zeros(max(FEWEST_SLOTS, slots), np.uint64)
    numbers = np.full(len(keys), -1, np.int32)
    return Blocklist(keys, numbers, _add_entries(tokens, keys, numbers))


def find_hits(text: U8, offsets: I64, blocklist: Blocklist) -> Hits:
    """Where entries of the list stand in each document."""
    tokens = split_tokens(text, offsets)
    documents = len(offsets) - 1
    # Memory that is not written costs nothing.
    starts, ends = (np.empty(len(tokens.starts), np.int64) for _ in range(2))
    firsts, hit_words, distinct = (np.zeros(documents + k, np.int64) for k in (1, 0, 0))
    n = _find_hits(
        text, offsets, tokens, blocklist, *classes(), firsts, starts, ends, hit_words, distinct
    )
    return Hits(firsts, starts[:n], ends[:n], np.diff(tokens.offsets), hit_words, distinct)


def split_tokens(text: U8, offsets: I64) -> Tokens:
    """The tokens of every document; `text` is valid UTF-8, `offsets` int64[documents + 1]."""
    documents = len(offsets) - 1
    # Two tokens stand a byte apart, or one of them has three bytes: this is enough.
    room = (int(offsets[-1] - offsets[0]) + documents) // 2 + 1
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    hashes, before, after = (np.empty(room, np.uint64) for _ in range(3))
    firsts, joined = np.zeros(documents + 1, np.int64), np.empty(room, np.bool_)
    tokens = Tokens(firsts, starts, ends, hashes, before, after, joined)
    n = _split_tokens(text, offsets, *classes(), *lower_case(), tokens)
    return Tokens(firsts, starts[:n], ends[:n], hashes[:n], before[:n], after[:n], joined[:n])


@kernel
def _split_tokens(
    text: U8,
    offsets: I64,
    pages: U16,
    flags: U8,
    lower_pages: U16,
    shifts: I32,
    tokens: Tokens,
) -> int:
    """Fill tokens; how many."""
    # Taken out of the tuple here: in the loop that would count references again and again.
    firsts, starts, ends, hashes = tokens.offsets, tokens.starts, tokens.ends, tokens.hashes
    before, after, joined = tokens.before, tokens.after, tokens.joined
    n = 0
    for d in range(len(offsets) - 1):
        i, end = int(offsets[d]), int(offsets[d + 1])
        run = n  # the first token since white space
        start = -1  # of the token that is open
        alone = False  # it is one code point of a script without spaces
        h = FNV64_BASIS
        signs, signs_start = _NOTHING, i  # the punctuation since the last token
        while i <= end:
            if start >= 0 and not alone:  # the rest of most tokens
                while i < end and text[i] < np.uint8(0x80):
                    byte = text[i]
                    if flags[byte] & (SPACE | PUNCTUATION) != 0:
                        break
                    if np.uint8(65) <= byte <= np.uint8(90):
                        byte |= np.uint8(32)
                    h = (h ^ np.uint64(byte)) * FNV64_PRIME
                    i += 1
            at = i
            kind, code = SPACE, 32  # the end of a document ends everything
            if i == end:
                i += 1
            elif text[i] < np.uint8(0x80):
                code, kind = int(text[i]), int(flags[text[i]])
                if 65 <= code <= 90:
                    code |= 32
                i += 1
            else:
                code, i = code_point_at(text, i)
                kind = flags_of(code, pages, flags)
                code = lowered(code, lower_pages, shifts)
            if start >= 0 and (
                kind & (SPACE | PUNCTUATION | WORD_ALONE) != 0 or (alone and kind & MARK == 0)
            ):
                starts[n], ends[n], hashes[n], after[n] = start, at, mixed64(h), _NOTHING
                n += 1
                start = -1
            if kind & SPACE != 0:
                if signs != _NOTHING:
                    if n > run:
                        after[n - 1] = mixed64(signs)
                    else:
                        starts[n], ends[n], hashes[n] = signs_start, at, mixed64(signs)
                        before[n], after[n], joined[n] = _NOTHING, _NOTHING, False
                        n += 1
                signs = _NOTHING
                run = n
            elif kind & PUNCTUATION != 0:
                if signs == _NOTHING:
                    signs, signs_start = FNV64_BASIS, at
                signs = (signs ^ np.uint64(code)) * FNV64_PRIME
            else:
                if start < 0:
                    start, h, alone = at, FNV64_BASIS, kind & WORD_ALONE != 0
                    joined[n] = n > run
                    before[n] = mixed64(signs)  # 0 of 0
                    if joined[n]:
                        after[n - 1] = before[n]
                    signs = _NOTHING
                h = (h ^ np.uint64(code)) * FNV64_PRIME
        firsts[d + 1] = n
    return n


@inlined
def _step(h: np.uint64, value: np.uint64) -> np.uint64:
    return (h ^ (h >> np.uint64(31))) * _STEP + value


@inlined
def _slot(keys: U64, h: np.uint64) -> np.uint64:
    """Where a key stands, or the free place where it would."""
    mask = np.uint64(len(keys) - 1)
    slot = h & mask
    while keys[slot] != h and keys[slot] != _NOTHING:
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def _add_entries(tokens: Tokens, keys: U64, numbers: I32) -> int:
    """Fill keys and numbers; how many different entries."""
    firsts, hashes, joined = tokens.offsets, tokens.hashes, tokens.joined
    before, after = tokens.before, tokens.after
    count = 0
    for e in range(len(firsts) - 1):
        first, end = firsts[e], firsts[e + 1]
        if first == end:
            continue
        h = _NOTHING if before[first] == _NOTHING else _step(_LEAD, before[first])
        slot = np.uint64(0)
        for k in range(first, end):
            if k > first:
                h = _step(h, before[k] if joined[k] else _NOTHING)
            h = _step(h, hashes[k])
            slot = _slot(keys, h)
            keys[slot] = h
        if after[end - 1] != _NOTHING:
            h = _step(h ^ _TRAIL, after[end - 1])
            slot = _slot(keys, h)
            keys[slot] = h
        if numbers[slot] < 0:
            numbers[slot] = count
            count += 1
    return count


@kernel
def _find_hits(
    text: U8,
    offsets: I64,
    tokens: Tokens,
    blocklist: Blocklist,
    pages: U16,
    flags: U8,
    firsts: I64,
    starts: I64,
    ends: I64,
    hit_words: I64,
    distinct: I64,
) -> int:
    n = 0
    seen = np.full(blocklist.size, -1, np.int64)
    keys, hashes, before = blocklist.keys, tokens.hashes, tokens.before
    token_firsts = tokens.offsets
    for d in range(len(offsets) - 1):
        k, end = token_firsts[d], token_firsts[d + 1]
        last = offsets[d]  # the end of the hit before
        while k < end:
            if before[k] == _NOTHING:
                h = _step(_NOTHING, hashes[k])
                if keys[_slot(keys, h)] == _NOTHING:  # as with most tokens
                    k += 1
                    continue
            entry, after, trails = _longest(k, end, _NOTHING, tokens, blocklist)
            leads = False
            if before[k] != _NOTHING:
                h = _step(_LEAD, before[k])
                other, other_after, other_trails = _longest(k, end, h, tokens, blocklist)
                if other >= 0 and other_after >= after:
                    entry, after, trails, leads = other, other_after, other_trails, True
            if entry < 0:
                k += 1
                continue
            start, stop = tokens.starts[k], tokens.ends[after - 1]
            if leads:
                start = _signs_before(text, last, start, pages, flags)
            if trails:
                stop = _signs_after(text, stop, offsets[d + 1], pages, flags)
            starts[n], ends[n] = start - offsets[d], stop - offsets[d]
            n += 1
            hit_words[d] += after - k
            distinct[d] += seen[entry] != d
            seen[entry] = d
            last, k = stop, after
        firsts[d + 1] = n
    return n


@kernel
def _longest(
    first: int, end: int, h: np.uint64, tokens: Tokens, blocklist: Blocklist
) -> tuple[int, int, bool]:
    """The longest entry that starts with this token: its number, the token after it, and whether
    it holds the punctuation that follows. -1 and `first` where there is none."""
    keys, numbers = blocklist.keys, blocklist.entries
    hashes, before, after, joined = tokens.hashes, tokens.before, tokens.after, tokens.joined
    entry, stop, trails = -1, first, False
    for k in range(first, end):
        if k > first:
            h = _step(h, before[k] if joined[k] else _NOTHING)
        h = _step(h, hashes[k])
        slot = _slot(keys, h)
        if keys[slot] == _NOTHING:
            break
        if numbers[slot] >= 0:
            entry, stop, trails = int(numbers[slot]), k + 1, False
        if after[k] != _NOTHING:
            slot = _slot(keys, _step(h ^ _TRAIL, after[k]))
            if numbers[slot] >= 0:
                entry, stop, trails = int(numbers[slot]), k + 1, True
    return entry, stop, trails


@kernel
def _signs_before(text: U8, least: int, end: int, pages: U16, flags: U8) -> int:
    """The start of the punctuation before a token, not below `least`."""
    while end > least:
        code, at = last_code_point(text, least, end)
        if flags_of(code, pages, flags) & PUNCTUATION == 0:
            break
        end = at
    return end


@kernel
def _signs_after(text: U8, start: int, most: int, pages: U16, flags: U8) -> int:
    """The end of the punctuation after a token, not above `most`."""
    while start < most:
        code, after = code_point_at(text, start)
        if flags_of(code, pages, flags) & PUNCTUATION == 0:
            break
        start = after
    return start
