"""Bytes run through a table of states: which lines of JSON, or which texts, may have a match.

A state is the place of its row in the flat table; with a byte comes the next state.
"""

import numpy as np

from dolma_pipe.kernels.jit import I32, I64, U8, Bool, inlined, kernel

STRIDE = 256
ACCEPT, STRING_END, LINE_END, ESCAPE, START = (STRIDE * place for place in range(5))
"""All before START are no states in which bytes are read, but what is to be done."""
NEWLINE, QUOTE, BACKSLASH, COLON = ord("\n"), ord('"'), ord("\\"), ord(":")
READ = {NEWLINE: 0xFD, QUOTE: 0xFE, BACKSLASH: 0xFF}
"""Columns of what a string of JSON has escaped only; no UTF-8 has such bytes."""
READ_NEWLINE, READ_QUOTE, READ_BACKSLASH = READ.values()
REPLACEMENT = 0xFFFD
"""What half of a surrogate pair is read as."""


@kernel
def lines_that_may_match(
    block: U8, table: I32, names: U8, starts: I64, ends: I64, numbers: I64
) -> tuple[int, int]:
    """How many lines have a string that may match, and how many lines end in the block.

    Of each that has: its bytes, without its end, and its number in the block from 0. Only strings
    whose key is one of the names are looked at: each has a line end behind it. A key with escapes
    may be any. starts, ends, numbers: room for len(block) // 2 + 1.
    """
    idle = table[START : START + STRIDE] == START
    found = lines = line = i = 0
    wanted = False
    while i < len(block):
        i += 1
        if block[i - 1] == NEWLINE:
            wanted, line = False, i
            lines += 1
        if block[i - 1] != QUOTE:
            continue
        begin = i
        if wanted:
            state, i = _run(block, i, table, idle)
            if state == ACCEPT:
                while i < len(block) and block[i] != NEWLINE:
                    i += 1
                starts[found], ends[found], numbers[found] = line, i, lines
                found += 1
                continue
        else:
            i = _string_end(block, i)
        wanted = _is_key(block, i) and _is_one_of(block[begin : i - 1], names)
    return found, lines


@kernel
def texts_that_may_match(text: U8, offsets: I64, table: I32) -> Bool:
    """bool[texts]. The table is that of `unescaped`."""
    idle = table[START : START + STRIDE] == START
    found = np.zeros(len(offsets) - 1, np.bool_)
    for t in range(len(found)):
        found[t] = _run(text[offsets[t] : offsets[t + 1]], 0, table, idle)[0] == ACCEPT
    return found


def unescaped(table: I32) -> I32:
    """The table for texts that are no JSON."""
    rows = table.reshape(-1, STRIDE).copy()
    for char, column in READ.items():
        rows[:, char] = rows[:, column]
    return rows.ravel()


@kernel
def _run(block: U8, i: int, table: I32, idle: Bool) -> tuple[int, int]:
    """The state in which a string that begins at i is left, and where; before the line's end."""
    state = before = START
    while i < len(block):
        if state == START:
            while i < len(block) and idle[block[i]]:
                i += 1
        while i < len(block):
            before, state = state, table[state + block[i]]
            i += 1
            if state <= START:
                break
        if state == ESCAPE:
            code, i = _unescaped(block, i)
            state = _read(table, before, code)
        if state < START:
            break
    return state, i - int(state == LINE_END)


@kernel
def _string_end(block: U8, i: int) -> int:
    """Behind the quote that ends a string which begins before i; or the line's end."""
    while i < len(block) and block[i] != NEWLINE:
        i += 1
        if block[i - 1] == QUOTE:
            break
        if block[i - 1] == BACKSLASH and i < len(block) and block[i] != NEWLINE:
            i += 1
    return i


@inlined
def _is_key(block: U8, i: int) -> bool:
    """Whether a colon follows."""
    while i < len(block) and (block[i] == ord(" ") or block[i] == ord("\t") or block[i] == 13):
        i += 1
    return i < len(block) and block[i] == COLON


@kernel
def _is_one_of(key: U8, names: U8) -> bool:
    begin = 0
    for end in range(len(names)):
        if names[end] == NEWLINE:
            if end - begin == len(key) and np.all(names[begin:end] == key):
                return True
            begin = end + 1
    return bool(np.any(key == BACKSLASH))


@kernel
def _unescaped(block: U8, i: int) -> tuple[int, int]:
    """The code point of an escape whose backslash stands before i, and where it ends; of what is
    none the backslash."""
    if i == len(block) or block[i] == NEWLINE:
        return BACKSLASH, i
    char = block[i]
    if char == ord("u"):
        first = _hexadecimal(block, i + 1)
        if first < 0xD800 or first >= 0xE000:
            return (first, i + 5) if first >= 0 else (BACKSLASH, i)
        if first < 0xDC00 and i + 6 < len(block) and block[i + 5] == BACKSLASH:
            second = _hexadecimal(block, i + 7) if block[i + 6] == ord("u") else -1
            if 0xDC00 <= second < 0xE000:
                return 0x10000 + ((first - 0xD800) << 10) + second - 0xDC00, i + 11
        return REPLACEMENT, i + 5
    if char == ord("n"):
        return NEWLINE, i + 1
    if char == ord("t"):
        return ord("\t"), i + 1
    if char == ord("r"):
        return ord("\r"), i + 1
    if char == ord("f"):
        return ord("\f"), i + 1
    if char == ord("b"):
        return ord("\b"), i + 1
    return int(char), i + 1


@inlined
def _hexadecimal(block: U8, i: int) -> int:
    """Four digits; -1 for none."""
    code = 0
    for j in range(i, i + 4):
        char = block[j] if j < len(block) else 0
        if ord("0") <= char <= ord("9"):
            code = code * 16 + char - ord("0")
        elif ord("a") <= (char | 32) <= ord("f"):
            code = code * 16 + (char | 32) - ord("a") + 10
        else:
            return -1
    return code


@kernel
def _read(table: I32, state: int, code: int) -> int:
    """The state after a character."""
    if code == NEWLINE:
        return int(table[state + READ_NEWLINE])
    if code == QUOTE:
        return int(table[state + READ_QUOTE])
    if code == BACKSLASH:
        return int(table[state + READ_BACKSLASH])
    if code < 0x80:
        return int(table[state + code])
    following = 1 if code < 0x800 else 2 if code < 0x10000 else 3
    lead = 0xF00 >> (following + 1) & 0xFF
    state = int(table[state + (lead | (code >> 6 * following))])
    while following > 0 and state != ACCEPT:
        following -= 1
        state = int(table[state + (0x80 | (code >> 6 * following & 0x3F))])
    return state
