"""How much of a source file is comment, by the grammar of its language (tree-sitter)."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import MissingExtra
from dolma_pipe.programming_languages import language_from
from dolma_pipe.tagger import Column, Tagger

GRAMMARS = {
    "c": ("c", "(comment) @c"),
    "c#": ("csharp", "(comment) @c"),
    "c++": ("cpp", "(comment) @c"),
    "css": ("css", "(comment) @c"),
    "go": ("go", "(comment) @c"),
    "html": ("html", "(comment) @c"),
    "java": ("java", "[(line_comment) (block_comment)] @c"),
    "javascript": ("javascript", "(comment) @c"),
    "julia": ("julia", "[(line_comment) (block_comment)] @c"),
    "kotlin": ("kotlin", "[(line_comment) (multiline_comment)] @c"),
    "lua": ("lua", "(comment) @c"),
    "php": ("php", "(comment) @c"),
    "python": (
        "python",
        "(comment) @c (module . (comment)* . (string) @c)"
        "(class_definition body: (block . (comment)* . (string) @c))"
        "(function_definition body: (block . (comment)* . (string) @c))",
    ),
    "r": ("r", "(comment) @c"),
    "ruby": ("ruby", "(comment) @c"),
    "rust": ("rust", "[(line_comment) (block_comment)] @c"),
    "scala": ("scala", "[(comment) (block_comment)] @c"),
    "shell": ("bash", "(comment) @c"),
    "sql": ("sql", "[(comment) (marginalia)] @c"),
    "swift": ("swift", "[(comment) (multiline_comment)] @c"),
    "tcl": ("tcl", "(comment) @c"),
    "tsx": ("tsx", "(comment) @c"),
    "typescript": ("typescript", "(comment) @c"),
}
"""By language: the grammar's name in tree-sitter-language-pack, and the query of its comments."""


SLOW_SCANNERS = {"ruby": 32 << 10, "rust": 64 << 10, "shell": 32 << 10}
"""Bytes of a document at most: for heredocs, raw strings and the like the grammar's own scanner
takes time that grows with their square (Perl's does for much more, and is not here)."""
STEPS, BYTES_A_STEP = 1000, 16
"""Reports of progress before a parse is given up, and bytes for one more; code takes 5 to 12 a KB.
A bound that, unlike seconds, is the same on every machine."""
MAX_ERROR = 5000
"""Children of a piece that does not parse; with more the document is given up, since a query takes
time with the square of their number."""
_CHUNK = 1 << 16
_CONTROLS = bytes(32 if c < 32 and c not in b"\t\n\f\r" else c for c in range(256))


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

    fields: tuple[str, ...] = (
        "metadata.prog_lang",
        "metadata.programming_language",
        "metadata.path",
        "metadata.ext",
    )
    """Where the language is looked for, as for the tagger code."""

    unparsed_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """What stands for the share of a document that is not parsed."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = 1 << 17
    """Longer documents are not parsed, so that hostile ones take seconds and not minutes; files of
    source code are hardly ever longer. Ruby and shell: 32 KiB at most, Rust: 64."""

    def columns(self) -> tuple[str, ...]:
        return ("share", "parsed")

    def check(self) -> None:
        _parser("python")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        values = [batch.field(field) for field in self.fields]
        share = np.full(len(batch), self.unparsed_share)
        parsed = np.zeros(len(batch), np.int64)
        data, offsets = batch.text.data, batch.offsets
        for d in range(len(batch)):
            language = language_from(of[d] for of in values)
            begin, end = int(offsets[d]), int(offsets[d + 1])
            if language not in GRAMMARS:
                continue
            limit = min(self.max_bytes, SLOW_SCANNERS.get(language, self.max_bytes))
            if 0 < end - begin <= limit:
                found = _share(bytes(data[begin:end]), language)
                if found is not None:
                    share[d], parsed[d] = found, 1
        return {"share": share, "parsed": parsed}


def _share(text: bytes, language: str) -> float | None:
    """Comment characters over all of them, None if the document is given up."""
    parser, comments = _parser(language)
    tree = _parsed(parser, text.translate(_CONTROLS))
    if tree is None or _has_wide_error(tree):
        return None
    characters, last = 0, 0
    nodes = comments(tree.root_node).get("c", [])
    for start, end in sorted((node.start_byte, node.end_byte) for node in nodes):
        characters += _code_points(text[max(start, last) : end])
        last = max(last, end)
    return characters / _code_points(text)


def _parsed(parser: Any, text: bytes) -> Any:
    """The tree, None if it takes too many steps."""
    left = STEPS + len(text) // BYTES_A_STEP

    def too_long(*_: object) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    def read(at: int, _: object) -> bytes:
        return text[at : at + _CHUNK]

    parser.reset()
    try:
        return parser.parse(read, progress_callback=too_long)
    except ValueError:  # how it tells that it was stopped
        return None


def _has_wide_error(tree: Any) -> bool:
    nodes = [tree.root_node] if tree.root_node.has_error else []
    while nodes:
        node = nodes.pop()
        if node.is_error and node.child_count > MAX_ERROR:
            return True
        nodes += [child for child in node.children if child.has_error]
    return False


def _code_points(text: bytes) -> int:
    return len(text) if text.isascii() else len(text.decode(errors="replace"))


@cache
def _parser(language: str) -> Any:
    try:
        from tree_sitter import Parser, Query, QueryCursor
        from tree_sitter_language_pack import get_language
    except ImportError:
        raise MissingExtra("code", "tree-sitter-language-pack") from None
    name, query = GRAMMARS[language]
    grammar = get_language(name)
    return Parser(grammar), QueryCursor(Query(grammar, query)).captures
