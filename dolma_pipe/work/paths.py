"""Where each pass puts what in a work directory."""

from pathlib import Path, PurePosixPath


class Work:
    """Paths of one work directory. Shards are named by their key, <source>/<name>."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def curated(self, key: str) -> Path:
        """Survivors of stages 1 to 3, dolma JSONL."""
        return self.root / "curated" / f"{key}.jsonl.zst"

    def columns(self, key: str) -> Path:
        """A row a survivor: id, line, length in bytes, created, and every column of numbers or
        labels."""
        return self.root / "curated" / f"{key}.columns.parquet"

    def attributes(self, key: str) -> Path:
        """A row an input document: every column and the rule that dropped it."""
        return self.root / "attributes" / f"{key}.parquet"

    def quarantine(self, key: str) -> Path:
        """A JSON line for each line of the input that is not a document, with the reason."""
        return self.root / "quarantine" / f"{key}.jsonl"

    def signatures(self, key: str) -> Path:
        """Prefix of the files with which deduplication starts."""
        return self.root / "dedup" / "signatures" / key

    def removed(self, key: str) -> Path:
        """uint8 a survivor of curation: 0 kept, k removed by the k-th dedup entry."""
        return self.root / "dedup" / "removed" / f"{key}.u8"

    def indexed(self, key: str) -> Path:
        """The same of a shard that took part by an index, as after a run over all documents."""
        return self.root / "dedup" / "indexed" / f"{key}.u8"

    def cuts(self, key: str) -> Path:
        """Stretches that dedup entries took out of survivors, see cuts.py; absent where none do."""
        return self.root / "dedup" / "cuts" / f"{key}.i64"

    def annotations(self, key: str) -> Path:
        """What dedup entries that only annotate say of survivors of curation."""
        return self.root / "dedup" / "annotations" / f"{key}.parquet"

    def encoded(self, key: str) -> Path:
        """Prefix of the encoded files of a shard."""
        return self.root / "encoded" / key

    def record(self, stage: str, key: str) -> Path:
        """The record of a finished task of a pass."""
        return self.root / "records" / stage / f"{key}.json"

    @property
    def dedup(self) -> Path:
        return self.root / "dedup"

    @property
    def dedup_times(self) -> Path:
        """What the run that made dedup/ took; not under the promise of same bytes."""
        return self.dedup / "timings.json"

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    @property
    def spool(self) -> Path:
        """Token arrays on their way to somewhere else, a file a worker."""
        return self.root / "spool"

    def published(self, key: str) -> Path:
        """The receipt of what was put there."""
        return self.root / "published" / f"{key}.json"

    @property
    def held_out(self) -> Path:
        """Token arrays of the documents that are kept from tokens/."""
        return self.root / "held_out"


def lies_below(name: str) -> bool:
    """Whether a file that others name lies in the folder that it is named in, or below."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and not {"..", "\0"} & {*path.parts, *name}
