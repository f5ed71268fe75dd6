"""Snippets: stretches of text with their windows, in files with a cell a part of all hashes."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U64
from dolma_pipe.kernels.repeats import Snippets, gather, same_bytes
from dolma_pipe.kernels.winnow import Fingerprints, winnow
from dolma_pipe.stages.dedup.cells import read_cell_of_all, write_cells
from dolma_pipe.stages.dedup.shuffle import partition_of


def cut_out(text: U8, offsets: I64, found: Fingerprints, documents: U64, width: int) -> Snippets:
    """The bytes of the windows of each fingerprint, of copies once. documents: of rows."""
    starts, sizes = offsets[found.rows] + found.starts, found.windows + width - 1
    same = same_bytes(text, starts, sizes)
    chosen = np.flatnonzero(same == np.arange(len(same)))
    content, borders = gather(text, starts[chosen], sizes[chosen])
    places = borders[np.searchsorted(chosen, same)]
    return Snippets(
        found.hashes, documents[found.rows], found.starts, found.windows, places, content
    )


def told_apart(text: U8, offsets: I64, found: Fingerprints, size: int, width: int) -> Fingerprints:
    """The windows of the same stretches by a second fingerprint beside the first, in their order.

    Still the same of equal windows; windows that only share a piece of boilerplate rarely agree.
    """
    content, borders = gather(text, offsets[found.rows] + found.starts, found.windows + width - 1)
    second = winnow(content, borders, size, width, seed=1)
    of = second.rows
    return Fingerprints(
        found.hashes[of] ^ second.hashes,
        found.rows[of],
        found.starts[of] + second.starts,
        second.windows,
    )


def concatenated(pieces: list[Snippets]) -> Snippets:
    """All of them, in their order."""
    before = np.cumsum([0, *(len(piece.content) for piece in pieces)])
    none, nothing = np.empty(0, np.uint64), np.empty(0, np.int64)
    return Snippets(
        np.concatenate([none, *(piece.hashes for piece in pieces)]),
        np.concatenate([none, *(piece.documents for piece in pieces)]),
        np.concatenate([nothing, *(piece.starts for piece in pieces)]),
        np.concatenate([nothing, *(piece.windows for piece in pieces)]),
        np.concatenate([nothing, *(p.offsets + b for p, b in zip(pieces, before, strict=False))]),
        np.concatenate([np.empty(0, np.uint8), *(piece.content for piece in pieces)]),
    )


def write_snippets(path: Path, snippets: Snippets, parts: int, width: int) -> None:
    """A cell a part, each in the order of the snippets.

    A cell: their number n, then n hashes, documents, starts, numbers of windows and offsets, then
    bytes.
    """
    part_of = partition_of(snippets.hashes, parts)
    order = np.argsort(part_of, kind="stable")
    borders = np.searchsorted(part_of[order], np.arange(parts + 1))
    cells = [_cell(snippets, order[a:b], width) for a, b in pairwise(borders)]
    write_cells(path, np.array([len(cell) for cell in cells], np.int64), cells)


def _cell(snippets: Snippets, chosen: I64, width: int) -> U64:
    if not len(chosen):
        return np.empty(0, np.uint64)
    windows = snippets.windows[chosen]
    places, some, which = np.unique(
        snippets.offsets[chosen], return_index=True, return_inverse=True
    )
    content, borders = gather(snippets.content, places, windows[some] + width - 1)
    padded = np.zeros(-(-len(content) // 8) * 8, np.uint8)
    padded[: len(content)] = content
    numbers = (snippets.starts[chosen], windows, borders[which])
    columns = [snippets.hashes[chosen], snippets.documents[chosen]]
    columns += [column.astype(np.uint64) for column in numbers]
    head = np.array([len(chosen)], np.uint64)
    return np.concatenate([head, *columns, padded.view(np.uint64)])


def read_snippets(paths: Iterator[Path], part: int) -> Snippets:
    """Those of one part of several files, in the order of the files."""
    pieces = []
    for cell in read_cell_of_all(paths, part):
        if len(cell):
            end = 1 + 5 * int(cell[0])
            hashes, documents, *numbers = cell[1:end].reshape(5, -1)
            starts, windows, offsets = (column.astype(np.int64) for column in numbers)
            content = cell[end:].view(np.uint8)
            pieces.append(Snippets(hashes, documents, starts, windows, offsets, content))
    return concatenated(pieces)
