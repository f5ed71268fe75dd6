"""Small token arrays from lists of lengths: every id tells its place, so that nothing can hide."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dolma_pipe.tokens import TokenArrays
from tests.token_arrays import write_arrays

EOS = 0
VOCABULARY = 1 << 16

Lengths = Mapping[str, Sequence[Sequence[int]]]
"""Lengths of documents, end-of-text token included, by source and shard."""


def make_tokens(folder: Path, lengths: Lengths, *, seed: int = 1) -> TokenArrays:
    """Write arrays; the token at position p of all shards is p % 60,000 + 1, or EOS."""
    position = 0

    def document(size: int) -> list[int]:
        nonlocal position
        position += size
        return [*(p % 60_000 + 1 for p in range(position - size, position - 1)), EOS]

    sources = {
        name: [[document(size) for size in sizes] for sizes in files]
        for name, files in lengths.items()
    }
    return write_arrays(folder, sources, VOCABULARY, EOS, seed)
