"""How much of a source file is comment, by the grammar of its language (tree-sitter)."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.programming_languages import language_from
from dolma_pipe.syntax import LANGUAGE_FIELDS, MAX_BYTES, errors_of, grammar, parsed, parser_of
from dolma_pipe.tagger import Column, Tagger

COMMENTS = {
    "c": "(comment) @c",
    "c#": "(comment) @c",
    "c++": "(comment) @c",
    "css": "(comment) @c",
    "go": "(comment) @c",
    "html": "(comment) @c",
    "java": "[(line_comment) (block_comment)] @c",
    "javascript": "(comment) @c",
    "julia": "[(line_comment) (block_comment)] @c",
    "kotlin": "[(line_comment) (multiline_comment)] @c",
    "lua": "(comment) @c",
    "php": "(comment) @c",
    "python": "(comment) @c (module . (comment)* . (string) @c)"
    "(class_definition body: (block . (comment)* . (string) @c))"
    "(function_definition body: (block . (comment)* . (string) @c))",
    "r": "(comment) @c",
    "ruby": "(comment) @c",
    "rust": "[(line_comment) (block_comment)] @c",
    "scala": "[(comment) (block_comment)] @c",
    "shell": "(comment) @c",
    "sql": "[(comment) (marginalia)] @c",
    "swift": "[(comment) (multiline_comment)] @c",
    "tcl": "(comment) @c",
    "tsx": "(comment) @c",
    "typescript": "(comment) @c",
}
"""By language of dolma_pipe.syntax: the query of its comments."""

MAX_ERROR = 5000
"""Children of a piece that does not parse; with more the document is given up, since a query takes
time with the square of their number."""


class CodeComments(Tagger, frozen=True):
    """Columns:

    - `share`: characters of comments over all characters [.01 to .8; SantaCoder: Ben Allal et al.
      2023, and BigCode's filters]. Python's docstrings count as comments, as there. Of a document
      that is not parsed it is `unparsed_share`, which the published rule keeps.
    - `parsed`: 1 if the share was measured; 0 for a language without a grammar or without a name,
      for documents over `max_bytes`, and for those that take too long or hardly parse.

    Languages: bash, C, C#, C++, CSS, Go, HTML, Java, JavaScript, Julia, Kotlin, Lua, PHP, Python,
    R, Ruby, Rust, Scala, SQL, Swift, Tcl, TSX and TypeScript. Needs the extra `code`.
    """

    cost: ClassVar[float] = 25.0

    fields: tuple[str, ...] = LANGUAGE_FIELDS
    """Where the language is looked for, as for the tagger code."""

    unparsed_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """What stands for the share of a document that is not parsed."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = MAX_BYTES
    """Longer documents are not parsed, so that hostile ones take seconds and not minutes; files of
    source code are hardly ever longer. Julia, Kotlin, Lua, Ruby,
    Scala, shell and Swift: 32 KiB at most, Rust: 64."""

    def columns(self) -> tuple[str, ...]:
        return ("share", "parsed")

    def check(self) -> None:
        parser_of("python")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        values = [batch.field(field) for field in self.fields]
        share = np.full(len(batch), self.unparsed_share)
        measured = np.zeros(len(batch), np.int64)
        data, offsets = batch.text.data, batch.offsets
        for d in range(len(batch)):
            language = language_from(of[d] for of in values)
            begin, end = int(offsets[d]), int(offsets[d + 1])
            if language in COMMENTS and 0 < end - begin <= self.max_bytes:
                found = _share(bytes(data[begin:end]), language, self.max_bytes)
                if found is not None:
                    share[d], measured[d] = found, 1
        return {"share": share, "parsed": measured}


def _share(text: bytes, language: str, max_bytes: int) -> float | None:
    """Comment characters over all of them, None if the document is given up."""
    tree = parsed(text, language, max_bytes)
    if tree is None or any(e.child_count > MAX_ERROR for e in errors_of(tree, nested=True)):
        return None
    characters, last = 0, 0
    nodes = _comments(language)(tree.root_node).get("c", [])
    for start, end in sorted((node.start_byte, node.end_byte) for node in nodes):
        characters += _code_points(text[max(start, last) : end])
        last = max(last, end)
    return characters / _code_points(text)


def _code_points(text: bytes) -> int:
    return len(text) if text.isascii() else len(text.decode(errors="replace"))


@cache
def _comments(language: str) -> Any:
    from tree_sitter import Query, QueryCursor  # parsed() has looked for it

    return QueryCursor(Query(grammar(language), COMMENTS[language])).captures
