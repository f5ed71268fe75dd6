"""What each dedup entry adds to a run, alone, on the documents that curation leaves."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.dedup import NOTHING, deduplicated, plain
from benchmarks.process import CommandFailed, Cost

ENTRIES: dict[str, dict[str, Any]] = {
    "exact": {"exact": {}},
    "lines": {"lines": {}},
    "substring": {"substring": {}},
    "minhash": {"minhash": {}},
    "simhash": {"simhash": {}},
    "ast": {"ast": {}},
    "semantic, static": {"semantic": {"model": "static", "threshold": 0.97}},
    "decontaminate": {"decontaminate": {"evaluations": {}}},
}
ONLY = {"ast": "code"}
"""The one source on which an entry is measured."""

WANTED = {"ast": "5 MB/s", "semantic, static": "1,000 documents/s"}
ITEMS = 2000
"""Evaluation items that are drawn from the corpus, a paragraph each."""


@dataclass
class Alone:
    """What an entry added, and what it found."""

    name: str
    cost: Cost = NOTHING
    documents: int = 0
    bytes: int = 0
    removed: int = 0
    cut_bytes: int = 0
    refused: str = ""


def entries_alone(corpus: Corpus, empty: Corpus, scratch: Path) -> list[Alone]:
    """Each entry once, after a run that is not counted."""
    documents, nothing = plain(corpus, scratch / "plain"), plain(empty, scratch / "plain-tiny")
    items = _items(corpus, scratch / "items.jsonl")
    found = []
    for name, entry in ENTRIES.items():
        if "decontaminate" in entry:
            entry = {"decontaminate": {"evaluations": {"drawn": str(items)}}}
        source = ONLY.get(name)
        chosen = _only(corpus, source) if source else documents  # the language is in the metadata
        if source and source not in chosen.sources:
            found.append(Alone(name, refused=f"no source is called {source}"))
            continue
        try:
            found.append(_alone(name, entry, chosen, nothing, scratch / "entries"))
        except CommandFailed as failure:
            found.append(Alone(name, refused=str(failure)))
    return found


def _alone(
    name: str, entry: dict[str, Any], documents: Corpus, nothing: Corpus, work: Path
) -> Alone:
    deduplicated(nothing, [entry], work)
    start_up = deduplicated(nothing, [entry], work).less(deduplicated(nothing, [], work))
    without = deduplicated(documents, [], work)
    cost = deduplicated(documents, [entry], work)
    told = json.loads((work / "dolma-pipe" / "dedup" / "report.json").read_bytes())["entries"][0]
    return Alone(
        name,
        Cost(*cost.less(without).less(start_up)[:2], cost.peak),
        told["documents"],
        told["bytes"],
        told["removed_documents"],
        told["cut_bytes"],
    )


def _only(corpus: Corpus, source: str) -> Corpus:
    chosen = Corpus(corpus.folder)
    chosen.__dict__["sources"] = {n: paths for n, paths in corpus.sources.items() if n == source}
    return chosen


def _items(corpus: Corpus, path: Path) -> Path:
    """Paragraphs of some length, evenly drawn."""
    paragraphs = [
        piece
        for text in corpus.spread(corpus.bytes / 1e6 / 8)
        for piece in text.split("\n\n")
        if 200 <= len(piece) <= 1000
    ]
    chosen = paragraphs[:: max(1, len(paragraphs) // ITEMS)]
    path.write_text("".join(json.dumps({"question": p}) + "\n" for p in chosen), encoding="utf-8")
    return path
