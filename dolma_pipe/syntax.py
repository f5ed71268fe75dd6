"""Syntax: source code parsed by tree-sitter within bounds, and its structure as subtree hashes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np

from dolma_pipe.errors import MissingExtra
from dolma_pipe.kernels.jit import U8, U64
from dolma_pipe.kernels.nesting import deepest
from dolma_pipe.kernels.subtrees import BODY, IGNORED, LITERAL, hash_subtrees, role_table

T = TypeVar("T")

GRAMMARS = {
    "c": "c",
    "c#": "csharp",
    "c++": "cpp",
    "css": "css",
    "go": "go",
    "html": "html",
    "java": "java",
    "javascript": "javascript",
    "julia": "julia",
    "kotlin": "kotlin",
    "lua": "lua",
    "php": "php",
    "python": "python",
    "r": "r",
    "ruby": "ruby",
    "rust": "rust",
    "scala": "scala",
    "shell": "bash",
    "sql": "sql",
    "swift": "swift",
    "tcl": "tcl",
    "tsx": "tsx",
    "typescript": "typescript",
}
"""By language (programming_languages): the grammar's name in tree-sitter-language-pack."""

LANGUAGES = tuple(name for name in GRAMMARS if name not in ("css", "html", "shell", "sql", "tcl"))
"""Those whose structure tells programs apart. In the others nearly all is in the words: two pages
of one template, or two scripts of as many commands, have one structure."""

LANGUAGE_FIELDS = (
    "metadata.prog_lang",
    "metadata.programming_language",
    "metadata.path",
    "metadata.ext",
)
"""Where the language of a document is looked for, the first that names one has it."""

MAX_BYTES = 1 << 17
"""Longer documents are not parsed, so that hostile ones take seconds and not minutes."""
SLOW_SCANNERS = {
    "julia": 32 << 10,
    "kotlin": 32 << 10,
    "lua": 32 << 10,
    "ruby": 32 << 10,
    "rust": 64 << 10,
    "scala": 32 << 10,
    "shell": 32 << 10,
    "swift": 32 << 10,
}
"""Bytes of a document at most: for heredocs, raw strings, nested comments and errors without end
these grammars take time that grows with the square of the length (Perl's does for much more, and is
not here)."""
STEPS, BYTES_A_STEP = 1000, 16
"""Reports of progress before a parse is given up, and bytes for one more; code takes 5 to 25 a KB,
tables of numbers 60. A bound that, unlike seconds, is the same on every machine."""
MAX_NESTING, MAX_ANGLES, MAX_ARROWS = 5000, 500, 500
"""Brackets open at once, < of one statement in languages of ANGLES, => in those of ARROWS. There
"a<a<a<" or "a=>a=>" that ends in an error takes memory with the square of its length, 50 GB for 128
KiB."""
ANGLES, ARROWS = ("c#", "java"), ("c", "java")
MAX_ERROR_SHARE = 0.2
"""Of the bytes of a document, in pieces that do not parse; with more it has no structure."""

_CHUNK = 1 << 9
"""Bytes that the parser reads at once. It reads anew at each byte while it looks for the end of an
error, and py-tree-sitter 0.26 frees none of what it is given there: few bytes, and remembered."""
_CONTROLS = bytes(32 if c < 32 and c not in b"\t\n\f\r" else c for c in range(256))
_STACK_A_BYTE = 1 << 10
"""tree-sitter writes a tree with one call a level, and a byte can be two or three levels."""

_IGNORED = """
    block_comment character character_escape_seq character_literal_content comment content
    escape_interpolation escape_sequence heredoc_content heredoc_end heredoc_start html_comment
    interpreted_string_literal_content js_comment line_comment line_str_text literal_suffix
    marginalia multi_line_str_text multiline_comment multiline_string_fragment nowdoc_string
    raw_str_end_part raw_str_part raw_string_content raw_string_delimiter raw_string_end
    raw_string_literal_content raw_string_start regex_flags regex_pattern str_escaped_char
    string_content string_end string_fragment string_literal_content string_literal_encoding
    string_start
"""
"""Comments, and what a literal is made of."""
_LITERALS = """
    ansi_c_string bin_literal binary_integer_literal boolean_literal char_literal character_literal
    decimal_floating_point_literal decimal_integer_literal encapsed_string false float
    float_literal float_value floating_point_literal hex_floating_point_literal
    hex_integer_literal hex_literal imaginary_literal int_literal integer integer_literal
    integer_value interpreted_string_literal line_string_literal literal long_literal
    multi_line_string_literal nil none null null_literal number number_literal oct_literal
    octal_integer_literal raw_string raw_string_literal real_literal regex regex_literal
    rune_literal string string_literal string_value template_string true unsigned_literal
    verbatim_string_literal
"""
_BODIES = {"python": "module block"}


