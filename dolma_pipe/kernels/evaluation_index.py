"""Evaluation items as sorted n-grams, and a table of those at which a match begins."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U8, U64, inlined, kernel
from dolma_pipe.kernels.shingles import (
    BASE,
    Folding,
    fold_words,
    folding,
    hash_shingles,
    most_words,
)

MIDDLE = np.uint64(24)


class Grams(NamedTuple):
    """n-grams of one part (question, answer or passage) of all items.

    offsets: int64[items + 1]; hashes: uint64, sorted and distinct within an item; weights: int64,
    idf in millionths; totals: int64[items], their sums.
    """

    offsets: I64
    hashes: U64
    weights: I64
    totals: I64


class Seeds(NamedTuple):
    """Where matches begin: n-gram -> items[begins[slot]:ends[slot]], by open addressing.

    bits: uint64, a bit for the low bits of a hash; most n-grams of most texts stop there. keys:
    uint64[slots], 0 is free, the slot of a hash is its middle bits or one of the next: high bits
    are not even, of equally rare n-grams those of the smallest hash are chosen.
    """

    bits: U64
    keys: U64
    begins: I64
    ends: I64
    items: I64


class Index(NamedTuple):
    """All evaluation items. lengths: int64[items, 3], tokens of question, answer and passage.

    short: uint64[items, 3], the tokens of answers that are short.
    """

    question: Grams
    answer: Grams
    passage: Grams
    lengths: I64
    short: U64
    seeds: Seeds


def fold_all(text: U8, offsets: I64) -> tuple[U64, I64]:
    """The hashes of the folded words of all texts, and int64[texts + 1]: where each begins."""
    words = np.empty(int(((np.diff(offsets) + 1) // 2 + 1).sum()), np.uint64)
    firsts = np.zeros(len(offsets), np.int64)
    _fold_all(text, offsets, folding(), words, firsts)
    return words[: firsts[-1]].copy(), firsts


def distinct_grams(words: U64, firsts: I64, size: int) -> tuple[U64, I64]:
    """The n-grams of each text, sorted and distinct, and their offsets."""
    grams = np.empty(len(words), np.uint64)
    offsets = np.zeros(len(firsts), np.int64)
    _distinct_grams(words, firsts, size, grams, offsets)
    return grams[: offsets[-1]].copy(), offsets


def count_documents(text: U8, offsets: I64, size: int, counted: Seeds, counts: I64) -> None:
    """Add to counts[k] the documents that have the n-gram whose slot begins at k."""
    words = np.empty(most_words(offsets), np.uint64)
    _count_documents(text, offsets, folding(), size, counted, words, counts)


@kernel
def fill_slots(seeds: Seeds, grams: U64, begins: I64, ends: I64) -> None:
    """Write distinct n-grams into an empty table that has more slots than they are."""
    slots = len(seeds.keys)
    for i in range(len(grams)):
        low = grams[i] & np.uint64(len(seeds.bits) * 64 - 1)
        seeds.bits[low >> np.uint64(6)] |= np.uint64(1) << (low & np.uint64(63))
        slot = np.int64(grams[i] >> MIDDLE) & (slots - 1)
        while seeds.keys[slot] != np.uint64(0):
            slot = (slot + 1) & (slots - 1)
        seeds.keys[slot], seeds.begins[slot], seeds.ends[slot] = grams[i], begins[i], ends[i]


@inlined
def gram_at(words: U64, at: int, size: int) -> np.uint64:
    """The n-gram that starts here, as in shingles.py."""
    h = np.uint64(0)
    for j in range(size):
        h = h * BASE + words[at + j]
    return max(mixed64(h), np.uint64(1))


@kernel
def slot_of(seeds: Seeds, gram: np.uint64) -> int:
    """The slot of an n-gram, -1 where it begins nothing."""
    low = gram & np.uint64(len(seeds.bits) * 64 - 1)
    if seeds.bits[low >> np.uint64(6)] >> (low & np.uint64(63)) & np.uint64(1) == np.uint64(0):
        return -1
    slots = len(seeds.keys)
    slot = np.int64(gram >> MIDDLE) & (slots - 1)
    while seeds.keys[slot] != np.uint64(0):
        if seeds.keys[slot] == gram:
            return int(slot)
        slot = (slot + 1) & (slots - 1)
    return -1


@kernel
def _count_documents(
    text: U8, offsets: I64, fold: Folding, size: int, counted: Seeds, words: U64, counts: I64
) -> None:
    last = np.full(len(counts), -1, np.int64)
    for d in range(len(offsets) - 1):
        count = fold_words(text, offsets[d], offsets[d + 1], fold, words)
        for at in range(hash_shingles(words, count, size)):
            slot = slot_of(counted, words[at])
            if slot >= 0 and last[counted.begins[slot]] != d:
                last[counted.begins[slot]] = d
                counts[counted.begins[slot]] += 1


@kernel
def _fold_all(text: U8, offsets: I64, fold: Folding, words: U64, firsts: I64) -> None:
    n = 0
    for k in range(len(offsets) - 1):
        n += fold_words(text, offsets[k], offsets[k + 1], fold, words[n:])
        firsts[k + 1] = n


@kernel
def _distinct_grams(words: U64, firsts: I64, size: int, grams: U64, offsets: I64) -> None:
    n = 0
    for k in range(len(firsts) - 1):
        begin = n
        for i in range(firsts[k], firsts[k + 1] - size + 1):
            grams[n] = gram_at(words, i, size)
            n += 1
        mine = np.sort(grams[begin:n])
        n = begin
        for i in range(len(mine)):
            if i == 0 or mine[i] != mine[i - 1]:
                grams[n] = mine[i]
                n += 1
        offsets[k + 1] = n
