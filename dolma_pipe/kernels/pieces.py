"""Pieces of text that a WordPiece tokenizer of BERT's sort treats each by itself, and their memory.

BERT's normaliser and pre-tokenizer look at one character at a time; they split at white space,
around punctuation and around Chinese characters. So the tokens of a text are those of its pieces,
one after the other, and a piece that was met before need not be tokenised again.
"""

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I16, I32, I64, U8, U64, inlined, kernel

MAX_PIECE = 1024
"""Bytes; a longer run without a border is cut, at a code point."""

PIECES = 1 << 16
"""Pieces that are looked at together."""


@inlined
def _alone(byte: np.uint8) -> bool:
    """ASCII punctuation: every character that is printed, and is no letter, digit or space."""
    return bool(33 <= byte <= 47 or 58 <= byte <= 64 or 91 <= byte <= 96 or 123 <= byte <= 126)


@inlined
def _chinese(text: U8, i: int, end: int) -> bool:
    """U+4E00 to U+9FFF at i."""
    return i + 2 < end and 0xE4 <= text[i] <= 0xE9 and not (text[i] == 0xE4 and text[i + 1] < 0xB8)


@kernel
def find_pieces(
    text: U8,
    offsets: I64,
    document: int,
    place: int,
    documents: I32,
    starts: I64,
    ends: I64,
    hashes: U64,
) -> tuple[int, int, int]:
    """Fill the arrays (PIECES long) from `place`, a byte of `document`, on.

    Returns the pieces found, and the document and place to go on with; document is len(offsets) - 1
    at the end. hashes are never 0.
    """
    n = 0
    last = len(offsets) - 1
    while document < last:
        i, end = max(place, offsets[document]), offsets[document + 1]
        while i < end:
            if n == len(starts):
                return n, document, i
            byte = text[i]
            if byte == 32 or 9 <= byte <= 10 or byte == 13:
                i += 1
                continue
            start = i
            h = np.uint64(0x9E3779B97F4A7C15)
            if _alone(byte):
                i += 1
            elif _chinese(text, i, end):
                i += 3
            else:
                while i < end and i - start < MAX_PIECE:
                    byte = text[i]
                    if byte <= 32 and (byte == 32 or 9 <= byte <= 10 or byte == 13):
                        break
                    if byte < 128 and _alone(byte):
                        break
                    if byte >= 0xE4 and _chinese(text, i, end):
                        break
                    i += 1
                while i < end and i > start + 1 and text[i] & 0xC0 == 0x80:
                    i -= 1  # never inside a code point
            for k in range(start, i):
                h = (h ^ np.uint64(text[k])) * np.uint64(0x100000001B3)
                h ^= h >> np.uint64(29)
            h = mixed64(h)
            documents[n], starts[n], ends[n] = np.int32(document), start, i
            hashes[n] = h if h != np.uint64(0) else np.uint64(1)
            n += 1
        document += 1
        place = 0
    return n, last, 0


@kernel
def look_up(keys: U64, values: I32, hashes: U64, found: I32) -> int:
    """The value of each hash in an open-addressing table, -1 where there is none; counts those."""
    missing = 0
    mask = len(keys) - 1
    for i in range(len(hashes)):
        slot = np.int64(hashes[i] & np.uint64(mask))
        while keys[slot] != np.uint64(0) and keys[slot] != hashes[i]:
            slot = (slot + 1) & mask
        found[i] = values[slot] if keys[slot] != np.uint64(0) else np.int32(-1)
        missing += found[i] < 0
    return missing


@kernel
def insert(keys: U64, values: I32, hashes: U64, first: int) -> None:
    """Give new hashes the values first, first + 1, ...; the table has room."""
    mask = len(keys) - 1
    for i in range(len(hashes)):
        slot = np.int64(hashes[i] & np.uint64(mask))
        while keys[slot] != np.uint64(0):
            slot = (slot + 1) & mask
        keys[slot] = hashes[i]
        values[slot] = np.int32(first + i)


@kernel
def join_tokens(documents: I32, found: I32, borders: I64, tokens: I32) -> tuple[I32, I32]:
    """Tokens of pieces in their order, with the document of each.

    Piece i has tokens[borders[found[i]] : borders[found[i] + 1]].
    """
    total = 0
    for i in range(len(found)):
        total += borders[found[i] + 1] - borders[found[i]]
    joined, whose = np.empty(total, np.int32), np.empty(total, np.int32)
    n = 0
    for i in range(len(found)):
        for k in range(borders[found[i]], borders[found[i] + 1]):
            joined[n], whose[n] = tokens[k], documents[i]
            n += 1
    return joined, whose


@kernel
def add_rows(rows: I16, tokens: I32, documents: I32, sums: I64) -> None:
    """sums[document] += rows[token], exactly; rows: int16[tokens, d]; sums: int64[documents, d]."""
    width = rows.shape[1]
    held = np.zeros(width, np.int32)
    i = 0
    while i < len(tokens):
        document = documents[i]
        held[:] = 0
        end = min(len(tokens), i + (1 << 15))  # no int32 overflows: 2 ** 15 of 2 ** 15 at most
        while i < end and documents[i] == document:
            row = rows[tokens[i]]
            for k in range(width):
                held[k] += np.int32(row[k])
            i += 1
        for k in range(width):
            sums[document, k] += held[k]
