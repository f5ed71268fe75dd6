"""Structural copies of code: MinHash-LSH finds candidates, Jaccard of their subtrees decides."""

from typing import Annotated

import msgspec

from dolma_pipe.entries.base import Chooser, Positive, Share, Similarity
from dolma_pipe.settings import nearest
from dolma_pipe.syntax import GRAMMARS, LANGUAGE_FIELDS, LANGUAGES, MAX_BYTES


class Ast(Chooser, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="ast"):
    """Clones of types 2 and 3 (Roy and Cordy 2007): renamed, reformatted, some statements changed.

    Names, literals, comments, operators and layout do not count. A document of no known language,
    or that does not parse, is compared by shingles with others of its kind. Needs the extra `code`.
    """

    languages: tuple[str, ...] = LANGUAGES
    """Languages that are parsed; css, html, shell, sql and tcl may be named, though nearly all of
    them is in the words."""

    fields: tuple[str, ...] = LANGUAGE_FIELDS
    """Where the language is looked for: by name, extension or path."""

    nodes: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8
    """Named nodes of a subtree that counts, at least."""

    subtrees: Positive = 40
    """Different subtrees of a document that is compared, at least.

    Of small files many have one structure: tests from one template, one-line functions, getters.
    """

    shingle: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = 5
    """Words in a shingle of what has no structure. null: such documents are not compared."""

    bands: Positive = 14
    """A pair of Jaccard s becomes a candidate with probability 1 - (1 - s ** rows) ** bands."""

    rows: Positive = 8
    """Hashes of a band, all of which must be equal."""

    threshold: Similarity | None = None
    """Choose bands and rows for this Jaccard as datasketch does, bands * rows values at most."""

    verify: Share | None = 0.8
    """A document goes only if its Jaccard with a KEPT one reaches this.

    null or 0: nothing is verified, all of a component are copies of its first.
    """

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 18)] = MAX_BYTES
    """Longer documents are not parsed. Julia, Kotlin, Lua, Ruby, Scala, shell and Swift: 32 KiB at
    most, Rust: 64."""

    seed: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 1
    """Of the permutations."""

    def __post_init__(self) -> None:
        if self.bands * self.rows > 4096:
            raise ValueError(f"bands * rows is {self.bands * self.rows}, above 4096")
        for name in self.languages:
            if name not in GRAMMARS:
                raise ValueError(f"no grammar of '{name}'{nearest(name, list(GRAMMARS))}")
