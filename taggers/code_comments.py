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
    "perl": ("perl", "[(comment) (pod)] @c"),
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


_CHUNK = 1 << 16


class CodeComments(Tagger, frozen=True):
    """Columns:

    - `share`: characters of comments over all characters [.01 to .8; SantaCoder: Ben Allal et al.
      2023, and BigCode's filters]. Python's docstrings count as comments, as there. Of a document
      that is not parsed it is `unparsed_share`, which the published rule keeps.
    - `parsed`: 1 if the share was measured; 0 for a language without a grammar or without a name,
      and for documents over `max_bytes` or `max_steps`.

    Languages: bash, C, C#, C++, CSS, Go, HTML, Java, JavaScript, Julia, Kotlin, Lua, Perl, PHP,
    Python, R, Ruby, Rust, Scala, SQL, Swift, Tcl, TSX and TypeScript. Needs the extra `code`.
    """

    cost: ClassVar[float] = 40.0

    fields: tuple[str, ...] = (
        "metadata.prog_lang",
        "metadata.programming_language",
        "metadata.path",
        "metadata.ext",
    )
    """Where the language is looked for, as for the tagger code."""

    unparsed_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """What stands for the share of a document that is not parsed."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 24)] = 1 << 20
    """Longer documents are not parsed (The Stack and StarCoder leave out files over 1 MB)."""

    max_steps: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    """After so many reports of progress a document counts as not parsed: a bound that, unlike one
    in seconds, is the same on every machine."""

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
            if language in GRAMMARS and 0 < end - begin <= self.max_bytes:
                found = _share(bytes(data[begin:end]), language, self.max_steps)
                if found is not None:
                    share[d], parsed[d] = found, 1
        return {"share": share, "parsed": parsed}


def _share(text: bytes, language: str, max_steps: int) -> float | None:
    """Comment characters over all of them, None if parsing takes too long."""
    parser, comments = _parser(language)
    steps = 0

    def too_long(*_: object) -> bool:
        nonlocal steps
        steps += 1
        return steps > max_steps

    def read(at: int, _: object) -> bytes:
        return text[at : at + _CHUNK]

    parser.reset()
    try:
        tree = parser.parse(read, progress_callback=too_long)
    except ValueError:  # stopped
        return None
    if tree is None:
        return None
    characters, last = 0, 0
    nodes = comments(tree.root_node).get("c", [])
    for start, end in sorted((node.start_byte, node.end_byte) for node in nodes):
        start = max(start, last)
        if end > start:
            characters += _code_points(text[start:end])
            last = end
    return characters / _code_points(text)


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
