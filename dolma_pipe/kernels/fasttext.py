"""From text to one vector a document, as fastText does it.

The sum of the vectors of a word and its subwords is worked out once and remembered, since text
repeats its words.
"""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F32, I32, I64, U8, U64, inlined, kernel
from dolma_pipe.kernels.strings import FNV64_BASIS, FNV64_PRIME, begins_with, find_entry

FNV32_BASIS = np.uint32(2166136261)
FNV32_PRIME = np.uint32(16777619)
WORD_NGRAM_FACTOR = np.uint64(116049371)

END_OF_SENTENCE = np.frombuffer(b"</s>", np.uint8)
END_KEY = np.uint64(0x7BD4011AD427EA99)
"""What word_key makes of it."""

LABEL_PREFIX = np.frombuffer(b"__label__", np.uint8)
SPACES = np.uint64(sum(1 << ord(c) for c in " \n\r\t\v\f\0"))
"""White space to fastText, as a bit set over the first 64 bytes (Dictionary::readWord)."""

BLOCK = 256
"""Words that are found, then looked up, then added: memory answers many questions at once."""

LENGTH_SHIFT = np.uint64(32)
ROWS_MASK = np.uint64(0xFFFFFFFF)
IS_LABEL = 0xFFFFFFFF


class Weights(NamedTuple):
    """What makes a vector of a document; read only.

    input: float32[words + n-gram rows, dimensions].
    kept: uint64[buckets / 64], a bit for each bucket that pruning left; ngram_rows: int32[buckets],
    its row (after the words). Both are empty when nothing was pruned and bucket b is row b.
    vocabulary: uint8[bytes], entry e (words first, then labels) is vocabulary[starts[e]:ends[e]].
    table: int32[power of two], see strings.
    words: entries that are words; buckets: 0 when the model has no n-grams at all.
    """

    input: F32
    kept: U64
    ngram_rows: I32
    vocabulary: U8
    starts: I64
    ends: I64
    table: I32
    words: int
    buckets: int
    min_characters: int
    max_characters: int
    word_ngrams: int


class Memo(NamedTuple):
    """The words met last, one slot each, direct-mapped; whatever it holds, results are the same.

    words: uint64[slots, 2], FNV-1a 64 of the word; its length in bytes (0 for a free slot) << 32,
    with the rows in its sum (IS_LABEL for a label).
    vectors: float32[slots, dimensions], the sum of the rows of the word and its subwords.
    """

    words: U64
    vectors: F32


@kernel
def document_vectors(
    text: U8, starts: I64, ends: I64, weights: Weights, memo: Memo, vectors: F32, rows: I64
) -> None:
    """The mean of the rows of each document text[starts[d]:ends[d]], its line ends taken as spaces.

    As in fastText's predict one line end, </s>, is added. Fills vectors float32[documents,
    dimensions] and rows int64[documents], the number of rows in the mean.
    """
    # Taken out of their tuples here: in the loops that would count references again and again.
    matrix, kept, ngram_rows, known = weights.input, weights.kept, weights.ngram_rows, weights.words
    held, memo_vectors = memo.words, memo.vectors
    has_word_ngrams = weights.word_ngrams > 1 and weights.buckets > 0
    modulus = np.uint64(weights.buckets)
    mask = np.uint64(len(held) - 1)
    word_starts, word_ends = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    keys, slots = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
    room = np.empty(256, np.uint8)
    pending = np.empty(max(BLOCK, weights.max_characters), np.uint64)
    history = np.empty(max(weights.word_ngrams - 1, 0), np.uint64)
    grams = np.empty(BLOCK + len(history), np.uint64)
    # Word n-grams are summed apart from words, so that no order of additions depends on the memo.
    extra = np.empty(matrix.shape[1], np.float32)
    end_row = _end_row(weights)
    end_hash = _signed_hash(END_OF_SENTENCE, 0, len(END_OF_SENTENCE))
    for d in range(len(starts)):
        total = vectors[d]
        total[:] = np.float32(0)
        extra[:] = np.float32(0)
        position, end = starts[d], ends[d]
        count, words, found_grams = 0, 0, 0
        while position < end:
            position, found = _scan_words(text, position, end, word_starts, word_ends, keys)
            waiting = 0
            for w in range(found):
                key, length = keys[w], np.uint64(word_ends[w] - word_starts[w])
                slot = (key ^ (key >> np.uint64(32))) & mask
                if held[slot, 0] != key or held[slot, 1] >> LENGTH_SHIFT != length:
                    # The vector that leaves the slot may be waiting.
                    _add_rows(memo_vectors, slots, waiting, total)
                    waiting = 0
                    rows_of_word = _word_vector(
                        text,
                        word_starts[w],
                        word_ends[w],
                        key,
                        weights,
                        room,
                        pending,
                        memo_vectors[slot],
                    )
                    held[slot, 0] = key
                    held[slot, 1] = length << LENGTH_SHIFT | np.uint64(rows_of_word)
                known_rows = np.int64(held[slot, 1] & ROWS_MASK)
                if known_rows == IS_LABEL:
                    continue
                count += int(known_rows)
                slots[waiting] = slot
                waiting += 1
                if has_word_ngrams:
                    value = _signed_hash(text, word_starts[w], word_ends[w])
                    found_grams = _word_ngrams(value, words, history, modulus, grams, found_grams)
                    words += 1
                    if found_grams >= BLOCK:
                        count += _add_ngrams(
                            grams, found_grams, known, kept, ngram_rows, matrix, extra
                        )
                        found_grams = 0
            _add_rows(memo_vectors, slots, waiting, total)
        if end_row >= 0:
            pending[0] = end_row
            _add_rows(matrix, pending, 1, total)
            count += 1
        if has_word_ngrams:
            found_grams = _word_ngrams(end_hash, words, history, modulus, grams, found_grams)
            count += _add_ngrams(grams, found_grams, known, kept, ngram_rows, matrix, extra)
        scale = np.float32(1.0 / max(count, 1))
        for k in range(len(total)):
            total[k] = (total[k] + extra[k]) * scale
        rows[d] = count


