"""Settings of a dedup entry in a few words: only what differs from the defaults."""

from collections.abc import Mapping
from typing import Any

import msgspec

ALWAYS = ("bands", "rows", "threshold", "verify", "action")
"""Told also where they are the defaults: what one looks for first; but null never, nor `remove`."""


def settings_told(settings: Mapping[str, Any], kind: type[msgspec.Struct] | None) -> str:
    """As "bands 14, rows 8, verify 0.8"; kind: the entry's struct, None tells all."""
    defaults = _defaults(kind) if kind is not None else {}
    told = []
    order = {name: place for place, name in enumerate(ALWAYS)}
    given = sorted(_as_json(settings).items(), key=lambda item: order.get(item[0], len(order)))
    for name, value in given:
        same = name in defaults and defaults[name] == value
        shown = name in ALWAYS and value is not None and value != "remove"
        if name != "method" and (shown or not same):
            told.append(f"{name} {value_told(value)}")
    return ", ".join(told)


def _defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    fields = [field for field in msgspec.structs.fields(kind) if not field.required]
    made = {
        field.encode_name: field.default
        if field.default_factory is msgspec.NODEFAULT
        else field.default_factory()
        for field in fields
    }
    return _as_json(made)


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A tuple is a list there, as in a report that was read."""
    return msgspec.json.decode(msgspec.json.encode(settings), type=dict[str, Any])


def value_told(value: Any) -> str:
    """As a recipe has it."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_told, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {value_told(one)}" for key, one in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
