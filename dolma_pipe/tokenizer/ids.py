"""Token ids of some documents."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U32


class Ids(NamedTuple):
    """Token ids of some documents, no EOS: ids uint32[tokens], offsets int64[documents + 1]."""

    ids: U32
    offsets: I64

    def of(self, document: int) -> U32:
        """The ids of one document."""
        start, end = self.offsets[document : document + 2].tolist()
        return self.ids[start:end]


def joined(documents: Iterable[U32]) -> Ids:
    """The ids of documents one after another."""
    parts = list(documents)
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return Ids(np.concatenate([np.empty(0, np.uint32), *parts]), offsets)
