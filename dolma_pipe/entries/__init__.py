"""The entries of a recipe's dedup section: what counts as a copy, and which copy stays."""

from dolma_pipe.entries.exact import Exact
from dolma_pipe.entries.minhash import MinHash

Entry = Exact | MinHash
METHODS: dict[str, type[Entry]] = {"exact": Exact, "minhash": MinHash}

__all__ = ["METHODS", "Entry", "Exact", "MinHash"]
