"""The entries of a recipe's dedup section: what counts as a copy, and which copy stays."""

from dolma_pipe.entries.decontaminate import Decontaminate
from dolma_pipe.entries.exact import Exact
from dolma_pipe.entries.minhash import MinHash
from dolma_pipe.entries.semantic import Semantic

Entry = Exact | MinHash | Semantic | Decontaminate
METHODS: dict[str, type[Entry]] = {
    "exact": Exact,
    "minhash": MinHash,
    "semantic": Semantic,
    "decontaminate": Decontaminate,
}

__all__ = ["METHODS", "Decontaminate", "Entry", "Exact", "MinHash", "Semantic"]
