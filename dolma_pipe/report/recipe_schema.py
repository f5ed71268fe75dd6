"""The JSON Schema (2020-12) of mix.yaml and of train.yaml, made of the very types that parse them,
so that editors complete and check what dolma-pipe will accept.

What no schema can say stays with `dolma-pipe check`: that files, sources and columns are there.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from dolma_pipe.assets import ASSETS
from dolma_pipe.entries import METHODS
from dolma_pipe.extends import shipped
from dolma_pipe.mixer import Mixer
from dolma_pipe.recipe import FILTER_STAGES
from dolma_pipe.recipe_sections import RecipeFile, SourceSection
from dolma_pipe.report.shelves_data import setting_helps
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Kind, Tagger

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE_OR_MODULE = r"(^[^:]*\.py$)|(^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$)"
"""A tagger or mixer of the user's own: ./mine.py or my_package.my_module."""

GIVEN_AROUND = {"shares", "surplus", "max", "discard"}
"""Settings of a mixer that the section around it may say."""

Schema = dict[str, Any]
ABOUT = ("description", "default")
"""What editors show of a key."""

BOUND: Schema = {"type": ["number", "null"]}
RANGE: Schema = {
    "description": "[least, most] of what is kept; null: no bound.",
    "type": "array",
    "prefixItems": [BOUND, BOUND],
    "minItems": 2,
    "maxItems": 2,
    "contains": {"type": "number"},
}
MIXER: Schema = {"$ref": "#/$defs/Mixer"}
NOT_NULL: Schema = {"additionalProperties": {"not": {"type": "null"}}}
"""Below `extends` alone null says something: it takes a rule or a mask of that recipe away."""


def recipe_schema() -> Schema:
    """Of mix.yaml."""
    kinds = {name: load(find("taggers", name), Tagger) for name in names("taggers")}
    mixers = {name: load(find("mixers", name), Mixer) for name in names("mixers")}
    top = [RecipeFile, SourceSection, *METHODS.values(), *kinds.values(), *mixers.values()]
    refs, parts = _described(top)
    shelves = dict(zip([*METHODS, *kinds, *mixers], refs[2:], strict=True))  # no name twice
    for name in METHODS:
        _take_away(_part(parts, shelves[name]), ["method"])
    for name in mixers:
        part = _part(parts, shelves[name])
        part["required"] = [key for key in part["required"] if key not in GIVEN_AROUND]
    parts["Range"] = RANGE
    parts["Tagger"] = _named({name: shelves[name] for name in kinds}, parts, own=True)
    parts["Mixer"] = _named({name: shelves[name] for name in mixers}, parts, own=True)
    parts["DedupEntry"] = _pair({name: shelves[name] for name in METHODS}, parts, own=False)
    for name in ("Division", "MixSettings", "Groups"):
        if name in parts:
            settings = parts[name]["properties"]
            settings["mixer"] = _in_place_of(settings["mixer"], _or_null(MIXER))
    settings = parts["Curve"]["properties"]
    settings["curve"] = _in_place_of(settings["curve"], MIXER)
    parts["TokenizeSettings"]["properties"]["tokenizer"]["examples"] = [
        name for name in sorted(ASSETS) if "neox" in name or "tokenizer" in name
    ]
    _stages(parts)
    _whole(parts["RecipeFile"])
    return _file("dolma-pipe: recipe (mix.yaml)", parts, "RecipeFile")


def train_schema(kind: type[msgspec.Struct]) -> Schema:
    """Of train.yaml. kind: the type that it is parsed to."""
    _, parts = _described([kind])
    return _file("dolma-pipe: training (train.yaml)", parts, kind.__name__)


def _file(title: str, parts: Mapping[str, Schema], top: str) -> Schema:
    body = {key: value for key, value in parts[top].items() if key != "title"}
    defs = {name: parts[name] for name in sorted(parts) if name != top}
    return {"$schema": DIALECT, "title": title, **body, "$defs": defs}


def _described(kinds: Sequence[type[Any]]) -> tuple[list[Schema], dict[str, Schema]]:
    """A reference to each type, and all types below them, their docstrings as descriptions."""
    refs, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    found = {
        name: kind
        for kind in _structs(kinds)
        for name in (kind.__name__, f"{kind.__module__}.{kind.__name__}")  # where two have one name
    }
    for name, part in parts.items():
        kind = found.get(name)
        if kind is None:
            continue
        part["description"] = inspect.cleandoc(part.get("description", ""))
        helps = setting_helps(kind)
        for setting, schema in part["properties"].items():
            schema["description"] = helps.get(setting, part["description"])
    _in_their_dialect(parts)
    return list(refs), dict(parts)


def _structs(kinds: Iterable[Any]) -> Iterable[type[Any]]:
    """All Structs that the types have in them."""
    waiting = [msgspec.inspect.type_info(kind) for kind in kinds]
    seen: list[type[Any]] = []
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType) and info.cls not in seen:
            seen.append(info.cls)
            waiting += [field.type for field in info.fields]
        waiting += getattr(info, "types", ())
        for inside in ("type", "value_type", "item_type", "key_type"):
            if isinstance(below := getattr(info, inside, None), msgspec.inspect.Type):
                waiting.append(below)
    return seen


