"""Every message that a user can meet, collected from the source, with "…" for what varies in it."""

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

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
TELLING = ("dolma_pipe/tokens/check.py", "dolma_pipe/formats/arrow.py")
"""Modules that yield what is wrong, or append it to their `problems`."""
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
            found = _either([texts(value, scope) for value in values])
            if HOLE in found:  # beside it a word is a default, and only a phrase is a message
                found = tuple(text for text in found if text == HOLE or " " in text)
            return tuple(text for text in found if text) or ("",)
        case ast.Name(id=name, lineno=line):
            return _named(name, scope, line)
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


def _named(name: str, scope: Scope, line: int) -> tuple[str, ...]:
    """line: where the name is used."""
    if name in scope.bound:
        return scope.bound[name]
    if scope.depth > 4:
        return (HOLE,)
    deeper = Scope(scope.module, scope.functions, scope.bound, scope.depth + 1)
    given = [
        texts(value, deeper)
        for function in scope.functions
        for value in _assigned(name, function, line)
    ]
    if given:
        return _either(given)
    if name in scope.module.constants:
        return texts(scope.module.constants[name], Scope(scope.module, (), {}, scope.depth + 1))
    other = modules().get(scope.module.imported.get(name, ""))
    if other is not None and name in other.constants:
        return texts(other.constants[name], Scope(other, (), {}, scope.depth + 1))
    return (HOLE,)


def _assigned(name: str, function: ast.FunctionDef, line: int) -> Iterator[ast.expr | None]:
    """The values that the function may have given the name when it comes to a line; None where one
    is no plain value."""
    given = _given(function).get(name, [])
    certain = [at for at, _, block in given if block.first <= line <= block.last and at < line]
    since = max(certain, default=0)
    yield from (value for at, value, _ in given if at >= since and (at < line or not certain))


class _Block(NamedTuple):
    """The lines of the statements that follow each other without a condition."""

    first: int
    last: int


@cache
def _given(function: ast.FunctionDef) -> dict[str, list[tuple[int, ast.expr | None, _Block]]]:
    """By name the line, value and block of all that the function gives it."""
    nowhere = _Block(1, 0)
    blocks = {}
    given: dict[str, list[tuple[int, ast.expr | None, _Block]]] = {}
    for node in _nodes(function):
        for field in ("body", "orelse", "finalbody"):
            if block := getattr(node, field, None):
                block = block if isinstance(block, list) else [block]
                lines = _Block(block[0].lineno, block[-1].end_lineno)
                blocks |= {id(each): lines for each in block}
    for node in _nodes(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                found = (node.lineno, value, blocks.get(id(node), nowhere))
                given.setdefault(target, []).append(found)
            case ast.NamedExpr(target=ast.Name(id=target), value=value):
                given.setdefault(target, []).append((node.lineno, value, nowhere))
            case ast.AugAssign(target=ast.Name(id=target)):
                given.setdefault(target, []).append((node.lineno, None, nowhere))
            case ast.For(target=to) | ast.comprehension(target=to):
                for each in ast.walk(to):
                    if isinstance(each, ast.Name):
                        given.setdefault(each.id, []).append((to.lineno, None, nowhere))
    return given


@cache
def _nodes(function: ast.FunctionDef) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(function))


@cache
def _calls(function: ast.FunctionDef) -> tuple[ast.Call, ...]:
    """Those that make an error."""
    calls = [node for node in _nodes(function) if isinstance(node, ast.Call) and node.args]
    return tuple(call for call in calls if _name(call) in errors() | CARRIERS)


def _called(call: ast.Call, scope: Scope) -> tuple[str, ...]:
    name = _name(call)
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get"), args=[_, default]):
            return _either([_named(table, scope, call.lineno), texts(default, scope)])
    if name in SAME_TEXT and call.args:
        return texts(call.args[0], scope)
    if name == "nearest":
        return (NEAREST,)
    if (template := _template(call, scope)) is not None:
        parts = template.split("{}")
        filled: list[tuple[str, ...]] = [(parts[0],)]
        for part, given in zip(parts[1:], call.args, strict=True):
            filled += [texts(given, scope), (part,)]
        return _joined(filled)
    module = scope.module
    if name not in module.functions:
        module = modules().get(module.imported.get(name, ""), module)
    function = module.functions.get(name)
    if function is None or scope.depth > 3:
        return (HOLE,)
    returned = [
        node.value for node in _nodes(function) if isinstance(node, ast.Return) and node.value
    ]
    inner = Scope(module, (function,), _bound(call, function, scope), scope.depth + 1)
    given = [texts(value, inner) for value in returned]
    return _either(given) if given else (HOLE,)


def _template(call: ast.Call, scope: Scope) -> str | None:
    """Of at("heads", "is odd"), where the function says at = "model.{}: {}".format."""
    for function in scope.functions if isinstance(call.func, ast.Name) else ():
        for value in _assigned(_name(call), function, call.lineno):
            match value:
                case ast.Attribute(value=ast.Constant(value=str(text)), attr="format"):
                    return text
    return None


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
        elif isinstance(child, ast.Yield) and child.value and scope.module.place in TELLING:
            yield from _told(_said(child.value, scope), "Problem", child.lineno, scope)
        yield from _below(child, inner)


def _made(call: ast.Call, scope: Scope) -> Iterator[Message]:
    name = _name(call)
    place, line = scope.module.place, call.lineno
    if name == "MissingExtra":
        yield Message(MISSING, (MISSING,), name, place, line)
    elif call.args and (
        name in errors() | USAGE | CARRIERS
        or (name == "ValueError" and _is_setting(scope))
        or (name == "OSError" and "/remote/" in place)
        or (name == "append" and place in TELLING)
    ):
        yield from _told(_said(call.args[0], scope), name, line, scope)
    elif name in CARRIED and len(call.args) > CARRIED[name]:
        yield from _told(_said(call.args[CARRIED[name]], scope), name, line, scope)
    else:
        yield from _through_a_helper(call, scope)


def _said(node: ast.expr, scope: Scope) -> Said:
    return _as_written(node), texts(node, scope)


def _told(said: Said, error: str, line: int, scope: Scope) -> Iterator[Message]:
    told = tuple(plain(each) for each in said[1] if not hollow(each))
    found = {plain(said[0]): told}
    if hollow(said[0]):  # all of it is told by what fills its holes
        found = {each: (each,) for each in told}
    for written, filled in found.items():
        yield Message(written, filled, error, scope.module.place, line)


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


def _through_a_helper(call: ast.Call, scope: Scope) -> Iterator[Message]:
    """Texts of a call such as self.fail("no zip file"), whose function raises an error of it."""
    function = scope.module.functions.get(_name(call))
    if function is None or function in scope.functions:
        return
    for made in _calls(function):
        bound = _bound(call, function, scope)
        unknown = Scope(scope.module, (function,), dict.fromkeys(bound, (HOLE,)), 1)
        if all(map(hollow, texts(made.args[0], unknown))):
            inner = Scope(scope.module, (function,), bound, 1)
            yield from _told((HOLE, texts(made.args[0], inner)), _name(made), call.lineno, scope)
            return
