"""docs/json.md, made from the types of what commands print with --json. To write it anew:
python -m tests.cli.json_page > docs/json.md"""

import json
import textwrap
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import PurePath
from typing import Any

import click
import msgspec

from dolma_pipe.cli.main import cli

PAGE = "docs/json.md"
WIDTH = 100
JOINED = "\N{NO-BREAK SPACE}"
"""Between a key and its type, until lines are broken."""
OF_RECIPES = "dolma_pipe.entries"
"""Settings that a recipe has, as it has them."""

SHAPES = {
    "run": "report.summary:Ran",
    "tag": "report.summary:Ran",
    "dedup run": "report.summary:Ran",
    "dedup report": dict[str, typing.Any],
    "dedup index": "dedup_index:Description",
    "plan": "stages.mix.plan:Plan",
    "check": "report.checked:CheckedRecipe",
    "status": "report.status:Status",
    "explain": "list report.explain:Explained",
    "compare": "report.comparison.model:Comparison",
    "report": "report.page.model:Page",
    "sweep": "report.thresholds:Sweep",
    "list": "report.shelves_data:Shelves",
    "attributes export": "dict passes.exchange:Exported",
    "attributes import": "dict passes.exchange:Imported",
    "export documents": "dict passes.export:ExportedDocuments",
    "synthesize": "dict stages.synthesize:Synthesized",
    "classifier train": "learn.card:Card",
    "classifier eval": "learn.train:Evaluated",
    "sample": "sample.corpus:Sample",
    "search": dict[str, typing.Any],
    "stats": "statistics.told:Statistics",
    "assets list": "list report.assets:AssetRow",
    "assets distill": "cli.assets:Distilled",
    "mix swarm": "mixture.swarm_files:SwarmDrawn",
    "mix fit": "mixture.fit:Fit",
    "tokens verify": "cli.tokens:Verified",
    "tokens inspect": "tokens:Manifest",
    "tokens where": "tokens.place:Place",
    "tokens stats": "list report.token_stats:TokenStats",
    "tokens pack": "stages.pack:PlannedPacking",
    "tokens export": "list cli.tokens_export:ExportedFile",
    "tokens import": "tokens:Manifest",
    "train run": "train.start:Trained",
    "train plot": "train.plots.write:Drawn",
    "checkpoints list": "list train.checkpoints.listing:Row",
    "checkpoints diff": "train.checkpoints.compare:Difference",
    "checkpoints pack": "list train.checkpoints.packing:PackedCheckpoint",
    "checkpoints merge": "train.tuning.merging:Merged",
    "evaluate": "train.evaluation.compare:Comparison",
    "ablate": "ablation.result:Ablation",
}
"""Command -> module:type of what it prints with --json; `list` of it, or `dict`, by source."""

WITHOUT = {
    "tokens decode": "prints the text of documents",
    "browse": "serves a page, whose server answers with JSON",
    "init": "writes a recipe",
    "schema": "prints JSON as it is",
    "assets fetch": "prints where files lie",
    "assets path": "prints where a file lies",
    "checkpoints unpack": "prints where the checkpoint lies",
}
"""Commands without --json, and why."""

NOTES = {
    "run": "report.json of the work directory, with places and times. A run that ends without some "
    "shards prints it, too, names them in `failed`, and exits 1. One with more bad lines than "
    '`max_bad` allows prints `{"bad": int, "lines": int, "allowed": int, "reasons": {str: int}, '
    '"quarantine": str}` and exits 1, as does whatever command runs pass 1.',
    "dedup report": "dedup/report.json of the work directory with the `entries` that were asked "
    "for, `estimated_tokens` and `times`: what each entry counts is in [dedup.md](dedup.md).",
    "dedup index": "index.json of the index.",
    "plan": "mix/plan.json, as it would be.",
    "check": 'Of a wrong recipe `{"mistakes": [{"file": str, "line": int or null, "told": str}]}`, '
    "in the order of its lines; exits 1.",
    "search": "JSON Lines, an object a document that matches; with --count one object, what was "
    "counted: [search.md](search.md).",
    "tokens verify": "Exits 1 where there are problems.",
    "tokens inspect": "manifest.json of the arrays.",
    "tokens import": "manifest.json of the new arrays.",
    "classifier train": "The model's card.",
    "checkpoints list": "Exits 1 where anything is damaged.",
    "train run": "When it ends, or with --check at once; a line a step is told on standard error.",
    "ablate": "ablation.json.",
}

