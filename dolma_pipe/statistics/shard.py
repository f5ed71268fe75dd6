"""The task of one shard: read once, everything counted; tables go to a file, sums are returned."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.jit import U64
from dolma_pipe.shard import Quarantined
from dolma_pipe.statistics import keys
from dolma_pipe.statistics.contamination import Contamination
from dolma_pipe.statistics.counts import Counts
from dolma_pipe.statistics.frequencies import Frequencies
from dolma_pipe.statistics.keys import Keys
from dolma_pipe.statistics.lengths import Lengths
from dolma_pipe.statistics.opened import CorpusShard
from dolma_pipe.statistics.partial import write_partial
from dolma_pipe.statistics.scores import Scores
from dolma_pipe.statistics.settings import (
    DOCUMENTS,
    DOMAIN_BYTES,
    DOMAINS,
    OVERLAP,
    URLS,
    Settings,
    gram_table,
    table_sizes,
)
from dolma_pipe.tokenizer import EncoderFailed, load_tokenizer

ONE = np.ones(1, np.uint64)


class ShardTask(msgspec.Struct, frozen=True):
    """number: of the shard among all. out: the file for its tables. evaluations: the plan of the
    index of evaluation sets, where there are any."""

    number: int
    shard: CorpusShard
    settings: Settings
    out: str
    evaluations: str | None = None


def count_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Task function. Returns the sums, and the peak of the tables in bytes."""
    task = msgspec.convert(args, ShardTask)
    counter = _Counter(task)
    reader = task.shard.opened(counter.bad)
    for batch in reader:
        counter.add(batch)
    counter.counts.repaired = reader.repaired
    held = sum(table.peak_bytes for table in counter.tables.values())
    matches = counter.contamination.found() if counter.contamination else {}
    summaries = ((name, *table.taken()) for name, table in counter.tables.items())
    write_partial(Path(task.out), summaries, matches)
    return {"counts": msgspec.to_builtins(counter.counts), "table_bytes": held}


class _Counter:
    """One shard on its way."""

    def __init__(self, task: ShardTask) -> None:
        self._task, self._settings = task, task.settings
        self._scores = Scores(task.settings)
        self.counts = Counts(shards=1)
        self.tables = {name: Frequencies(size) for name, size in table_sizes(task.settings).items()}
        self.contamination = Contamination(task.evaluations) if task.evaluations else None

    def bad(self, line: Quarantined) -> None:
        """One more line that is no document."""
        reasons = self.counts.quarantined
        reasons[line.reason] = reasons.get(line.reason, 0) + 1

    def add(self, batch: Batch) -> None:
        """Everything that is counted of a batch."""
        self._sizes(batch)
        places = keys.places(self._task.number, batch)
        if "ngrams" in self._settings.parts:
            for size in self._settings.ngrams:
                self._count(gram_table(size), keys.ngrams(batch, size), places)
        if OVERLAP in self.tables:
            self._count(OVERLAP, keys.ngrams(batch, self._settings.overlap_ngram), places)
        if DOCUMENTS in self.tables:
            self._count(DOCUMENTS, keys.texts(batch), places)
        if URLS in self.tables:
            self._addresses(batch, places)
        self._scores.add(batch, self.counts)
        if self.contamination:
            self.contamination.add(batch)

    def _sizes(self, batch: Batch) -> None:
        sizes, words = np.diff(batch.offsets), np.diff(batch.words.offsets)
        text = batch.text[batch.offsets[0] : batch.offsets[-1]]
        counts = Counts(
            documents=len(batch),
            empty=int(np.count_nonzero(words == 0)),
            bytes=int(sizes.sum()),
            characters=int(np.count_nonzero((text & 0xC0) != 0x80)),
            words=int(words.sum()),
        )
        lengths = {"bytes": sizes, "words": words}
        if "tokens" in self._settings.parts:
            lengths["tokens"] = self._tokens(batch)
            counts.tokens = int(lengths["tokens"].sum())
        for name, values in lengths.items():
            counts.lengths[name] = Lengths()
            counts.lengths[name].add(values)
        self.counts.merge(counts)

    def _tokens(self, batch: Batch) -> Any:
        tokenizer = load_tokenizer(self._settings.tokenizer)
        try:
            ids = tokenizer.encode(batch.text, batch.offsets)
        except EncoderFailed:
            ids = tokenizer.encode_reference(batch.text, batch.offsets)
        return np.diff(ids.offsets)

    def _addresses(self, batch: Batch, places: U64) -> None:
        found = keys.urls(batch)
        domains = keys.domains(found)
        self.counts.addressed += len(found) - found.count(None)
        self._count(URLS, keys.normalised(found), places)
        self._count(DOMAINS, domains, places)
        sizes = np.diff(batch.offsets)[domains.rows].astype(np.uint64)
        some = sizes > 0  # an empty document is no occurrence, not one of no bytes
        self.tables[DOMAIN_BYTES].add(domains.keys[some], sizes[some], places[domains.rows[some]])

    def _count(self, table: str, found: Keys, places: U64) -> None:
        self.tables[table].add(found.keys, ONE, places[found.rows])
