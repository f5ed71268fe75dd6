"""Long documents of a shard with tasks below them, as a shard of a source of their own."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.document import parse, with_fields
from dolma_pipe.kernels.words import split_words
from dolma_pipe.longtasks.background import background_of
from dolma_pipe.longtasks.draw import Draw
from dolma_pipe.longtasks.make import FAILED_CHECK, REFUSED, with_tasks
from dolma_pipe.longtasks.task import Kind
from dolma_pipe.longtasks.wording import Wording
from dolma_pipe.shard import write_shard
from dolma_pipe.shelf import Found, blamed, load
from dolma_pipe.stages.export import survivors_of

FIELD = "longtasks"
"""Of metadata: what was asked and how it can be counted again."""

LONGEST_BYTES = 4 << 20
"""Of a document, some million tokens: no context is longer, and memory stays under 1 GB."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asks for. min_words, max_words: of a document (max_words 0: no bound)."""

    kinds: tuple[Kind, ...]
    wording: Found
    min_words: int
    max_words: int
    tasks: int
    seed: int


class Synthesized(msgspec.Struct):
    """Documents in = with_task + too_short + too_long + the sum of without.

    without: documents by the reason why they have no task. tasks: by kind and form. lost: single
    tasks that were dropped, by reason. words_in: of documents with a task, words_out: with it.
    """

    documents: int = 0
    with_task: int = 0
    too_short: int = 0
    too_long: int = 0
    without: dict[str, int] = {}
    tasks: dict[str, int] = {}
    lost: dict[str, int] = {}
    words_in: int = 0
    words_out: int = 0
    bytes_out: int = 0


def synthesize_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task function. args: as for export_shard, source, and settings."""
    settings = msgspec.convert(args["settings"], Settings)
    counts = Synthesized()
    with write_shard(Path(args["out"])) as writer:
        writer.lines(_lines(args, settings, counts))
    counts.bytes_out = writer.bytes
    told: dict[str, Any] = msgspec.to_builtins(counts)
    return told


def _lines(args: dict[str, Any], settings: Settings, counts: Synthesized) -> Iterator[bytes]:
    background = background_of(parse(line)[0].text for line in survivors_of(args))
    wording = load(settings.wording, Wording)()
    reasons, tasks, lost = Counter[str](), Counter[str](), Counter[str]()
    for line in survivors_of(args):
        counts.documents += 1
        document = parse(line)[0]
        name = str(document.id)
        words = _words(document.text, settings.min_words)
        if words < settings.min_words:
            counts.too_short += 1
            continue
        too_many = settings.max_words and words > settings.max_words
        if too_many or len(document.text.encode()) > LONGEST_BYTES:
            counts.too_long += 1
            continue
        draw = Draw(settings.seed, args["source"], name)
        with blamed(f"{settings.wording.name} on document {name}"):
            made = with_tasks(
                document.text, settings.kinds, settings.tasks, draw, wording, background
            )
        lost.update({reason: made.lost[reason] for reason in (FAILED_CHECK, REFUSED)})
        if not made.tasks:
            reasons[made.reason()] += 1
            continue
        tasks.update(f"{task['kind']} {task['form']}" for task in made.tasks)
        counts.with_task += 1
        counts.words_in += words
        counts.words_out += _words(made.text)
        told = {
            "wording": settings.wording.name,
            "document": name,
            "bytes": len(document.text.encode()),
            "tasks": made.tasks,
        }
        yield _line(line, name, made.text, told)
    counts.without, counts.tasks, counts.lost = dict(reasons), dict(tasks), dict(+lost)


def _words(text: str, fewest: int = 0) -> int:
    """Words as the documents' length is told everywhere; 0 where there cannot be so many."""
    if len(text) < fewest:
        return 0
    content = np.frombuffer(text.encode(), np.uint8)
    return len(split_words(content, np.array([0, len(content)], np.int64)).starts)


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw(b"null")


def _line(line: bytes, name: str, text: str, told: dict[str, Any]) -> bytes:
    kinds = "+".join(sorted({task["kind"] for task in told["tasks"]}))
    raw = msgspec.json.decode(line, type=_Metadata).metadata
    metadata: dict[str, Any] = {}
    if bytes(raw).lstrip()[:1] == b"{":
        metadata = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    elif bytes(raw).strip() != b"null":
        metadata = {"metadata": raw}
    return with_fields(line, id=f"{name}:{kinds}", text=text, metadata={**metadata, FIELD: told})