@kernel
def _scan_words(
    text: U8, position: int, end: int, starts: I64, ends: I64, keys: U64
) -> tuple[int, int]:
    """Find the next words, as many as there is room for: the position after them, and how many.

    A written </s> ends the document, as in fastText.
    """
    found = 0
    while found < len(starts):
        while position < end and _is_space(text[position]):
            position += 1
        if position >= end:
            break
        start = position
        key = FNV64_BASIS
        while position < end:
            byte = text[position]
            if _is_space(byte):
                break
            key = (key ^ np.uint64(byte)) * FNV64_PRIME
            position += 1
        if key == END_KEY and position - start == len(END_OF_SENTENCE):
            return end, found
        starts[found], ends[found], keys[found] = start, position, key
        found += 1
    return position, found


@inlined
def _is_space(byte: np.uint8) -> bool:
    return bool(byte <= 32 and (SPACES >> np.uint64(byte)) & np.uint64(1) != 0)


@kernel
def _end_row(weights: Weights) -> int:
    """The row of </s>, or -1; it has no subwords."""
    return find_entry(
        END_OF_SENTENCE,
        0,
        len(END_OF_SENTENCE),
        END_KEY,
        weights.vocabulary,
        weights.starts,
        weights.ends,
        weights.table,
    )


@kernel
def _word_vector(
    text: U8,
    start: int,
    end: int,
    key: np.uint64,
    weights: Weights,
    room: U8,
    pending: U64,
    vector: F32,
) -> int:
    """The sum of the rows of a word and its subwords, into vector; how many rows, or IS_LABEL."""
    vector[:] = np.float32(0)
    entry = find_entry(
        text, start, end, key, weights.vocabulary, weights.starts, weights.ends, weights.table
    )
    if entry >= weights.words or (entry < 0 and begins_with(text, start, end, LABEL_PREFIX)):
        return IS_LABEL
    rows = 0
    if entry >= 0:
        pending[0] = entry
        _add_rows(weights.input, pending, 1, vector)
        rows = 1
    if weights.max_characters <= 0 or weights.buckets == 0:
        return rows
    length = end - start + 2
    word = room if length <= len(room) else np.empty(length, np.uint8)
    word[0] = ord("<")
    for i in range(length - 2):
        word[i + 1] = text[start + i]
    word[length - 1] = ord(">")
    return rows + _add_subwords(word, length, weights, pending, vector)


