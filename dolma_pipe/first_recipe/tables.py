"""Which columns of a table are text, id and date: the usual names, tried one after the other."""

from collections.abc import Callable

import msgspec

from dolma_pipe.formats import arrow, parquet
from dolma_pipe.formats.reading import ColumnNames, FormatName
from dolma_pipe.formats.rows import WrongColumn

USUAL = {
    "text": (
        *("text", "content", "contents", "raw_content", "document", "body", "article", "markdown"),
        *("code", "story", "passage", "abstract", "sentence", "Text", "Content", "TEXT"),
    ),
    "id": ("id", "doc_id", "docid", "document_id", "_id", "uuid", "ID", "pageid", "blob_id"),
    "created": ("created", "created_at", "date", "timestamp", "published", "crawl_date"),
}
"""Names in the data sets of the hub; of text by far the most have the first."""


Refusal = Callable[[ColumnNames], str | None]
"""Why a file has not these columns, None where it has."""


class NoText(Exception):
    """No column can be the text; the text tells which there are."""


def columns_of(uri: str, kind: FormatName, *, messages: bool) -> ColumnNames:
    """The columns that differ from what a recipe takes by itself. Raises NoText."""
    check = parquet.check_columns if kind == "parquet" else arrow.check_columns

    def refusal(columns: ColumnNames) -> str | None:
        try:
            check(uri, columns, messages=messages)
        except WrongColumn as wrong:
            return str(wrong)
        return None

    columns = ColumnNames()
    while (told := refusal(columns)) is not None:
        field = told[1:].partition(":")[0]
        if field != "text":  # its type does not fit: left to the metadata
            columns = msgspec.structs.replace(columns, **{field: None})
        elif messages or (name := _usual("text", columns, refusal)) is None:
            raise NoText(told[1:].partition(": ")[2])
        else:
            columns = msgspec.structs.replace(columns, text=name)
    for field in ("id", "created"):
        if getattr(columns, field) is msgspec.UNSET:
            name = _usual(field, columns, refusal)
            if name is not None and name != field:
                columns = msgspec.structs.replace(columns, **{field: name})
    return columns


def _usual(field: str, columns: ColumnNames, refusal: Refusal) -> str | None:
    for name in USUAL[field]:
        told = refusal(msgspec.structs.replace(columns, **{field: name}))
        if told is None or not told.startswith(f".{field}:"):
            return name
    return None
