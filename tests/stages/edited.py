"""What deduplication leaves of texts."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dolma_pipe.cuts import read_cuts
from dolma_pipe.work import Work
from tests.stages.curated import Document


def left(root: Path, corpus: Mapping[str, list[list[Document]]]) -> dict[str, str | None]:
    """The text of each document after all entries, None of one that was removed."""
    work = Work(root)
    found: dict[str, str | None] = {}
    for source, shards in corpus.items():
        for i, documents in enumerate(shards):
            key = f"{source}/{i:03d}"
            removed = np.fromfile(work.removed(key), np.uint8)
            cuts = read_cuts(work.cuts(key), len(documents))
            for row, document in enumerate(documents):
                text = np.frombuffer(document.text.encode(), np.uint8)
                rest, _ = cuts.of(np.array([row])).apply(text, np.array([0, len(text)]))
                found[document.id] = None if removed[row] else rest.tobytes().decode()
    return found
