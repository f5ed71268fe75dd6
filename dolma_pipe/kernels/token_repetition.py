"""Token sequences that a short period repeats many times in a row, as OLMo looks for them."""

import numpy as np

from dolma_pipe.kernels.jit import F64, I32, I64, U32, inlined, kernel

COLUMNS = ("tokens", "repeated_sequences", "longest_repeated_sequence", "repeated_tokens")


def token_repetition(ids: U32, offsets: I64, max_period: int, min_times: int) -> F64:
    """float64[documents, len(COLUMNS)] for token ids of documents ids[offsets[d]:offsets[d + 1]].

    A sequence repeats a period of 1 to max_period tokens at least min_times in a row. Sequences
    that overlap or touch are one. Lengths are in tokens.
    """
    found = np.zeros((len(offsets) - 1, len(COLUMNS)), np.float64)
    longest = int(np.diff(offsets).max(initial=0))
    _token_repetition(ids, offsets, max_period, min_times, longest, found)
    return found


@kernel
def _token_repetition(
    ids: U32, offsets: I64, max_period: int, min_times: int, longest: int, found: F64
) -> None:
    steps = np.zeros(longest + 1, np.int32)  # +1 where a sequence starts, -1 after it
    for d in range(len(offsets) - 1):
        own = ids[offsets[d] : offsets[d + 1]]
        found[d, 0] = len(own)
        sequences = 0
        for period in range(1, max_period + 1):
            sequences += _mark(own, period, min_times, steps)
        if sequences > 0:
            found[d, 1], found[d, 2], covered = _covered(steps, len(own))
            found[d, 3] = covered / len(own)


@inlined
def _mark(ids: U32, period: int, min_times: int, steps: I32) -> int:
    """Mark the sequences of one period and return their number."""
    sequences, start = 0, 0  # where the tokens start that agree with those a period later
    for i in range(period, len(ids) + 1):
        if i == len(ids) or ids[i] != ids[i - period]:
            if i - start >= period * min_times:
                steps[start] += 1
                steps[i] -= 1
                sequences += 1
            start = i - period + 1
    return sequences


@inlined
def _covered(steps: I32, tokens: int) -> tuple[int, int, int]:
    """Sequences, tokens of the longest, tokens of all; clears the marks."""
    sequences, most, covered, depth, start = 0, 0, 0, 0, 0
    for i in range(tokens + 1):
        before = depth
        depth += steps[i]
        steps[i] = 0
        if before == 0 and depth > 0:
            start = i
        elif before > 0 and depth == 0:
            sequences += 1
            covered += i - start
            most = max(most, i - start)
    return sequences, most, covered
