"""What was done, from what, by which code: records beside each pass's output, and the fingerprints
that hold them."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from dolma_pipe.errors import InputError
from dolma_pipe.stream import READ, open_binary, told
from dolma_pipe.work import Work, write_json

NOT_IN_FINGERPRINTS = ("ablation", "cli", "learn", "mixture", "report", "sample", "train")
"""Parts of the package that no output depends on."""


class Record(msgspec.Struct):
    """The end of one task: it is done while the fingerprint is the same and its outputs stand
    there in full.

    outputs: file (relative to the work directory) -> size in bytes.
    """

    fingerprint: str
    outputs: dict[str, int]
    counts: dict[str, Any]


def fingerprint(*parts: Any) -> str:
    """A hash of anything that JSON can hold: 32 hexadecimal digits."""
    encoded = msgspec.json.encode(parts, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:32]


@cache
def code_fingerprint() -> str:
    """A hash of the package's source; taggers and mixers count only where a recipe uses them."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).as_posix()
        if place.split("/")[0] not in (*NOT_IN_FINGERPRINTS, "taggers", "mixers", "configs"):
            digest.update(place.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def done(work: Work, stage: str, key: str, expected: str) -> Record | None:
    """The record of a task that need not run again, or None."""
    record = read_record(work, stage, key)
    if record is None or record.fingerprint != expected:
        return None
    for place, size in record.outputs.items():
        try:
            if (work.root / place).stat().st_size != size:
                return None
        except OSError:
            return None
    return record


def read_record(work: Work, stage: str, key: str) -> Record | None:
    """The record of a task, whatever its fingerprint; None where none can be read."""
    try:
        return msgspec.json.decode(work.record(stage, key).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def withdraw_record(work: Work, stage: str, key: str) -> None:
    """Before outputs are written anew: a kill between them and their record must not leave the old
    record valid, since sizes may be equal.
    """
    work.record(stage, key).unlink(missing_ok=True)


def write_record(
    work: Work, stage: str, key: str, expected: str, outputs: Iterable[Path], counts: dict[str, Any]
) -> Record:
    """Commit a task: from now on it is done."""
    sizes = {path.relative_to(work.root).as_posix(): path.stat().st_size for path in outputs}
    record = Record(expected, sizes, counts)
    write_json(work.record(stage, key), record)
    return record


def content_hash(uri: str) -> str:
    """xxh3-128 of the stored bytes. Raises InputError."""
    digest = xxhash.xxh3_128()
    try:
        with open_binary(uri) as file:
            while piece := file.read(READ):
                digest.update(piece)
    except OSError as error:
        raise InputError(f"cannot read {uri}: {told(error)}") from error
    return digest.hexdigest()


class InputHashes:
    """Content hashes of inputs, remembered by what the file system says of them.

    A file that was written to has another ctime, which no copying tool can set back; such a file
    is read again. This memory only saves time: it stands outside of the promise of same bytes.
    """

    def __init__(self, work: Work) -> None:
        self._path = work.root / "input-hashes.json"
        try:
            self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, list[str]])
        except (OSError, msgspec.DecodeError):
            self._known = {}

    def get(self, uri: str) -> str:
        """The content hash of an input as it is now."""
        stamp = stamp_of(uri)
        known = self._known.get(uri)
        if known is not None and stamp is not None and known[0] == stamp:
            return str(known[1])
        found = content_hash(uri)
        self.put(uri, stamp, found)
        return found

    def put(self, uri: str, stamp: str | None, content: str) -> None:
        """Remember a hash, unless the file has changed since `stamp` was taken."""
        if stamp is not None and stamp_of(uri) == stamp:
            self._known[uri] = [stamp, content]

    def save(self) -> None:
        write_json(self._path, self._known)


def stamp_of(uri: str) -> str | None:
    """What changes whenever a local file is written; None for what is not local or not there."""
    if "://" in uri:
        return None
    try:
        stat = Path(uri).stat()
    except OSError:
        return None
    return f"{stat.st_dev}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"
