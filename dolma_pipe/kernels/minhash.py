"""MinHash signatures (Broder 1997) and the band keys of locality-sensitive hashing.

The scheme is datasketch 2's "affine32": a value x is mixed once, then permutation k is a[k] * x +
b[k] modulo 2**32 with odd a[k], a bijection; the constants are drawn as datasketch draws them, so
signatures over the same 32-bit hashes are equal.
"""

import numpy as np

from dolma_pipe.kernels.hashing import mixed32, mixed64
from dolma_pipe.kernels.jit import I64, U8, U32, U64, kernel
from dolma_pipe.kernels.shingles import Folding, fold_words, folding, hash_shingles, most_words

EMPTY = np.uint32(0xFFFFFFFF)
"""What a signature holds before any value: no hash is larger."""


def permutations(count: int, seed: int) -> tuple[U32, U32]:
    """Multipliers and addends of datasketch.MinHash(num_perm=count, seed=seed)."""
    drawn = np.random.RandomState(seed)
    multipliers = drawn.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return multipliers, drawn.randint(0, 1 << 32, count, dtype=np.uint32)


def band_keys(text: U8, offsets: I64, shingle: int, bands: int, rows: int, seed: int) -> U64:
    """uint64[documents, bands]: documents that share a key in a band are candidates.

    All 0 where there is no shingle, never 0 otherwise. shingle is in words; a band hashes `rows`
    values of the signature.
    """
    keys = np.zeros((len(offsets) - 1, bands), np.uint64)
    multipliers, addends = permutations(bands * rows, seed)
    words = np.empty(most_words(offsets), np.uint64)
    _band_keys(text, offsets, shingle, folding(), words, multipliers, addends, rows, keys)
    return keys


def band_keys_of_sets(values: U64, offsets: I64, bands: int, rows: int, seed: int) -> U64:
    """As band_keys, of sets that are there: set d is values[offsets[d]:offsets[d + 1]]."""
    keys = np.zeros((len(offsets) - 1, bands), np.uint64)
    _band_keys_of_sets(values, offsets, *permutations(bands * rows, seed), rows, keys)
    return keys


@kernel
def lower_signature(signature: U32, values: U64, count: int, a: U32, b: U32) -> None:
    """Take the minimum of the signature and every permutation of the low 32 bits of values[:count].

    Eight values a sweep over the permutations: the inner loop becomes vector code and the signature
    is loaded and stored an eighth as often. The last sweep repeats the last value, which changes no
    minimum.
    """
    last = count - 1
    for i in range(0, count, 8):
        x0 = mixed32(np.uint32(values[i]))
        x1 = mixed32(np.uint32(values[min(i + 1, last)]))
        x2 = mixed32(np.uint32(values[min(i + 2, last)]))
        x3 = mixed32(np.uint32(values[min(i + 3, last)]))
        x4 = mixed32(np.uint32(values[min(i + 4, last)]))
        x5 = mixed32(np.uint32(values[min(i + 5, last)]))
        x6 = mixed32(np.uint32(values[min(i + 6, last)]))
        x7 = mixed32(np.uint32(values[min(i + 7, last)]))
        for k in range(len(signature)):
            m, f, g = signature[k], a[k], b[k]
            m = min(m, min(np.uint32(f * x0 + g), np.uint32(f * x1 + g)))
            m = min(m, min(np.uint32(f * x2 + g), np.uint32(f * x3 + g)))
            m = min(m, min(np.uint32(f * x4 + g), np.uint32(f * x5 + g)))
            m = min(m, min(np.uint32(f * x6 + g), np.uint32(f * x7 + g)))
            signature[k] = m


@kernel
def fill_bands(signature: U32, rows: int, keys: U64) -> None:
    """The key of each band: a 64-bit hash of its `rows` values, never 0."""
    for band in range(len(keys)):
        h = np.uint64(rows)
        for k in range(band * rows, (band + 1) * rows):
            h = mixed64(h ^ np.uint64(signature[k])) + np.uint64(0x9E3779B97F4A7C15)
        keys[band] = max(h, np.uint64(1))


@kernel
def _band_keys(
    text: U8,
    offsets: I64,
    shingle: int,
    fold: Folding,
    words: U64,
    a: U32,
    b: U32,
    rows: int,
    keys: U64,
) -> None:
    signature = np.empty(len(a), np.uint32)
    for d in range(len(offsets) - 1):
        count = fold_words(text, offsets[d], offsets[d + 1], fold, words)
        shingles = hash_shingles(words, count, shingle)
        if shingles > 0:
            signature[:] = EMPTY
            lower_signature(signature, words, shingles, a, b)
            fill_bands(signature, rows, keys[d])


@kernel
def _band_keys_of_sets(values: U64, offsets: I64, a: U32, b: U32, rows: int, keys: U64) -> None:
    signature = np.empty(len(a), np.uint32)
    for d in range(len(offsets) - 1):
        if offsets[d + 1] > offsets[d]:
            signature[:] = EMPTY
            lower_signature(signature, values[offsets[d] :], offsets[d + 1] - offsets[d], a, b)
            fill_bands(signature, rows, keys[d])
