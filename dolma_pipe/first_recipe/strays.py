"""Files called .json that are other JSON than documents: settings, or one large array."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from dolma_pipe.conversations import parse_conversation
from dolma_pipe.document import BadLine, parse
from dolma_pipe.errors import InputError
from dolma_pipe.formats.detect import COMPRESSED
from dolma_pipe.remote import is_address
from dolma_pipe.shard import MAX_DOCUMENT_BYTES
from dolma_pipe.stream import ByteStream, Damaged, read_lines

MOST_REMOTE = 20
"""Of more in an object store none is opened: it would take too long."""


def ending_of(file: str) -> str:
    """The format's ending with that of the compression: .jsonl.zst"""
    path = PurePosixPath(file)
    compressed = path.suffix if path.suffix.lower() in COMPRESSED else ""
    inner = PurePosixPath(path.name.removesuffix(compressed)).suffix
    return inner + compressed


def strays_among(files: Sequence[str]) -> list[str]:
    """Those called .json whose first line is no document."""
    named = [file for file in files if ending_of(file).lower().split(".")[1:2] == ["json"]]
    if len(named) > MOST_REMOTE and any(map(is_address, named)):
        return []
    return [file for file in named if not _begins_with_a_document(file)]


def _begins_with_a_document(file: str) -> bool:
    """Or cannot be read, which is told elsewhere."""
    try:
        first = next(read_lines(ByteStream(file), MAX_DOCUMENT_BYTES), None)
    except (Damaged, InputError):
        return True
    if first is None or first.fault is not None:
        return False
    for parse_line in (parse, parse_conversation):
        try:
            parse_line(first.content)
            return True
        except BadLine:
            continue
    return False
