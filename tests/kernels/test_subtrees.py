"""Subtree hashes against recursion over nodes, on code that parses and on code that does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe import syntax
from dolma_pipe.kernels.nesting import deepest
from dolma_pipe.kernels.subtrees import BODY, IGNORED, LITERAL, hash_subtrees, role_table
from tests.slow import syntax as slow

ROLES = {
    "comment": IGNORED,
    "string_start": IGNORED,
    "string_content": IGNORED,
    "string_end": IGNORED,
    "integer": LITERAL,
    "number_literal": LITERAL,
    "string": LITERAL,
    "module": BODY,
}
PIECES = [
    *(
        "def f(a, b=1):\n",
        "    return a + b\n",
        "  # told\n",
        "'x'",
        '"y',
        "f'{a + 1}'",
        "if a:\n ",
    ),
    *("x = 1\n", "g(", ")", "[", "]", "{", "}", "int f(int a) {", "return a;", "/* c */", "// d\n"),
    *(
        "\\",
        "'",
        '"',
        ";",
        ":",
        "\n",
        "é",
        "\x00",
        "(((",
        "$",
        "for (;;)",
        "class A",
        "'''\nd\n'''\n",
    ),
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.sampled_from(["python", "c", "javascript"]),
    st.integers(1, 9),
)
def test_equals_recursion(text: str, language: str, least: int) -> None:
    root = syntax.parser_of(language).parse(text.encode()).root_node
    tree = np.frombuffer(str(root).encode(), np.uint8)
    found = hash_subtrees(tree, least, *role_table(ROLES))
    assert found.tolist() == slow.subtrees(root, least, ROLES)


@given(st.text("()[]ab: '\"MISSINGUNEXPECTED", max_size=60))
def test_any_bytes_end(tree: str) -> None:
    hash_subtrees(np.frombuffer(tree.encode(), np.uint8), 1, *role_table(ROLES))


@pytest.mark.parametrize(
    ("text", "brackets", "angles", "arrows"),
    [
        ("", 0, 0, 0),
        ("([{}])", 3, 0, 0),
        (")(()", 2, 0, 0),
        ("a<b<c>>; d<e", 0, 2, 0),
        ("a<b;a<b{a<b}a<b", 1, 1, 0),
        ("a=>b=>c;a=>b >= = >", 0, 0, 2),
    ],
)
def test_nesting(text: str, brackets: int, angles: int, arrows: int) -> None:
    assert deepest(np.frombuffer(text.encode(), np.uint8)) == (brackets, angles, arrows)
