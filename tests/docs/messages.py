"""Every message that a user can meet, collected from the source, with "…" for what varies in it."""

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("dolma_pipe", "taggers", "mixers")
HOLE = "…"
USAGE = {"UsageError", "BadParameter", "ClickException"}
CARRIERS = {
    # what these say becomes a part of an error's line, a reason in quarantine/, or a note
    "BadLine",
    "Broken",
    "Damaged",
    "EncoderFailed",
    "Mistaken",
    "NoPage",
    "WrongColumn",
    "_Malformed",
    "_WrongLine",
}
CARRIED = {"Record": 2, "Gap": 0, "Failure": 1, "_bad": 1}
"""Calls that say why something is no document, or why a task failed: which argument does."""
SAME_TEXT = {"one_line", "_one_line", "str"}
MISSING = "… is not installed: pip install 'dolma-pipe[…]'"
NEAREST = " (did you mean '…'?)"
MOST = 24
"""Of the variants of one message: with more, what varies is a hole."""
Bound = dict[str, tuple[str, ...]]
Said = tuple[str, tuple[str, ...]]
"""A text as it is written, and what it can be once its holes are filled."""


@dataclass(frozen=True)
class Message:
    """One text, and where it is made: module is dolma_pipe/stages/filter.py, say.

    Where a hole is filled by one of few words, variants are the texts with each of them.
    """

    text: str
    variants: tuple[str, ...]
    error: str
    module: str
    line: int


@dataclass(frozen=True)
class Scope:
    """Where an expression stands: its module, the functions around it, their parameters."""

    module: "Module"
    functions: tuple[ast.FunctionDef, ...]
    bound: Bound
    depth: int = 0


class Module:
    """A parsed source file: its names, for the texts that they hold or return."""

    def __init__(self, path: Path) -> None:
        self.place = path.relative_to(ROOT).as_posix()
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.functions: dict[str, ast.FunctionDef] = {}
        self.constants: dict[str, ast.expr] = {}
        self.imported: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                self.functions.setdefault(node.name, node)
            elif isinstance(node, ast.ImportFrom):
                self.imported |= {each.asname or each.name: str(node.module) for each in node.names}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node.value


@cache
def modules() -> dict[str, Module]:
    """By dotted name."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = Module(path)
    return found


@cache
def errors() -> frozenset[str]:
    """UserError and its children, wherever they are defined."""
    bases = {
        node.name: {ast.unparse(base).split(".")[-1] for base in node.bases}
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    known = {"UserError"}
    while more := {name for name, of in bases.items() if of & known} - known:
        known |= more
    return frozenset(known)


def texts(node: ast.expr | None, scope: Scope) -> tuple[str, ...]:
    """What the expression can say; a hole for what is not known before it runs."""
    match node:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.JoinedStr(values=values):
            return _joined([texts(value, scope) for value in values])
        case ast.FormattedValue(value=value, format_spec=None, conversion=-1):
            return texts(value, scope)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([texts(left, scope), texts(right, scope)])
        case ast.IfExp(body=body, orelse=orelse):
            return _either([texts(body, scope), texts(orelse, scope)])
        case ast.BoolOp(op=ast.Or(), values=values):
            given = [texts(value, scope) for value in values]
            return tuple(text for text in _either(given) if text) or ("",)
        case ast.Name(id=name):
            return _named(name, scope)
        case ast.Call():
            return _called(node, scope)
        case ast.Subscript(value=value):
            return texts(value, scope) if _table(value, scope) else (HOLE,)
        case ast.Dict(values=values) if scope.depth:
            return _either([texts(value, scope) for value in values])
    return (HOLE,)


def _table(node: ast.expr, scope: Scope) -> bool:
    """True for a constant of the module that is a table of texts."""
    return isinstance(node, ast.Name) and isinstance(scope.module.constants.get(node.id), ast.Dict)


def _named(name: str, scope: Scope) -> tuple[str, ...]:
    if name in scope.bound:
        return scope.bound[name]
    if scope.depth > 4:
        return (HOLE,)
    deeper = Scope(scope.module, scope.functions, scope.bound, scope.depth + 1)
    given = [
        texts(value, deeper) for function in scope.functions for value in _assigned(name, function)
    ]
    if given:
        return _either(given)
    if name in scope.module.constants:
        return texts(scope.module.constants[name], Scope(scope.module, (), {}, scope.depth + 1))
    other = modules().get(scope.module.imported.get(name, ""))
    if other is not None and name in other.constants:
        return texts(other.constants[name], Scope(other, (), {}, scope.depth + 1))
    return (HOLE,)


def _assigned(name: str, function: ast.FunctionDef) -> Iterator[ast.expr | None]:
    """Every value that the function gives the name; None where it is not a plain one."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=target)) if target == name:
                yield None
            case ast.For(target=to) | ast.comprehension(target=to):
                if any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(to)):
                    yield None


