"""Ids of documents one after another, with an end of text behind each."""

from dolma_pipe.kernels.jit import I64, U16, U32, kernel


@kernel
def terminate(ids: U32, offsets: I64, eos: int, out: U16 | U32) -> tuple[int, int]:
    """Fill out, uint16 or uint32[tokens + documents], from ids uint32[tokens].

    Returns the highest id, -1 of none, and the first document that holds eos itself, -1 of none.
    """
    highest, holds, to = -1, -1, 0
    for d in range(len(offsets) - 1):
        for i in range(offsets[d], offsets[d + 1]):
            token = int(ids[i])
            highest = max(highest, token)
            if token == eos and holds < 0:
                holds = d
            out[to] = token
            to += 1
        out[to] = eos
        to += 1
    return highest, holds
