"""The work directory: where each pass puts what. A file appears there whole, or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from dolma_pipe.errors import WorkError

TEMPORARY = ".dolma-pipe-tmp"


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name, flushed to disk, when the block ends well.

    durable: False for what no later run reads, which need not outlive a power cut.

    Raises WorkError where the file cannot be written: a full disk, a read-only folder. An OSError
    about another file is not ours to explain.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(path.parent)):
            raise WorkError(f"cannot write {path}: {error.strerror or error}") from error
        raise
    finally:
        with suppress(OSError):  # the first error is the one to tell
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which appears under its name when the block ends well.

    What a killed run left is removed first. Raises WorkError where there is something at path
    already, or it cannot be written.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise WorkError(f"{path} is there already")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(path.parent)):
            raise WorkError(f"cannot write {path}: {error.strerror or error}") from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Clear away what killed writers left; only for who holds the folder alone."""
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write value as readable JSON with sorted keys, atomically."""
    with atomic_write(path) as file:
        file.write(json_file(value))


def json_file(value: Any) -> bytes:
    """What a file of readable JSON holds."""
    return readable_json(value).encode() + b"\n"


def readable_json(value: Any) -> str:
    """JSON with sorted keys, a line each."""
    encoded = msgspec.json.encode(value, order="sorted")
    return msgspec.json.format(encoded, indent=1).decode()


def lies_below(name: str) -> bool:
    """Whether a file that others name lies in the folder that it is named in, or below."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and not {"..", "\0"} & {*path.parts, *name}


def read_json(path: Path) -> Any:
    """The value of a JSON file; WorkError where it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise WorkError(f"cannot read {path}: {error}") from error


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
