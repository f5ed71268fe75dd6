"""Values of Arrow columns as what JSON can hold, the same on every machine.

Times are ISO 8601 with as many digits as their unit has, UTC (Z) where the column has a time zone;
decimals are numbers with all their digits; bytes are base64; maps are objects, or lists of pairs
where the keys are not text. NaN and infinity become null, as in a repaired line of JSONL.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

Convert = Callable[[Any], Any]

encode = msgspec.json.Encoder(decimal_format="number").encode
"""A value of plain() as JSON."""

_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def plain(array: pa.Array) -> list[Any]:
    """The values of an array as objects that `encode` knows.

    Raises UnicodeDecodeError or pyarrow.ArrowInvalid for text that is not UTF-8.
    """
    stored = _stored(array.type)
    values = (array if stored == array.type else _cast(array, stored)).to_pylist()
    convert = _converter(array.type)
    return values if convert is None else [convert(value) for value in values]


def _cast(array: pa.Array, stored: pa.DataType) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        return _cast(array.storage, stored)
    return array if array.type == stored else array.cast(stored)


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type with times as integers and dictionaries and extensions as what they stand for."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _stored(kind.storage_type)
    if types.is_dictionary(kind):
        return _stored(kind.value_type)
    if types.is_date32(kind) or types.is_time32(kind):
        return pa.int32()
    if types.is_timestamp(kind) or types.is_date64(kind) or types.is_time64(kind):
        return pa.int64()
    if types.is_duration(kind):
        return pa.int64()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_stored(kind.value_type)))
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_stored(kind.value_type)))
    if types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_stored(kind.value_type)), kind.list_size)
    if types.is_struct(kind):
        return pa.struct([field.with_type(_stored(field.type)) for field in kind])
    if types.is_map(kind):
        return pa.map_(_stored(kind.key_type), _stored(kind.item_type))
    return kind


def _converter(kind: pa.DataType) -> Convert | None:
    """From a value of the stored type to one of JSON; None where they are the same."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _converter(kind.storage_type)
    if types.is_dictionary(kind):
        return _converter(kind.value_type)
    if types.is_timestamp(kind):
        zone = "Z" if kind.tz is not None else ""
        return _unless_none(lambda value: str(np.datetime64(value, kind.unit)) + zone)
    if types.is_date32(kind):
        return _unless_none(lambda value: str(np.datetime64(value, "D")))
    if types.is_date64(kind):
        return _unless_none(lambda value: str(np.datetime64(value, "ms").astype("datetime64[D]")))
    if types.is_time(kind):
        return _unless_none(lambda value: str(np.datetime64(value, kind.unit)).partition("T")[2])
    if types.is_duration(kind):
        return _unless_none(lambda value: _iso_duration(value, _DIGITS[kind.unit]))
    if types.is_struct(kind):
        return _struct({field.name: _converter(field.type) for field in kind})
    if types.is_map(kind):
        return _map(_converter(kind.key_type), _converter(kind.item_type))
    if isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        inner = _converter(kind.value_type)
        if inner is not None:
            return _unless_none(lambda values: [inner(value) for value in values])
    return None


def _unless_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _struct(fields: dict[str, Convert | None]) -> Convert | None:
    changed = {name: convert for name, convert in fields.items() if convert is not None}
    if not changed:
        return None
    return _unless_none(
        lambda value: value | {name: convert(value[name]) for name, convert in changed.items()}
    )


def _map(key: Convert | None, item: Convert | None) -> Convert:
    def convert(pairs: list[tuple[Any, Any]]) -> Any:
        told = [(key(k) if key else k, item(v) if item else v) for k, v in pairs]
        return dict(told) if all(isinstance(k, str) for k, _ in told) else told

    return _unless_none(convert)


def _iso_duration(value: int, digits: int) -> str:
    whole, rest = divmod(abs(value), 10**digits)
    fraction = f".{rest:0{digits}}" if digits else ""
    return f"{'-' if value < 0 else ''}PT{whole}{fraction}S"
