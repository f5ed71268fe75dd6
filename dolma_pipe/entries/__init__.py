"""The entries of a recipe's dedup section: what counts as a copy, and which copy stays."""

from dolma_pipe.entries.ast import Ast
from dolma_pipe.entries.decontaminate import Decontaminate
from dolma_pipe.entries.exact import Exact
from dolma_pipe.entries.lines import Lines
from dolma_pipe.entries.minhash import MinHash
from dolma_pipe.entries.semantic import Semantic
from dolma_pipe.entries.simhash import SimHash
from dolma_pipe.entries.substring import Substring

Entry = Exact | Lines | Substring | MinHash | SimHash | Ast | Semantic | Decontaminate
METHODS: dict[str, type[Entry]] = {
    "exact": Exact,
    "lines": Lines,
    "substring": Substring,
    "minhash": MinHash,
    "simhash": SimHash,
    "ast": Ast,
    "semantic": Semantic,
    "decontaminate": Decontaminate,
}

__all__ = [
    "METHODS",
    "Ast",
    "Decontaminate",
    "Entry",
    "Exact",
    "Lines",
    "MinHash",
    "Semantic",
    "SimHash",
    "Substring",
]
