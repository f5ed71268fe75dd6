"""What the file of a tagger says of it; it is not imported for that."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from dolma_pipe.recipe import Source, TaggerUse
from dolma_pipe.shelf import Found


def docstring_of(source: Source, column: str) -> str:
    """Of the tagger that makes the column: of its class, or of the file; "" where it is gone."""
    use = _use_of(source, column)
    if use is None:
        return ""
    tree = _tree(use.found)
    told = [ast.get_docstring(node) for node in reversed(list(_classes(tree)))]
    return next(filter(None, told), None) or ast.get_docstring(tree) or ""


def is_private(source: Source, column: str) -> bool:
    """Whether the tagger of this column says that it looks for personal data or secrets."""
    use = _use_of(source, column)
    classes = _classes(_tree(use.found)) if use is not None else ()
    lines = [ast.unparse(line) for node in classes for line in node.body]
    return any(re.fullmatch(r"private\b.*= True", line) for line in lines)


def _use_of(source: Source, column: str) -> TaggerUse | None:
    """None of metadata."""
    prefix = column.partition(".")[0]
    return next((use for use in source.taggers if use.prefix == prefix), None)


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


@cache
def _tree(found: Found) -> ast.Module:
    """Of a file that is not here, an empty one."""
    try:
        return ast.parse(found.content if found.content is not None else _source(found.module))
    except (OSError, ImportError, SyntaxError, ValueError):
        return ast.Module([], [])


def _source(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(module)
    return Path(spec.origin).read_text(encoding="utf-8")
