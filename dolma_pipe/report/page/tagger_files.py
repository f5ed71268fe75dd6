"""What the file of a tagger says of it; it is not imported for that, nor a package around it."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from dolma_pipe.recipe import Source, TaggerUse
from dolma_pipe.shelf import Found


def docstring_of(source: Source, column: str) -> str:
    """Of the tagger that makes the column: of its class, or of the file; "" where it is gone."""
    use = _use_of(source, column)
    tree = _tree(use.found) if use is not None else None
    if tree is None:
        return ""
    told = [ast.get_docstring(node) for node in reversed(list(_classes(tree)))]
    return next(filter(None, told), None) or ast.get_docstring(tree) or ""


def is_private(source: Source, column: str) -> bool:
    """Whether the tagger of this column says that it looks for personal data or secrets; one whose
    file is not here may."""
    use = _use_of(source, column)
    return use is not None and _says_private(use.found)


def _use_of(source: Source, column: str) -> TaggerUse | None:
    """None of metadata."""
    prefix = column.partition(".")[0]
    return next((use for use in source.taggers if use.prefix == prefix), None)


@cache
def _says_private(found: Found) -> bool:
    tree = _tree(found)
    return tree is None or any(_is_private(line) for node in _classes(tree) for line in node.body)


def _is_private(line: ast.stmt) -> bool:
    """Anything but `private = False`."""
    targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
    if not any(isinstance(one, ast.Name) and one.id == "private" for one in targets):
        return False
    value = getattr(line, "value", None)
    return value is not None and not (isinstance(value, ast.Constant) and not value.value)


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


@cache
def _tree(found: Found) -> ast.Module | None:
    """None of a file that is not here."""
    try:
        return ast.parse(found.content if found.content is not None else _source(found.module))
    except (OSError, ImportError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _source(module: str) -> str:
    spec = find_spec(module) if module.startswith("dolma_pipe.") else _found(module)
    if spec is None or spec.origin is None:
        raise ImportError(module)
    return Path(spec.origin).read_text(encoding="utf-8")


def _found(module: str) -> ModuleSpec | None:
    """As find_spec, which would import the packages around it: a manifest is no reason to run code
    that is not of dolma-pipe."""
    spec, places = None, None
    for name in accumulate(module.split("."), "{}.{}".format):
        specs = (finder.find_spec(name, places) for finder in sys.meta_path)
        spec = next(filter(None, specs), None)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    return spec
