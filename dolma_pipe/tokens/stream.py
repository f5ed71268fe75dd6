"""Arrays end to end: ids by their position in all of them together, gathered row by row."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.tokens.arrays import Tokens
from dolma_pipe.tokens.packing_plan import Positions


class Pieces(NamedTuple):
    """What instances are made of. starts, tokens: int64[pieces], the position of the first token
    and how many; counts: int64[instances], pieces of each, at least 1."""

    starts: Positions
    tokens: Positions
    counts: Positions

    def used(self) -> Positions:
        """int64[instances]: tokens of each."""
        return np.add.reduceat(self.tokens, np.cumsum(self.counts) - self.counts)


class TokenStream:
    """Arrays of ids, read as one; none of them is copied."""

    def __init__(self, sizes: Sequence[int], opened: Callable[[int], Tokens]) -> None:
        """sizes: tokens of each array. opened: maps an array by its number, once."""
        self.sizes = list(sizes)
        self.firsts: Positions = np.cumsum([0, *sizes])
        self._map = opened
        self._opened: dict[int, Tokens] = {}

    def __len__(self) -> int:
        return int(self.firsts[-1])

    def stretches(
        self, starts: Positions, tokens: Positions
    ) -> Iterator[tuple[int, int, int, int]]:
        """Piece, array, start and end in it; a piece goes on in the arrays that follow."""
        arrays = np.searchsorted(self.firsts, starts, "right") - 1
        inside = starts - self.firsts[arrays]
        rows = zip(arrays.tolist(), inside.tolist(), tokens.tolist(), strict=True)
        for piece, (array, start, left) in enumerate(rows):
            while left:
                end = min(start + left, self.sizes[array])
                yield piece, array, start, end
                array, left, start = array + 1, left - (end - start), 0

    def places(self, pieces: Pieces, capacity: int) -> Positions:
        """int64[pieces]: where each piece begins, counted through rows of so many tokens, an
        instance a row, which is filled from the left."""
        ends, used = np.cumsum(pieces.tokens), pieces.used()
        padding = np.cumsum(capacity - used) - (capacity - used)
        places: Positions = ends - pieces.tokens + np.repeat(padding, pieces.counts)
        return places

    def placed(self, pieces: Pieces, capacity: int) -> Iterator[tuple[int, int, int, int]]:
        """Place, array, start and end of every stretch."""
        free = self.places(pieces, capacity).tolist()
        for piece, array, start, end in self.stretches(pieces.starts, pieces.tokens):
            yield free[piece], array, start, end
            free[piece] += end - start

    def gather(self, pieces: Pieces, rows: npt.NDArray[Any], pad_id: int) -> None:
        """Fill rows[instances, capacity] with ids, each row from the left, and then with pad_id."""
        flat = rows.reshape(-1)
        for place, array, start, end in self.placed(pieces, rows.shape[1]):
            flat[place : place + end - start] = self.ids(array)[start:end]
        fill_behind(rows, pieces.used(), pad_id)

    def ids(self, array: int) -> Tokens:
        """All ids of one array."""
        if array not in self._opened:  # as a plain array, which slices faster than a memmap
            self._opened[array] = np.asarray(self._map(array))
        return self._opened[array]


def fill_behind(rows: npt.NDArray[Any], used: Positions, value: int) -> None:
    """Each row behind its used places, in place."""
    for row in np.flatnonzero(used < rows.shape[1]).tolist():
        rows[row, used[row] :] = value
