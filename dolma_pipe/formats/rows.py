"""Rows of a table as documents: the columns of the recipe are its fields, all others metadata."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from dolma_pipe.conversations import FIELDS as MESSAGES
from dolma_pipe.conversations import text_of
from dolma_pipe.document import BadLine, Document
from dolma_pipe.formats.elements import elements
from dolma_pipe.formats.reading import ColumnNames
from dolma_pipe.formats.values import encode, plain
from dolma_pipe.settings import nearest, one_line
from dolma_pipe.stream import Record

FIELDS = ("id", "text", "source", "added", "created")
"""Of a document, as dolma orders them."""

PIECE_BYTES, PIECE_ROWS = 2 << 20, 256
"""Rows converted at once: few, since a dictionary may hold one long text for all of them."""

MANY_BYTES, MANY_ELEMENTS = 8 << 20, 1 << 20
"""Pieces of more are converted row by row."""


EXPANDED = 1 << 27
"""Bytes that a piece may take where its rows share values: a dictionary of one text is small."""


HONEST = 16
"""Times what they take in the file that pages and batches of any size may take in memory: text is
not compressed better, and who writes a batch of gigabytes has the memory for it."""


class WrongColumn(Exception):
    """The table has not the columns that the recipe names; the text begins with the setting."""


class Layout(NamedTuple):
    """Where the fields of a document stand in a table: field -> position, and all other columns.

    messages: where text is, there are the messages of a conversation.
    """

    fields: dict[str, int]
    others: list[tuple[str, int]]
    messages: bool = False


def layout_of(schema: pa.Schema, columns: ColumnNames, *, messages: bool = False) -> Layout:
    """Raises WrongColumn for a column that is not there, is there twice or has a type that no
    field can have."""
    fields = {}
    for field in FIELDS:
        given = getattr(columns, field)
        name = field if given is msgspec.UNSET else given
        if field == "text" and messages and given is msgspec.UNSET:
            name = next((name for name in MESSAGES if name in schema.names), MESSAGES[0])
        places = schema.get_all_field_indices(name) if name is not None else []
        if name is None or (not places and given is msgspec.UNSET and field != "text"):
            continue
        if len(places) != 1:
            if places:
                raise WrongColumn(f".{field}: two columns '{name}'")
            raise WrongColumn(f".{field}: no column '{name}'{nearest(name, schema.names)}")
        kind = "messages" if messages and field == "text" else field
        _check_type(kind, name, schema.field(places[0]).type)
        fields[field] = places[0]
    taken = set(fields.values())
    others = [(name, i) for i, name in enumerate(schema.names) if i not in taken]
    return Layout(fields, others, messages)


def _check_type(field: str, name: str, kind: pa.DataType) -> None:
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    fits = _is_text(stored) or pa.types.is_null(stored)
    if field == "messages":
        if not (pa.types.is_list(stored) or pa.types.is_large_list(stored)):
            raise WrongColumn(f".text: the column '{name}' is {kind}, a list of messages is needed")
        return
    if field == "text":
        fits = fits or pa.types.is_binary(stored) or pa.types.is_large_binary(stored)
    elif field == "id":
        fits = fits or pa.types.is_integer(stored)
    else:
        fits = fits or not pa.types.is_nested(stored)
    if not fits:
        told = "text" if field != "id" else "text or a whole number"
        hint = "" if field == "text" else f"; {field}: null leaves it to the metadata"
        raise WrongColumn(f".{field}: the column '{name}' is {kind}, {told} is needed{hint}")


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _shares(kind: pa.DataType) -> bool:
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _shares(kind.storage_type)
    views = types.is_string_view(kind) or types.is_binary_view(kind) or types.is_list_view(kind)
    if views or types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return True
    return any(_shares(kind.field(i).type) for i in range(kind.num_fields))


def rows_a_piece(size: int, rows: int) -> int:
    """How many rows of a table of this size in bytes are converted at once."""
    return max(1, min(PIECE_ROWS, PIECE_BYTES * rows // max(size, 1)))


class Row(NamedTuple):
    """A row of a piece, not yet converted."""

    piece: "Piece"
    place: int


class Piece:
    """Some rows of a table; converted together when the first of them is asked for."""

    def __init__(self, rows: pa.RecordBatch, layout: Layout, max_document_bytes: int) -> None:
        self._rows = rows
        self._layout = layout
        self._max = max_document_bytes

    def records(self, first: int) -> Iterator[Record]:
        """A record a row, numbered from `first`."""
        for place in range(self._rows.num_rows):
            yield Record(first + place, Row(self, place))

    def parse(self, place: int) -> tuple[Document, bytes, bool]:
        """The document of a row. Raises BadLine."""
        self._refuse_long(place)
        if self._converted is None:
            return self._document(_converted(self._rows.slice(place, 1), self._layout), 0)
        return self._document(self._converted, place)

    def texts(self) -> pa.LargeBinaryArray | None:
        """The text of each row as it is stored; None where rows share them."""
        text = self._rows.column(self._layout.fields["text"])
        if self._layout.messages or pa.types.is_null(text.type) or _shares(text.type):
            return None
        return text.cast(pa.large_binary())

    def excerpt(self, place: int) -> bytes:
        """The first values of the row that JSON can hold."""
        told: dict[str, Any] = {}
        for name, column in zip(self._rows.schema.names, self._rows.columns, strict=True):
            value = column.slice(place, 1)
            if len(told) < 4 and value.nbytes < 1000 and elements(value) < 1000:
                with suppress(ValueError, pa.ArrowNotImplementedError):
                    told[name] = plain(value)[0]
        return bytes(encode(told))

    @cached_property
    def _converted(self) -> dict[int, list[Any]] | None:
        """Every column as JSON values; None where that must be done row by row."""
        size = self._rows.nbytes
        if size > MANY_BYTES or (self._shares and size * self._rows.num_rows > EXPANDED):
            return None
        if sum(map(elements, self._rows.columns)) > MANY_ELEMENTS:
            return None
        try:
            return _converted(self._rows, self._layout)
        except BadLine:
            return None

    @property
    def _shares(self) -> bool:
        """Whether rows may have a value in common that is there once."""
        return any(map(_shares, self._rows.schema.types))

    @cached_property
    def _text_lengths(self) -> list[int | None]:
        """Bytes of each text, None where there is none."""
        text = self._rows.column(self._layout.fields["text"])
        if self._layout.messages:
            return [0] * len(text)
        if pa.types.is_null(text.type):
            return [None] * len(text)
        if pa.types.is_dictionary(text.type):
            return pc.take(pc.binary_length(text.dictionary), text.indices).to_pylist()  # type: ignore[no-any-return]
        if pa.types.is_string_view(text.type):
            text = text.cast(pa.binary_view()).cast(pa.large_binary())
        return pc.binary_length(text).to_pylist()  # type: ignore[no-any-return]

    def _refuse_long(self, place: int) -> None:
        length = self._text_lengths[place]
        if length is None:
            raise BadLine("no text")
        # a row over MANY_BYTES never comes in a smaller piece: batches do not change what is bad
        if length > self._max or (
            self._rows.nbytes > MANY_BYTES
            and self._rows.slice(place, 1).nbytes > max(MANY_BYTES, 4 * self._max)
        ):
            raise BadLine(f"longer than {self._max} bytes")
        if self._converted is None:  # as JSON an element and its comma take two bytes
            row = self._rows.slice(place, 1)
            if 2 * sum(map(elements, row.columns)) > self._max:
                raise BadLine(f"longer than {self._max} bytes")

    def _document(self, columns: dict[int, list[Any]], place: int) -> tuple[Document, bytes, bool]:
        found = {field: columns[i][place] for field, i in self._layout.fields.items()}
        if isinstance(found.get("id"), int):
            found["id"] = str(found["id"])
        replaced = False
        if self._layout.messages:
            found["text"], replaced = text_of(found["text"])
        line = {field: value for field in FIELDS if (value := found.get(field)) is not None}
        metadata: dict[str, Any] = {}
        for name, i in self._layout.others:
            if name == "metadata":
                metadata = _merged(columns[i][place]) | metadata
            else:
                metadata[name] = columns[i][place]
        if metadata:
            line["metadata"] = metadata
        try:
            raw = encode(line)
        except (RecursionError, TypeError) as error:
            raise BadLine(f"a value that JSON cannot hold: {one_line(error)}") from None
        if len(raw) > self._max:
            raise BadLine(f"longer than {self._max} bytes")
        return Document(**found), raw, replaced


def _converted(rows: pa.RecordBatch, layout: Layout) -> dict[int, list[Any]]:
    """Position -> values. Raises BadLine where a value is not what its column says."""
    text = layout.fields["text"]
    columns = {}
    for i, column in enumerate(rows.columns):
        try:
            if i == text and not layout.messages and not _is_text(column.type):
                kind = pa.large_string()
                column = column.cast(kind)
            columns[i] = plain(column)
        except (UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            utf8 = isinstance(error, UnicodeDecodeError) or "UTF" in str(error)
            told = "invalid UTF-8" if utf8 else f"unreadable value: {one_line(error)[:80]}"
            raise BadLine(told) from None
    return columns


def _merged(value: Any) -> dict[str, Any]:
    """The metadata of a column called so: a struct, or JSON in a string."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            pass
    return {} if value is None else {"metadata": value}
