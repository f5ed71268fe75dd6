"""Pack pieces of documents into instances of a fixed capacity: best-fit decreasing, item by item.

The longest piece first, each into the fullest instance that still has room for it; where none has,
a new one is opened. Of instances with equal room the one that was filled last is taken, so the
result is that of an item-by-item packer, not merely as good. Instances hang in lists, one a number
of free tokens; a bitmap of the lists that are not empty, with a bitmap of its words that are not 0,
and so on, finds the smallest room that is large enough in a step a level (64 numbers of free tokens
a word: two levels for 4,096 tokens, four for 16 million).
"""

import numpy as np

from dolma_pipe.kernels.hashing import mixed64
from dolma_pipe.kernels.jit import I64, U32, U64, inlined, kernel

NONE = np.uint32(0xFFFFFFFF)
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
LOWEST_BIT = np.zeros(64, np.int64)
for _bit in range(64):
    LOWEST_BIT[((int(DE_BRUIJN) << _bit) & ((1 << 64) - 1)) >> 58] = _bit


def pack_best_fit(tokens: U32, capacity: int) -> tuple[U32, int]:
    """The instance of each piece, uint32[pieces], and how many instances there are.

    tokens: uint32[pieces], each 1 to capacity; of pieces of equal length the first goes first.
    Instances are numbered as they are opened. Besides its arguments and its result it takes 8 bytes
    a piece and 12 a token of capacity. Raises ValueError for a piece of another length.
    """
    if len(tokens) >= int(NONE):
        raise ValueError(f"{len(tokens)} pieces, {int(NONE) - 1} are the most")
    if len(tokens) and not 1 <= int(tokens.min()) <= int(tokens.max()) <= capacity:
        raise ValueError(f"pieces of {tokens.min()} to {tokens.max()} tokens, room for {capacity}")
    levels = [0]
    words = capacity // 64 + 2
    while True:
        levels.append(levels[-1] + words)
        if words <= 2:
            break
        words = (words - 1) // 64 + 2
    order, ends = _longest_first(tokens, capacity)
    return _pack(order, ends, capacity, np.array(levels, np.int64))


@kernel
def _longest_first(tokens: U32, capacity: int) -> tuple[U32, I64]:
    """Counting sort: pieces of length t are order[ends[t + 1]:ends[t]], in their own order."""
    ends = np.zeros(capacity + 2, np.int64)
    for i in range(len(tokens)):
        ends[tokens[i]] += 1
    for t in range(capacity, -1, -1):
        ends[t] += ends[t + 1]
    places = np.empty(capacity + 1, np.int64)
    for t in range(capacity + 1):
        places[t] = ends[t + 1]
    order = np.empty(len(tokens), np.uint32)
    for i in range(len(tokens)):
        order[places[tokens[i]]] = i
        places[tokens[i]] += 1
    return order, ends


@kernel
def _pack(order: U32, ends: I64, capacity: int, levels: I64) -> tuple[U32, int]:
    instances = np.empty(len(order), np.uint32)
    below = np.empty(len(order), np.uint32)  # the next instance in the list
    top = np.full(capacity + 1, NONE)
    bits = np.zeros(levels[-1], np.uint64)
    count = 0
    for size in range(capacity, 0, -1):
        for i in range(ends[size + 1], ends[size]):
            room = _next_set(bits, levels, size)
            if room < 0:
                room, chosen = capacity, np.uint32(count)
                count += 1
            else:
                chosen = top[room]
                top[room] = below[chosen]
                if top[room] == NONE:
                    _clear(bits, levels, room)
            room -= size
            if room > 0:
                if top[room] == NONE:
                    _set(bits, levels, room)
                below[chosen] = top[room]
                top[room] = chosen
            instances[order[i]] = chosen
    return instances, count


@inlined
def _next_set(bits: U64, levels: I64, at: int) -> int:
    """The first place from `at` on whose bit is set, -1 where there is none."""
    level = 0
    while level < len(levels) - 1:
        rest = bits[levels[level] + (at >> 6)] >> np.uint64(at & 63)
        if rest != np.uint64(0):
            at += _lowest(rest)
            while level > 0:
                level -= 1
                at = (at << 6) + _lowest(bits[levels[level] + at])
            return at
        at = (at >> 6) + 1
        level += 1
    return -1


@inlined
def _lowest(word: np.uint64) -> int:
    alone = word & (~word + np.uint64(1))
    return LOWEST_BIT[np.int64((alone * DE_BRUIJN) >> np.uint64(58))]  # type: ignore[no-any-return]


@inlined
def _set(bits: U64, levels: I64, at: int) -> None:
    for level in range(len(levels) - 1):
        bits[levels[level] + (at >> 6)] |= np.uint64(1) << np.uint64(at & 63)
        at >>= 6


@inlined
def _clear(bits: U64, levels: I64, at: int) -> None:
    for level in range(len(levels) - 1):
        word = levels[level] + (at >> 6)
        bits[word] &= ~(np.uint64(1) << np.uint64(at & 63))
        if bits[word] != np.uint64(0):
            break
        at >>= 6


@kernel
def shuffle_instances(instances: U32, count: int, key: np.uint64) -> tuple[U32, I64]:
    """Instances in a random order, the pieces of each in a random order (Fisher and Yates, 1938).

    instances: uint32[pieces], below count; none is empty. Returns order, uint32[pieces], and
    offsets, int64[count + 1]: instance i is the pieces order[offsets[i]:offsets[i + 1]].
    """
    place = np.arange(count, dtype=np.uint32)
    for i in range(count - 1, 0, -1):
        j = np.int64(mixed64(np.uint64(i) ^ key) % np.uint64(i + 1))
        place[i], place[j] = place[j], place[i]
    offsets = np.zeros(count + 1, np.int64)
    for p in range(len(instances)):
        offsets[place[instances[p]] + 1] += 1
    for i in range(count):
        offsets[i + 1] += offsets[i]
    order = np.empty(len(instances), np.uint32)
    for p in range(len(instances)):
        at = place[instances[p]]
        order[offsets[at]] = p
        offsets[at] += 1
    for i in range(count, 0, -1):
        offsets[i] = offsets[i - 1]
    offsets[0] = 0
    for i in range(count):
        for last in range(offsets[i + 1] - 1, offsets[i], -1):
            chance = mixed64(np.uint64(last) ^ ~key) % np.uint64(last - offsets[i] + 1)
            j = offsets[i] + np.int64(chance)
            order[last], order[j] = order[j], order[last]
    return order, offsets
