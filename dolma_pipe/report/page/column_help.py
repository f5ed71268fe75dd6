"""What the file of a tagger says of it and of its columns; it is not imported for that."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from dolma_pipe.recipe import Source, TaggerUse
from dolma_pipe.report.page.excerpts import shortened
from dolma_pipe.shelf import Found

LONGEST = 400
_BULLET = r"^[-*] (?=[^\n]*`{name}`)(.+?)(?=^[-*] |\n\n|\Z)"


def help_of(source: Source, column: str) -> str:
    """The item of the tagger's docstring that names the column, else its first paragraph; "" where
    its file is not here."""
    use = _use_of(source, column)
    if use is None:
        return ""
    docstring, name = _docstring(use.found), re.escape(column.partition(".")[2])
    item = re.search(_BULLET.format(name=name), docstring, re.MULTILINE | re.DOTALL)
    told = item[1] if item else docstring.partition("\n\n")[0]
    return shortened(" ".join(told.split()), LONGEST)


def _use_of(source: Source, column: str) -> TaggerUse | None:
    """The tagger that makes the column; None of metadata."""
    prefix = column.partition(".")[0]
    return next((use for use in source.taggers if use.prefix == prefix), None)


def is_private(source: Source, column: str) -> bool:
    """Whether the tagger of this column says that it looks for personal data or secrets."""
    use = _use_of(source, column)
    return use is not None and _said(use.found, "private")


def _docstring(found: Found) -> str:
    """Of the class in a tagger's file, or of the file."""
    tree = _tree(found)
    told = [ast.get_docstring(node) for node in reversed(list(_classes(tree)))]
    return next(filter(None, told), None) or ast.get_docstring(tree) or ""


def _said(found: Found, name: str) -> bool:
    """Whether a class in it sets this constant to True."""
    lines = [ast.unparse(line) for node in _classes(_tree(found)) for line in node.body]
    return any(re.fullmatch(rf"{name}\b.*= True", line) for line in lines)


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
