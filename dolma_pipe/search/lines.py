"""What is printed of a document that matches: a line a match, its id, or JSON."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from dolma_pipe.codepoints import spans_in_bytes
from dolma_pipe.report.terminal import harmless
from dolma_pipe.search.shard import Found

Kind = Literal["matches", "ids", "json"]
CONTEXT = 40
PLACE, NUMBER, MATCH, PLAIN = "\x1b[35m", "\x1b[32m", "\x1b[1;31m", "\x1b[0m"
"""As grep and ripgrep colour them."""


class Printing(msgspec.Struct, frozen=True, kw_only=True):
    """context: code points on each side of a match."""

    kind: Kind = "matches"
    context: int = CONTEXT
    colour: bool = False


def printed(uri: str, found: Found, how: Printing) -> Iterator[str]:
    """Lines without their ends; nothing in them moves the cursor or turns the direction."""
    if how.kind == "json":
        yield json.dumps(_object(uri, found))  # in ASCII: harmless, too
    elif how.kind == "ids":
        yield harmless(found.id)
    else:
        place = _coloured(harmless(uri), PLACE, how) + ":"
        place += _coloured(str(found.line), NUMBER, how) + "  " + harmless(found.id) + "  "
        for start, end in found.spans:
            yield place + _excerpt(found.value, start, end, how)
        if not found.spans:
            yield place + _excerpt(found.value, 0, 0, how)


def _excerpt(text: str, start: int, end: int, how: Printing) -> str:
    """The match in its context; of a long match as much of its begin and end as of the context."""
    first, last = max(0, start - how.context), min(len(text), end + how.context)
    match = _one_line(text[start:end])
    longest = max(4 * how.context, 160)
    if end - start > longest:
        half = longest // 2
        match = f"{_one_line(text[start : start + half])} ... {_one_line(text[end - half : end])}"
    before = ("..." if first else "") + _one_line(text[first:start])
    after = _one_line(text[end:last]) + ("..." if last < len(text) else "")
    return before + (_coloured(match, MATCH, how) if match else "") + after


def _one_line(text: str) -> str:
    return harmless(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "))


def _coloured(text: str, colour: str, how: Printing) -> str:
    return f"{colour}{text}{PLAIN}" if how.colour else text


def _object(uri: str, found: Found) -> dict[str, Any]:
    in_bytes = spans_in_bytes(found.value, found.spans)
    spans = [
        {"characters": [start, end], "bytes": list(of), "match": found.value[start:end]}
        for (start, end), of in zip(found.spans, in_bytes, strict=True)
    ]
    return {"shard": uri, "line": found.line, "id": found.id, "spans": spans}
