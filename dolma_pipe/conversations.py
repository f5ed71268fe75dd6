"""Conversations as documents: a text in which one control character begins each turn, and says
whose it is.

Taggers, rules and deduplication read that text as any other: to them the characters are white
space. What edits texts leaves them alone, so that no turn is ever taken for a part of another.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.cuts import Cuts
from dolma_pipe.document import BadLine, Document, parse_as
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.kernels.spans import SpansLike
from dolma_pipe.tokens import Role

MARKS: dict[str, Role] = {"\x1c": "system", "\x1d": "user", "\x1e": "assistant", "\x1f": "tool"}
FIRST_MARK, LAST_MARK = 0x1C, 0x1F
NAMES: dict[str, str] = {role: mark for mark, role in MARKS.items()}
NAMES |= {"human": NAMES["user"], "gpt": NAMES["assistant"]}
"""Mark of each role, ShareGPT's names among them."""

FIELDS = ("messages", "conversations")
REPLACED = dict.fromkeys(range(FIRST_MARK, LAST_MARK + 1), "\ufffd")
_TURNS = re.compile(b"([\x1c-\x1f])")
_of_line = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Line(msgspec.Struct):
    messages: Any = None
    conversations: Any = None
    id: str | int | None = None
    source: Any = None
    added: Any = None
    created: Any = None


_decode = msgspec.json.Decoder(_Line).decode


def parse_conversation(raw: bytes) -> tuple[Document, bytes, bool]:
    """As document.parse, of a line with `messages` [{role, content}] or ShareGPT's `conversations`
    [{from, value}], whose place in the line the text takes.

    The control characters that begin turns are U+FFFD in what is said. Raises BadLine.
    """
    line, raw, repaired = parse_as(raw, _decode)
    text, replaced = text_of(line.conversations if line.messages is None else line.messages)
    fields = {key: value for key, value in _of_line(raw).items() if key not in FIELDS}
    raw = msgspec.json.encode(fields | {"text": text})
    document = Document(text, line.id, line.source, line.added, line.created)
    return document, raw, repaired or replaced


def text_of(messages: Any) -> tuple[str, bool]:
    """The text of a conversation, and whether a mark was replaced in it. Raises BadLine."""
    if not isinstance(messages, list) or not messages:
        raise BadLine("no messages")
    turns, replaced, answered = [], False, False
    for message in messages:
        mark, content = _turn(message)
        clean = content.translate(REPLACED)
        replaced |= clean != content
        answered |= mark == NAMES["assistant"] and bool(clean.strip())
        turns.append(mark + clean)
    if not answered:
        raise BadLine("no assistant turn")
    return "\n".join(turns), replaced


def _turn(message: Any) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise BadLine("a message is no object")
    role = message.get("role", message.get("from"))
    if not isinstance(role, str) or role not in NAMES:
        raise BadLine("a message has an unknown role")
    if message.get("tool_calls") or message.get("function_call"):
        raise BadLine("a message has tool calls")  # left out, the answer would be another
    if message.get("weight") not in (None, 1):
        raise BadLine("a message has a weight")
    content = message.get("content", message.get("value"))
    if isinstance(content, list):
        content = _joined(content)
    if not isinstance(content, str):
        raise BadLine("a message has no text")
    return NAMES[role], content


def _joined(parts: list[Any]) -> str | None:
    """The text of a list of parts; None where one is no text."""
    found = [part.get("text") if isinstance(part, dict) else part for part in parts]
    texts = [text for text in found if isinstance(text, str)]
    return "".join(texts) if len(texts) == len(found) else None


def turns(text: bytes) -> Iterator[tuple[Role, bytes]]:
    """The turns of a text of ours; edits may have emptied some. Raises ValueError for another."""
    before, *parts = _TURNS.split(text)
    if before or not parts:
        raise ValueError(f"no conversation: {text[:40]!r}")
    for i in range(0, len(parts), 2):
        content = parts[i + 1]
        if i + 2 < len(parts):
            content = content.removesuffix(b"\n")
        yield MARKS[parts[i].decode()], content


def with_messages(raw: bytes) -> bytes:
    """A line of ours as it is read: `messages` where the text is."""
    fields = _of_line(raw)
    text: str = msgspec.json.decode(fields.pop("text"))
    messages = [{"role": role, "content": said.decode()} for role, said in turns(text.encode())]
    return msgspec.json.encode(fields | {"messages": messages})


def around_marks(spans: SpansLike, text: U8, offsets: I64) -> Cuts:
    """The same stretches without the marks in them: one becomes two where a mark is inside."""
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(spans.offsets))
    starts, ends = spans.starts + offsets[rows], spans.ends + offsets[rows]
    marks = np.append(np.flatnonzero((text >= FIRST_MARK) & (text <= LAST_MARK)), -1)
    first, last = np.searchsorted(marks[:-1], starts), np.searchsorted(marks[:-1], ends)
    pieces = last - first + 1
    of = np.repeat(np.arange(len(starts)), pieces)
    number = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    left = np.where(number == 0, starts[of], marks[first[of] + number - 1] + 1)
    right = np.where(number == pieces[of] - 1, ends[of], marks[first[of] + number])
    some = left < right
    row = rows[of][some]
    counts = np.bincount(row, minlength=len(offsets) - 1)
    borders = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Cuts(borders, left[some] - offsets[row], right[some] - offsets[row])