HEAD = """# JSON of the commands

With `--json` a command prints one JSON document on standard output and nothing else there: progress
and notes go to standard error, as do errors. Numbers are numbers (shares,
not per cent; bytes, not megabytes; seconds), and what is no number or not known is `null`. Keys
stay as they are: later versions add some, and the changelog tells where one goes. Exit codes are
those of the command without `--json`; what fails before it has anything to tell prints nothing, nor
does a rank of a job array that only takes a share of the work.

    dolma-pipe run mix.yaml --json | jq '.flows[] | select(.stage == "dedup") | .dropped'

Each command with the keys of its document. `A or null` may be null, `{str: A}` is an object with
any names, `key?` may be missing. What is called as a dedup method (Exact, MinHash ...) has the
settings of that method: `dolma-pipe list dedup`.
"""


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def shape_of(command: str) -> Any:
    """The type of what it prints."""
    told = SHAPES[command]
    if not isinstance(told, str):
        return told
    container, _, place = told.rpartition(" ")
    module, _, name = place.partition(":")
    kind = getattr(import_module(f"dolma_pipe.{module}"), name)
    if container == "list":
        return list[kind]
    return dict[str, kind] if container == "dict" else kind


def checked(name: str, given: Any) -> Any:
    """No key is missing, and none is more than the type has."""
    found = msgspec.convert(given, shape_of(name), dec_hook=lambda kind, value: kind(value))
    again = msgspec.to_builtins(found, enc_hook=str)
    assert json.loads(msgspec.json.encode(again)) == given
    return found


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    first: dict[str, str] = {}
    for command in SHAPES:
        told = str(SHAPES[command])
        lines += [f"## {command}", ""]
        lines += [*textwrap.wrap(NOTES[command], WIDTH), ""] if command in NOTES else []
        if told in first:
            lines += [f"The same as [{first[told]}](#{first[told].replace(' ', '-')}).", ""]
            continue
        first[told] = command
        lines += _keys(shape_of(command))
    lines += ["## Commands without it", ""]
    lines += [f"- `{name}` {why}." for name, why in WITHOUT.items()]
    return "\n".join(lines) + "\n"


def _keys(shape: Any) -> Iterator[str]:
    """The keys of each struct, the outermost first."""
    structs = list(_structs(shape, []))
    if shape not in structs and structs:
        yield from (f"`{_told(shape)}`" + (": by source." if _is_dict(shape) else "."), "")
    for struct in structs:
        about = " ".join((struct.__doc__ or "").split())
        yield from textwrap.wrap(f"**{struct.__name__}**: {about}", WIDTH)
        omits = struct.__struct_config__.omit_defaults
        keys = [
            f"{field.encode_name}{'' if field.required or not omits else '?'}: {_told(field.type)}"
            for field in msgspec.structs.fields(struct)
        ]
        told = ", ".join(key.replace(" ", JOINED) for key in keys)
        lines = textwrap.wrap(told, WIDTH - 4, break_on_hyphens=False, break_long_words=False)
        yield from ("", *(f"    {line.replace(JOINED, ' ')}" for line in lines), "")


def _structs(shape: Any, seen: list[Any]) -> Iterator[Any]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        if shape in seen or shape.__module__.startswith(OF_RECIPES):
            return
        seen.append(shape)
        yield shape
        for field in msgspec.structs.fields(shape):
            yield from _structs(field.type, seen)
    for part in typing.get_args(shape):
        yield from _structs(part, seen)


def _is_dict(shape: Any) -> bool:
    return typing.get_origin(shape) is dict


def _told(kind: Any) -> str:
    """A type as JSON has it."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _told(parts[0])
    if origin is typing.Literal:
        return " or ".join(f'"{part}"' for part in parts)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_told(part) for part in parts)
    if origin is dict:
        return f"{{{_told(parts[0])}: {_told(parts[1])}}}"
    if origin is tuple and parts[-1] is not ...:
        return f"[{', '.join(map(_told, parts))}]"
    if origin in (list, tuple) or (origin and "Sequence" in str(origin)):
        return f"[{_told(parts[0])}, ...]"
    assert not (isinstance(kind, type) and hasattr(kind, "_fields")), f"{kind} becomes an array"
    if kind is Any:
        return "anything"
    if kind is types.NoneType:
        return "null"
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return "str"
    return str(kind.__name__)


if __name__ == "__main__":
    print(page(), end="")