def _in_their_dialect(node: Any) -> None:
    """Python's \\Z is the $ of the patterns that editors know."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            node["pattern"] = node["pattern"].replace(r"\Z", "$")
        for value in node.values():
            _in_their_dialect(value)
    elif isinstance(node, list):
        for value in node:
            _in_their_dialect(value)


def _part(parts: Mapping[str, Schema], ref: Schema) -> Schema:
    return parts[ref["$ref"].rpartition("/")[2]]


def _take_away(part: Schema, keys: Sequence[str]) -> None:
    part["properties"] = {k: v for k, v in part["properties"].items() if k not in keys}
    part["required"] = [key for key in part.get("required", []) if key not in keys]


def _or_null(schema: Schema) -> Schema:
    about = {key: schema[key] for key in ABOUT if key in schema}
    return {"anyOf": [schema, {"type": "null"}]} | about


def _in_place_of(schema: Schema, given: Schema) -> Schema:
    """Another schema with what is said about this one."""
    return given | {key: schema[key] for key in ABOUT if key in schema}


def _pair(refs: Mapping[str, Schema], parts: Mapping[str, Schema], *, own: bool) -> Schema:
    """One name with its settings; no settings where none is needed. own: or one of the user's."""
    schema: Schema = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            name: {"description": _part(parts, ref).get("description", "").partition("\n\n")[0]}
            | (ref if _part(parts, ref).get("required") else _or_null(ref))
            for name, ref in refs.items()
        },
    }
    if own:
        schema["patternProperties"] = {FILE_OR_MODULE: {"type": ["object", "null"]}}
    return schema


def _named(refs: Mapping[str, Schema], parts: Mapping[str, Schema], *, own: bool) -> Schema:
    """A name alone, or with its settings."""
    alone = [name for name, ref in refs.items() if not _part(parts, ref).get("required")]
    user: list[Schema] = [{"type": "string", "pattern": FILE_OR_MODULE}] if own else []
    return {"anyOf": [{"enum": alone}, *user, _pair(refs, parts, own=own)]}


def _known_columns() -> dict[str, Kind]:
    """Of all taggers as they are without settings: names to complete, among any others."""
    columns: dict[str, Kind] = {}
    for name in names("taggers"):
        kind = load(find("taggers", name), Tagger)
        try:
            tagger = kind()
        except TypeError:  # a setting without default is missing: the columns hang on it
            continue
        columns |= {f"{name}.{column}": tagger.kind(column) for column in tagger.columns()}
    return columns


def _stages(parts: dict[str, Schema]) -> None:
    """Sections of the stages 1 to 3: of the recipe, where null is nothing, and of a source."""
    columns = _known_columns()
    of_source = parts["FilterSection"]
    parts["Stage"] = of_source | {
        "properties": {
            key: _or_null(value)
            for key, value in _filters(of_source["properties"], columns, _or_null).items()
        }
    }
    of_source["properties"] = _filters(of_source["properties"], columns, lambda schema: schema)
    source = parts["SourceSection"]["properties"]
    for option in source["documents"]["anyOf"]:
        text = option.get("items", option)
        text["minLength"] = 1
        if option["type"] == "array":
            option["minItems"] = 1
    for key in ("skip", *FILTER_STAGES):
        source[key] = _or_null(source[key])


def _filters(
    given: Schema, columns: Mapping[str, Kind], value: Callable[[Schema], Schema]
) -> Schema:
    """taggers, keep and mask; value: of what a column may have."""
    found: Schema = {"taggers": {"type": "array", "items": {"$ref": "#/$defs/Tagger"}}}
    for key, kind, schema in (
        ("keep", "number", {"$ref": "#/$defs/Range"}),
        ("mask", "spans", {"type": "string"}),
    ):
        found[key] = {
            "type": "object",
            "properties": {name: value(schema) for name, of in columns.items() if of == kind},
            "propertyNames": {"pattern": r".\.."},
            "additionalProperties": value(schema),
        }
    return {key: _in_place_of(given[key], schema) for key, schema in found.items()}


def _whole(recipe: Schema) -> None:
    """What read_recipe does before the types are asked: sections without content, `extends`."""
    properties = recipe["properties"]
    for stage in FILTER_STAGES:
        given = _or_null({"$ref": "#/$defs/Stage"})
        properties[stage] = _in_place_of(properties[stage], given)
    properties["dedup"] |= {"items": {"$ref": "#/$defs/DedupEntry"}}
    for section in ("dedup", "dedup_index"):
        properties[section] = _or_null(properties[section])
    properties["sources"] |= {
        "additionalProperties": {"$ref": "#/$defs/SourceSection"},
        "minProperties": 1,
    }
    properties["extends"] = {
        "description": "A shipped recipe, or the path of another: it says what this one does not.",
        "anyOf": [
            {"enum": list(shipped())},
            {"type": "string", "pattern": r"^(?!.*://).*\.ya?ml$"},
        ],
    }
    recipe["required"] = ["name"]
    recipe["if"] = {"not": {"required": ["extends"]}}
    recipe["then"] = _alone()


def _alone() -> Schema:
    """What a recipe that extends no other has to say itself."""
    filters = {"properties": {"keep": NOT_NULL, "mask": NOT_NULL}}
    return {
        "required": ["sources"],
        "properties": dict.fromkeys(FILTER_STAGES, filters),
        "if": _has("mix"),
        "then": _has("tokenize"),
    }


def _has(section: str) -> Schema:
    return {"required": [section], "properties": {section: {"type": "object"}}}
