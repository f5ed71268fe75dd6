"""What is counted of a shard besides keys: plain sums, which add up in any order."""

import msgspec

from dolma_pipe.statistics.lengths import Lengths


class Counts(msgspec.Struct):
    """Of a shard, a corpus, or all.

    empty: documents without a word; addressed: documents with a URL. tokens: None where they were
    not counted. quarantined: lines that are no documents, by reason. languages: label -> documents
    and bytes, "" for none. found: kind of personal data, or "toxic words" -> documents and spans.
    """

    shards: int = 0
    stored: int = 0
    documents: int = 0
    empty: int = 0
    bytes: int = 0
    characters: int = 0
    words: int = 0
    tokens: int | None = None
    quarantined: dict[str, int] = {}
    repaired: int = 0
    addressed: int = 0
    lengths: dict[str, Lengths] = {}
    languages: dict[str, tuple[int, int]] = {}
    found: dict[str, tuple[int, int]] = {}

    def merge(self, other: "Counts") -> None:
        """Add what the other has counted."""
        for name in ("shards", "stored", "documents", "empty", "bytes", "characters", "words"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.repaired += other.repaired
        self.addressed += other.addressed
        if other.tokens is not None:
            self.tokens = (self.tokens or 0) + other.tokens
        for reason, number in other.quarantined.items():
            self.quarantined[reason] = self.quarantined.get(reason, 0) + number
        for name, lengths in other.lengths.items():
            self.lengths.setdefault(name, Lengths()).merge(lengths)
        for mine, theirs in ((self.languages, other.languages), (self.found, other.found)):
            for label, (documents, amount) in theirs.items():
                had = mine.get(label, (0, 0))
                mine[label] = had[0] + documents, had[1] + amount
