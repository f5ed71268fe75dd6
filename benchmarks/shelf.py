"""Every tagger of the shelf alone, on one core: MB of text a CPU second.

python -m benchmarks.shelf RESULT.json ROUNDS FOLDER
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.settings import NotReady, built, variants
from dolma_pipe.batch import Batch
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.tagger import Tagger


def batches(corpus: Corpus) -> dict[str, list[Batch]]:
    """By source, as the reader hands them over, with their metadata."""
    return {
        source: [
            batch
            for path in paths
            for batch in ShardReader(path, source=source, quarantine=_pass_over)
        ]
        for source, paths in corpus.sources.items()
    }


def seconds(tagger: Tagger, loaded: list[Batch]) -> float:
    """CPU seconds for these batches, words and lines split anew."""
    fresh = [Batch(batch.documents, batch.shard) for batch in loaded]
    started = time.process_time()
    for batch in fresh:
        tagger.tag(batch)
    return time.process_time() - started


def measured(label: str, loaded: dict[str, list[Batch]], rounds: int, folder: Path) -> Any:
    """{"refused": why} or {"MB/s": of all, "sources": MB/s by source}; medians of the rounds."""
    try:
        tagger = built(label, folder)
        few = [batch.documents.slice(0, 8) for batch in next(iter(loaded.values()))[:1]]
        seconds(tagger, [Batch(documents) for documents in few])
    except NotReady as missing:
        return {"refused": str(missing)}
    sizes = {
        source: sum(int(b.offsets[-1] - b.offsets[0]) for b in found) / 1e6
        for source, found in loaded.items()
    }
    took: dict[str, list[float]] = {source: [] for source in loaded}
    for _ in range(rounds):
        for source, found in loaded.items():
            took[source].append(seconds(tagger, found))
    middle = {source: median(found) for source, found in took.items()}
    return {
        "MB/s": sum(sizes.values()) / sum(middle.values()),
        "sources": {source: sizes[source] / middle[source] for source in middle},
    }


def _pass_over(_: Quarantined) -> None:
    """A bad line has no text to tag."""


def main(result: str, rounds: str, folder: str) -> None:
    loaded = batches(Corpus(Path(folder)))
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-shelf-") as scratch:
        told = {
            label: measured(label, loaded, int(rounds), Path(scratch) / str(place))
            for place, label in enumerate(variants())
        }
    Path(result).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
