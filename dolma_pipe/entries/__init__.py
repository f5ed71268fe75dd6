"""The entries of a recipe's dedup section: what counts as a copy, and which copy stays."""

from dolma_pipe.entries.exact import Exact
from dolma_pipe.entries.lines import Lines
from dolma_pipe.entries.minhash import MinHash
from dolma_pipe.entries.semantic import Semantic
from dolma_pipe.entries.simhash import SimHash
from dolma_pipe.entries.substring import Substring

Entry = Exact | Lines | Substring | MinHash | SimHash | Semantic
METHODS: dict[str, type[Entry]] = {
    "exact": Exact,
    "lines": Lines,
    "substring": Substring,
    "minhash": MinHash,
    "simhash": SimHash,
    "semantic": Semantic,
}

__all__ = ["METHODS", "Entry", "Exact", "Lines", "MinHash", "Semantic", "SimHash", "Substring"]
