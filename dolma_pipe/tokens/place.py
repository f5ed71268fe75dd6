"""Where a token or a document is: its source and file here, and the input that it came from."""

from itertools import accumulate

import msgspec
import numpy as np

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import TokenArrays
from dolma_pipe.tokens.rows import read_rows


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A token. Numbers begin at 0; a document is tokens [start, end) of its file.

    src, line: the input file and the line in it (from 1) that held the document `id`.
    """

    source: str
    file: str
    token: int
    token_in_source: int
    token_in_file: int
    document: int
    document_in_source: int
    document_in_file: int
    start: int
    end: int
    offset: int
    id: str
    src: str
    line: int


def find_token(arrays: TokenArrays, token: int, source: str | None = None) -> Place:
    """Numbers run through all shards in the order of the manifest, or through one source's.

    Raises TokensError where there is no such token.
    """
    return _find(arrays, "tokens", token, source)


def find_document(arrays: TokenArrays, document: int, source: str | None = None) -> Place:
    """The same of the first token of a document."""
    return _find(arrays, "documents", document, source)


def _find(arrays: TokenArrays, unit: str, number: int, name: str | None) -> Place:
    only = arrays.sources(name)
    sources = arrays.manifest.sources
    before = {"tokens": 0, "documents": 0}
    left = number
    for source in sources:
        if source in only and 0 <= left < getattr(source, unit):
            break
        left -= getattr(source, unit) if source in only else 0
        before = {key: before[key] + getattr(source, key) for key in before}
    else:
        raise TokensError(f"there is no {unit[:-1]} {number} in {arrays.name}")
    ends = list(accumulate(getattr(shard, unit) for shard in source.shards))
    which = next(i for i, end in enumerate(ends) if left < end)
    shard = source.shards[which]
    left -= ends[which] - getattr(shard, unit)
    offsets = arrays.offsets(shard)
    document = int(np.searchsorted(offsets, np.uint64(left), "right")) - 1
    if unit == "documents":
        document, left = left, int(offsets[left])
    if not 0 <= document < shard.documents:
        raise TokensError(f"{shard.file}: offsets do not go from 0 to {shard.tokens}")
    row = next(read_rows(arrays.rows_file(shard), document), None)
    start, end = offsets[document : document + 2].tolist()
    if row is None or (row.start, row.end) != (start, end):
        raise TokensError(f"{shard.file}: its csv.gz has other documents")
    tokens_before = sum(s.tokens for s in source.shards[:which])
    documents_before = sum(s.documents for s in source.shards[:which])
    return Place(
        source=source.name,
        file=shard.file,
        token=before["tokens"] + tokens_before + left,
        token_in_source=tokens_before + left,
        token_in_file=left,
        document=before["documents"] + documents_before + document,
        document_in_source=documents_before + document,
        document_in_file=document,
        start=start,
        end=end,
        offset=left - start,
        id=row.id,
        src=row.src,
        line=row.loc,
    )