@kernel
def _add_subwords(word: U8, length: int, weights: Weights, pending: U64, vector: F32) -> int:
    """Add the rows of all character n-grams of word[:length] to vector; how many.

    As Dictionary::computeSubwords; the word stands between < and >.
    """
    matrix, kept, ngram_rows, words = weights.input, weights.kept, weights.ngram_rows, weights.words
    min_characters, max_characters = weights.min_characters, weights.max_characters
    rows, found = 0, 0
    modulus = np.uint32(weights.buckets)
    for first in range(length):
        if _continues(word[first]):
            continue
        if found + max_characters > len(pending):
            rows += _add_ngrams(pending, found, words, kept, ngram_rows, matrix, vector)
            found = 0
        value = FNV32_BASIS
        after, characters = first, 1
        while after < length and characters <= max_characters:
            value = np.uint32((value ^ _signed(word[after])) * FNV32_PRIME)
            after += 1
            while after < length and _continues(word[after]):
                value = np.uint32((value ^ _signed(word[after])) * FNV32_PRIME)
                after += 1
            if characters >= min_characters and not (
                characters == 1 and (first == 0 or after == length)
            ):
                pending[found] = np.uint64(value % modulus)
                found += 1
            characters += 1
    return rows + _add_ngrams(pending, found, words, kept, ngram_rows, matrix, vector)


@kernel
def _add_ngrams(
    buckets: U64, count: int, words: int, kept: U64, ngram_rows: I32, matrix: F32, vector: F32
) -> int:
    """Add the rows of buckets[:count] (overwritten) to vector; how many: pruned ones have none."""
    after = np.uint64(words)
    if len(ngram_rows) == 0:
        for i in range(count):
            buckets[i] += after
        _add_rows(matrix, buckets, count, vector)
        return count
    rows = np.int64(0)
    for i in range(count):
        bucket = buckets[i]
        # Written whether it counts or not: a branch would be guessed wrong half of the time.
        buckets[rows] = bucket
        rows += np.int64(kept[bucket >> np.uint64(6)] >> (bucket & np.uint64(63)) & np.uint64(1))
    for i in range(rows):
        buckets[i] = np.uint64(ngram_rows[buckets[i]]) + after
    _add_rows(matrix, buckets, int(rows), vector)
    return int(rows)


@kernel
def _add_rows(matrix: F32, rows: U64, count: int, total: F32) -> None:
    """Add matrix[rows[:count]] to total, each row in turn.

    Four rows are read at once: a sum waits for memory on all four together, and is stored once.
    """
    dimensions = len(total)
    fours = count - count % 4
    for i in range(0, fours, 4):
        a, b, c, d = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for k in range(dimensions):
            total[k] = (((total[k] + matrix[a, k]) + matrix[b, k]) + matrix[c, k]) + matrix[d, k]
    for i in range(fours, count):
        a = rows[i]
        for k in range(dimensions):
            total[k] += matrix[a, k]


@kernel
def _word_ngrams(
    value: np.uint32, words: int, history: U64, modulus: np.uint64, buckets: U64, found: int
) -> int:
    """Put the buckets of the word n-grams that end in this word after buckets[:found], and move
    history on; how many buckets there are now.

    As Dictionary::addWordNgrams. words: met before this one; history[j]: the running hash of the
    n-gram that began j + 1 words ago.
    """
    # fastText keeps word hashes as int32: they are sign-extended before they are multiplied.
    own = np.uint64(np.int64(np.int32(value)))
    count = min(words, len(history))
    for j in range(count):
        history[j] = history[j] * WORD_NGRAM_FACTOR + own
        buckets[found + j] = history[j] % modulus
    for j in range(len(history) - 1, 0, -1):
        history[j] = history[j - 1]
    history[0] = own
    return found + count


@kernel
def _signed_hash(text: U8, start: int, end: int) -> np.uint32:
    """fastText's own word hash: FNV-1a, 32 bits, over SIGNED bytes (Dictionary::hash)."""
    value = FNV32_BASIS
    for i in range(start, end):
        value = np.uint32((value ^ _signed(text[i])) * FNV32_PRIME)
    return value


@inlined
def _signed(byte: np.uint8) -> np.uint32:
    return np.uint32(byte) if byte < 128 else np.uint32(byte) | np.uint32(0xFFFFFF00)


@inlined
def _continues(byte: np.uint8) -> bool:
    """Whether a byte is not the first of its UTF-8 code point."""
    return bool(byte & np.uint8(0xC0) == np.uint8(0x80))
