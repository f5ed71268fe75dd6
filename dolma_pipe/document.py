"""One JSON line in dolma's layout, and what is done with a line that is not quite one."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import msgspec

_SURROGATES = re.compile("[\ud800-\udfff]")

URL_FIELDS = ("metadata.url", "url", "metadata.source_url", "metadata.warc_url", "meta.url")
"""Where a document may have its address."""


class BadLine(Exception):
    """A line that is no document; the text is the reason, short enough to count by."""


class Document(msgspec.Struct):
    """The fields that the stages look at. Everything else passes through in the raw line."""

    text: str
    id: str | int | None = None
    source: Any = None
    added: Any = None
    created: Any = None


class HasId(Protocol):
    """What a line becomes."""

    id: str | int | None


Line = TypeVar("Line", bound=HasId)
_decode = msgspec.json.Decoder(Document).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse(raw: bytes) -> tuple[Document, bytes, bool]:
    """The document, its line as valid JSON, and whether the line had to be repaired.

    Repaired are: NaN and Infinity (null), a byte order mark, lone surrogates (U+FFFD), bare
    control characters, and an id that is a number. Raises BadLine.
    """
    return parse_as(raw, _decode)


def parse_as(raw: bytes, decode: Callable[[bytes], Line]) -> tuple[Line, bytes, bool]:
    """The same of a line that `decode` makes another object of, which has an id, too."""
    repaired = False
    try:
        document = decode(raw)
        if not raw.isascii():
            raw.decode()  # msgspec does not look into the fields that pass through
    except UnicodeDecodeError:
        raise BadLine("invalid UTF-8") from None
    except msgspec.ValidationError as error:
        raise BadLine(_reason(error)) from None
    except (msgspec.DecodeError, RecursionError):
        raw, repaired = _lenient(raw), True
        try:
            document = decode(raw)
        except msgspec.ValidationError as error:
            raise BadLine(_reason(error)) from None
    if isinstance(document.id, int):
        document.id = str(document.id)
        raw, repaired = with_fields(raw, id=document.id), True
    return document, raw, repaired


def with_fields(raw: bytes, **changes: Any) -> bytes:
    """The line with these fields replaced or added; all others keep their bytes."""
    return msgspec.json.encode({**_fields(raw), **changes})


def field_of(raw: bytes | memoryview, path: str) -> Any:
    """The value at a path of keys joined by dots ("metadata.url"); None where there is none."""
    try:
        value = _at(path)(raw)
    except (msgspec.ValidationError, RecursionError):
        return None  # on the way there lies what is no object, or the value is nested too deeply
    for _ in path.split("."):
        if value is None:
            return None
        value = value.value
    return value


@lru_cache(maxsize=64)
def _at(path: str) -> Any:
    """A decoder that parses nothing but what lies on the path."""
    kind: Any = Any
    for key in reversed(path.split(".")):
        fields = [("value", kind | None, None)]
        kind = msgspec.defstruct("Object", fields, rename={"value": key})
    return msgspec.json.Decoder(kind).decode


def _lenient(raw: bytes) -> bytes:
    """The line as Python's json reads it, written back as strict JSON."""
    try:
        value = json.loads(raw.removeprefix(b"\xef\xbb\xbf").decode(), strict=False)
        return msgspec.json.encode(_without_surrogates(value))
    except UnicodeDecodeError:
        raise BadLine("invalid UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):  # in place: a hostile one is large
        for i, item in enumerate(value):
            value[i] = _without_surrogates(item)
        return value
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _reason(error: msgspec.ValidationError) -> str:
    """A reason without the value in it, so that reasons can be counted."""
    message = str(error)
    if "missing required field" in message:
        return "no text"
    if match := re.search(r"at `\$\.(\w+)`", message):
        return f"{match[1]} has a wrong type"
    return "not a JSON object"
