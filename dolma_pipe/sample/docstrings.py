"""Documentation inside Python files: the docstrings of a module in order, as one text."""

import ast
import inspect
import warnings
from collections.abc import Iterator


def docstrings(source: str) -> str:
    """Docstrings of the module and its public classes and functions, paragraphs apart; "" if none.

    Source that this Python cannot parse (templates, other versions, test data) has none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's code
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return "\n\n".join(_public(tree))


def _public(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[str]:
    text = ast.get_docstring(node, clean=False)
    if text:
        yield inspect.cleandoc(text)
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(
                child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ) and not child.name.startswith("_"):
                yield from _public(child)
