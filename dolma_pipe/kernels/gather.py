"""Token ids of chosen documents, one after the other."""

from dolma_pipe.kernels.jit import I64, U16, U32, kernel


@kernel
def gather_ids(ids: U16 | U32, starts: I64, ends: I64, places: I64, out: U16 | U32) -> None:
    """Copy ids[starts[i]:ends[i]] to out[places[i]:...] for every i."""
    for i in range(len(starts)):
        place = places[i]
        for j in range(starts[i], ends[i]):
            out[place] = ids[j]
            place += 1
