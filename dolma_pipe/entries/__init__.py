"""The entries of a recipe's dedup section: what counts as a copy, and which copy stays."""

from dolma_pipe.entries.ast import Ast
from dolma_pipe.entries.exact import Exact
from dolma_pipe.entries.minhash import MinHash

Entry = Exact | MinHash | Ast
METHODS: dict[str, type[Entry]] = {"exact": Exact, "minhash": MinHash, "ast": Ast}

__all__ = ["METHODS", "Ast", "Entry", "Exact", "MinHash"]
