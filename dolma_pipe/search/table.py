"""The counts of a search as a table: a line a file, below each corpus, and a line for all."""

from collections.abc import Iterator, Sequence
from typing import Any

from dolma_pipe.engine.choice import cores
from dolma_pipe.inputs import Input
from dolma_pipe.search.shard import Counts

Counted = Sequence[tuple[Input, Counts]]
ENOUGH = 32 << 20
"""Stored bytes from which on another process, or kernels, are worth their start."""


def workers_for(shards: Sequence[Input]) -> int:
    """As many processes as this one may have cores, but none for small files."""
    return max(1, min(cores(), len(shards), _stored_bytes(shards) // ENOUGH))


def worth_sieving(shards: Sequence[Input]) -> bool:
    """Whether kernels save more than their start takes."""
    return _stored_bytes(shards) >= ENOUGH


def _stored_bytes(shards: Sequence[Input]) -> int:
    sizes = [shard.stored_bytes for shard in shards]
    return sum(ENOUGH if one is None else one for one in sizes)


def by_corpus(counted: Counted) -> dict[str, list[tuple[Input, Counts]]]:
    """In the order in which corpora first come."""
    corpora: dict[str, list[tuple[Input, Counts]]] = {}
    for shard, counts in counted:
        corpora.setdefault(shard.source, []).append((shard, counts))
    return corpora


def total(counted: Counted) -> Counts:
    """Of some files together."""
    counts = Counts()
    for _, one in counted:
        counts.add(one)
    return counts


def as_object(counted: Counted) -> dict[str, Any]:
    """What --count --json prints."""
    return {
        "corpora": {
            name: {
                **_figures(total(files)),
                "shards": {shard.uri: _figures(counts) for shard, counts in files},
            }
            for name, files in by_corpus(counted).items()
        },
        "total": _figures(total(counted)),
    }


def _figures(counts: Counts) -> dict[str, Any]:
    told: dict[str, Any] = {
        "matches": counts.matches,
        "documents": counts.documents,
        "lines": counts.lines,
    }
    return told | ({"bad": counts.bad} if counts.bad else {})


def count_table(counted: Counted) -> Iterator[str]:
    """Lines of text."""
    yield f"{'matches':>12} {'documents':>12} {'lines':>12}"
    corpora = by_corpus(counted)
    for name, files in corpora.items():
        yield _row(total(files), name)
        for shard, counts in files:
            yield _row(counts, f"  {shard.uri}")
    if len(corpora) > 1:
        yield _row(total(counted), "all")


def _row(counts: Counts, name: str) -> str:
    return f"{counts.matches:12,} {counts.documents:12,} {counts.lines:12,}  {name}"


def notes(counts: Counts, files: int) -> Iterator[str]:
    """What else is to be told, for standard error."""
    for reason, count in sorted(counts.bad.items()):
        yield f"{count:,} {'line' if count == 1 else 'lines'} passed over: {reason}"
    if not counts.documents:
        yield f"nothing found in {files:,} {'file' if files == 1 else 'files'}"