def parsed(text: bytes, language: str, max_bytes: int = MAX_BYTES) -> Any:
    """tree_sitter's Tree; None for a language of no grammar, for an empty or long text, and for
    one that is nested too deeply or takes too many steps.

    language: as in GRAMMARS. Raises MissingExtra.
    """
    limit = min(max_bytes, SLOW_SCANNERS.get(language, max_bytes))
    if language not in GRAMMARS or not 0 < len(text) <= limit:
        return None
    brackets, angles, arrows = deepest(np.frombuffer(text, np.uint8))
    if brackets > MAX_NESTING or (angles > MAX_ANGLES and language in ANGLES):
        return None
    if arrows > MAX_ARROWS and language in ARROWS:
        return None
    text = text.translate(_CONTROLS)
    left = STEPS + len(text) // BYTES_A_STEP

    def too_long(*_: object) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    chunks: dict[int, bytes] = {}

    def read(at: int, _: object) -> bytes:
        chunk = chunks.get(at)
        if chunk is None:
            chunk = chunks[at] = text[at : at + _CHUNK]
        return chunk

    parser = parser_of(language)
    parser.reset()
    try:
        return parser.parse(read, progress_callback=too_long)
    except ValueError:  # how it tells that it was stopped
        return None


def errors_of(tree: Any, *, nested: bool) -> list[Any]:
    """The pieces of a tree that do not parse; nested: also those that lie in others."""
    found, nodes = [], [tree.root_node] if tree.root_node.has_error else []
    while nodes:
        node = nodes.pop()
        if node.is_error:
            found.append(node)
        if nested or not node.is_error:
            nodes += [child for child in node.children if child.has_error]
    return found


def subtree_hashes(
    text: bytes, language: str | None, nodes: int, max_bytes: int = MAX_BYTES
) -> U64 | None:
    """subtree_sets of one text. A batch is faster: each call starts a thread."""
    return subtree_sets([text], [language], nodes, max_bytes)[0]


def subtree_sets(
    texts: Sequence[bytes],
    languages: Sequence[str | None],
    nodes: int,
    max_bytes: int = MAX_BYTES,
) -> list[U64 | None]:
    """Of each text: the hashes of its subtrees of `nodes` named nodes and more.

    Sorted, distinct, never 0. Identifiers, literals, comments, operators and layout do not count
    (kernels/subtrees.py); grammars that name their nodes alike, as C and C++, share hashes. None
    where the language (LANGUAGES, or another of GRAMMARS) is unknown or the text does not parse.
    Raises MissingExtra.
    """

    def all_of_them() -> list[U64 | None]:
        return [
            _subtrees(text, language, nodes, max_bytes) if language else None
            for text, language in zip(texts, languages, strict=True)
        ]

    longest = min(max_bytes, max(map(len, texts), default=0))
    return _with_stack(longest * _STACK_A_BYTE, all_of_them)


def _subtrees(text: bytes, language: str, nodes: int, max_bytes: int) -> U64 | None:
    tree = parsed(text, language, max_bytes)
    if tree is None:
        return None
    wrong = sum(node.end_byte - node.start_byte for node in errors_of(tree, nested=False))
    if wrong > MAX_ERROR_SHARE * len(text):
        return None
    expression = np.frombuffer(str(tree.root_node).encode(), np.uint8)
    return np.unique(hash_subtrees(expression, nodes, *_roles(language)))


def _with_stack(size: int, function: Callable[[], T]) -> T:
    """Call it where the C stack has `size` bytes more than usual; only what is used is real."""
    before = threading.stack_size((8 << 20) + size)
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(function).result()
    finally:
        threading.stack_size(before)


@cache
def _roles(language: str) -> tuple[U64, U8]:
    named = [(_IGNORED, IGNORED), (_LITERALS, LITERAL), (_BODIES.get(language, ""), BODY)]
    return role_table({kind: role for kinds, role in named for kind in kinds.split()})


@cache
def parser_of(language: str) -> Any:
    """tree_sitter's Parser. Raises MissingExtra."""
    language_object = grammar(language)
    from tree_sitter import Parser

    return Parser(language_object)


@cache
def grammar(language: str) -> Any:
    """tree_sitter's Language. Raises MissingExtra."""
    try:
        from tree_sitter_language_pack import get_language
    except ImportError:
        raise MissingExtra("code", "tree-sitter-language-pack") from None
    return get_language(GRAMMARS[language])
