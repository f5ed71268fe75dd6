"""What a column is, as the docstring of its tagger says it; the tagger is not imported for that."""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from dolma_pipe.recipe import Source
from dolma_pipe.shelf import Found

LONGEST = 400
_BULLET = r"^[-*] (?=[^\n]*`{name}`)(.+?)(?=^[-*] |\n\n|\Z)"


def help_of(source: Source, column: str) -> str:
    """The item of the tagger's docstring that names the column, else its first paragraph; "" where
    its file is not here."""
    prefix, _, name = column.partition(".")
    use = next((use for use in source.taggers if use.prefix == prefix), None)
    if use is None:
        return ""
    docstring = _docstring(use.found)
    item = re.search(_BULLET.format(name=re.escape(name)), docstring, re.MULTILINE | re.DOTALL)
    told = item[1] if item else docstring.partition("\n\n")[0]
    told = " ".join(told.split())
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"


@cache
def _docstring(found: Found) -> str:
    """Of the class in a tagger's file, or of the file."""
    try:
        tree = ast.parse(found.content if found.content is not None else _source(found.module))
    except (OSError, ImportError, SyntaxError, ValueError):
        return ""
    told = [ast.get_docstring(node) for node in tree.body if isinstance(node, ast.ClassDef)]
    return next(filter(None, reversed(told)), None) or ast.get_docstring(tree) or ""


def _source(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(module)
    return Path(spec.origin).read_text(encoding="utf-8")