def _called(call: ast.Call, scope: Scope) -> tuple[str, ...]:
    name = _name(call)
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get"), args=[_, default]):
            return _either([_named(table, scope), texts(default, scope)])
    if name in SAME_TEXT and call.args:
        return texts(call.args[0], scope)
    if name == "nearest":
        return (NEAREST,)
    module = scope.module
    if name not in module.functions:
        module = modules().get(module.imported.get(name, ""), module)
    function = module.functions.get(name)
    if function is None or scope.depth > 3:
        return (HOLE,)
    returned = [
        node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value
    ]
    inner = Scope(module, (function,), _bound(call, function, scope), scope.depth + 1)
    given = [texts(value, inner) for value in returned if not isinstance(value, ast.Name)]
    given += [_named(value.id, inner) for value in returned if isinstance(value, ast.Name)]
    return _either(given) if given else (HOLE,)


def _bound(call: ast.Call, function: ast.FunctionDef, scope: Scope) -> Bound:
    """The function's parameters, as this call gives them."""
    names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
    bound = {each.arg: (HOLE,) for each in (*function.args.args, *function.args.kwonlyargs)}
    bound |= {name: texts(value, scope) for name, value in zip(names, call.args, strict=False)}
    return bound | {each.arg: texts(each.value, scope) for each in call.keywords if each.arg}


def _joined(parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    while len(parts) and _product(parts) > MOST:
        widest = max(range(len(parts)), key=lambda at: len(parts[at]))
        parts[widest] = (HOLE,)
    return tuple(dict.fromkeys("".join(each) for each in itertools.product(*parts)))


def _product(parts: list[tuple[str, ...]]) -> int:
    size = 1
    for part in parts:
        size *= len(part)
    return size


def _either(given: list[tuple[str, ...]]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(itertools.chain(*given)))
    return found if len(found) <= MOST else (HOLE,)


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).split(".")[-1]


def plain(text: str) -> str:
    """One line; holes that touch are one."""
    text = " ".join(text.split())
    while HOLE * 2 in text:
        text = text.replace(HOLE * 2, HOLE)
    return text


def hollow(text: str) -> bool:
    """True for a text that only passes on another: "…: …"."""
    return not any(char.isalpha() for char in plain(text).replace(NEAREST, ""))


@cache
def collected() -> tuple[Message, ...]:
    """All messages, ordered by module and line."""
    found = []
    for module in modules().values():
        found += list(_below(module.tree, Scope(module, (), {})))
    return tuple(dict.fromkeys(found))


def _below(node: ast.AST, scope: Scope) -> Iterator[Message]:
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.FunctionDef):
            unknown = {each.arg: (HOLE,) for each in (*child.args.args, *child.args.kwonlyargs)}
            inner = Scope(scope.module, (*scope.functions, child), scope.bound | unknown)
        elif isinstance(child, ast.Call):
            yield from _made(child, scope)
        yield from _below(child, inner)


def _made(call: ast.Call, scope: Scope) -> Iterator[Message]:
    name = _name(call)
    if name == "MissingExtra":
        said: list[Said] = [(MISSING, (MISSING,))]
    elif call.args and (
        name in errors() | USAGE | CARRIERS
        or (name == "ValueError" and _is_setting(scope))
        or (name == "OSError" and "/remote/" in scope.module.place)
    ):
        said = [(_as_written(call.args[0]), texts(call.args[0], scope))]
    elif name in CARRIED and len(call.args) > CARRIED[name]:
        node = call.args[CARRIED[name]]
        said = [(_as_written(node), texts(node, scope))]
    else:
        said, name = _through_a_helper(call, scope)
    for text, variants in said:
        told = [plain(each) for each in variants if not hollow(each)]
        if hollow(text):  # all of it is told by what fills its holes
            yield from (
                Message(each, (each,), name, scope.module.place, call.lineno) for each in told
            )
        else:
            yield Message(plain(text), tuple(told), name, scope.module.place, call.lineno)


def _as_written(node: ast.expr) -> str:
    """The text with a hole for everything that is not written out in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(_as_written, values))
        case ast.FormattedValue(value=ast.Call() as value):
            return _as_written(value) if _name(value) == "nearest" else HOLE
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _as_written(left) + _as_written(right)
        case ast.Call(args=[first, *_]) if _name(node) in SAME_TEXT:
            return _as_written(first)
        case ast.Call() if _name(node) == "nearest":
            return NEAREST
    return HOLE


def _is_setting(scope: Scope) -> bool:
    return any(each.name == "__post_init__" for each in scope.functions)


def _through_a_helper(
    call: ast.Call, scope: Scope
) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    """Texts of a call such as self.fail("no zip file"), whose function raises an error of it."""
    function = scope.module.functions.get(_name(call))
    if function is None or function in scope.functions:
        return [], ""
    bound = _bound(call, function, scope)
    inner = Scope(scope.module, (function,), bound, 1)
    unknown = Scope(scope.module, (function,), dict.fromkeys(bound, (HOLE,)), 1)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args:
            name = _name(node)
            told = name in (errors() | CARRIERS) - {"MissingExtra"}
            if told and all(map(hollow, texts(node.args[0], unknown))):
                return [(HOLE, texts(node.args[0], inner))], name
    return [], ""
