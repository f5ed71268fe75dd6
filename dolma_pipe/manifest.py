"""What was done, from what, by which code: records beside each pass's output, and the fingerprints
that hold them."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from dolma_pipe.errors import InputError
from dolma_pipe.remote import is_address, stamp_of_remote, stamps_of_remote
from dolma_pipe.stream import READ, open_binary, told
from dolma_pipe.work import (
    AT_ONCE,
    Work,
    files_below,
    is_remote,
    json_file,
    read_all,
    read_bytes,
    remove_all,
    size_of,
    sizes_below,
    write_json,
    write_new,
)

FEW = 32
"""Outputs of a task on an object store: of more, folders are listed, not each asked for."""

SAVED_EVERY = 10.0
"""Seconds of work of which a killed run may forget which inputs it has read."""
CHANGED = "changed"
"""In place of a content hash: none is like it."""
NOT_IN_FINGERPRINTS = (
    "ablation",
    "browse",
    "cli",
    "learn",
    "mixture",
    "report",
    "sample",
    "search",
    "statistics",
    "train",
)
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
            if size_of(work.root / place) != size:
                return None
        except OSError:
            return None
    return record


def read_record(work: Work, stage: str, key: str) -> Record | None:
    """The record of a task, whatever its fingerprint; None where none can be read."""
    try:
        return _decoded(read_bytes(work.record(stage, key)))
    except OSError:
        return None


def _decoded(content: bytes | None) -> Record | None:
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Record)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def write_record(
    work: Work, stage: str, key: str, expected: str, outputs: Iterable[Path], counts: dict[str, Any]
) -> Record:
    """Commit a task: from now on it is done. Its record was withdrawn before its outputs were
    written. Raises WorkError where somebody else has written another meanwhile."""
    record = Record(expected, _sizes(work, list(outputs)), counts)
    write_new(work.record(stage, key), json_file(record))
    return record


def _sizes(work: Work, outputs: list[Path]) -> dict[str, int]:
    places = [path.relative_to(work.root) for path in outputs]
    if not is_remote(work.root) or len(outputs) <= FEW:
        return {place.as_posix(): size_of(work.root / place) for place in places}
    sizes: dict[str, int] = {}
    for top in dict.fromkeys(place.parts[0] for place in places):
        inside = [place for place in places if place.parts[0] == top]
        found = sizes_below(work.root / top, [work.root / place for place in inside])
        sizes |= {place.as_posix(): size for place, size in zip(inside, found, strict=True)}
    return sizes


Write = Callable[[str, str, str, Iterable[Path], dict[str, Any]], object]
"""write_record without the work directory."""


class Records:
    """The records of a work directory for who runs in it, alone: on an object store they are listed
    and fetched once, many at a time, and written in the background. For Work directories here, each
    is read when it is asked for.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._remote = is_remote(work.root)
        self._read: dict[str, dict[Path, bytes]] = {}
        self._sizes: dict[tuple[str, str], dict[Path, int]] = {}
        self._written: dict[Path, bytes] = {}

    def read(self, stage: str, key: str) -> Record | None:
        """As read_record."""
        if not self._remote:
            return read_record(self._work, stage, key)
        path = self._work.record(stage, key)
        return _decoded(self._written.get(path) or self._all(stage).get(path))

    def done(self, stage: str, key: str, expected: str) -> Record | None:
        """As done."""
        if not self._remote:
            return done(self._work, stage, key, expected)
        record = self.read(stage, key)
        if record is None or record.fingerprint != expected:
            return None
        stands = self._work.record(stage, key) in self._written or self._in_full(stage, record)
        return record if stands else None

    def withdraw(self, stage: str, keys: Iterable[str]) -> None:
        """Before outputs are written anew: a kill between them and their records must not leave old
        records valid, since sizes may be equal.
        """
        paths = [self._work.record(stage, key) for key in keys]
        remove_all(paths)
        for path in paths:
            self._read.get(stage, {}).pop(path, None)
            self._written.pop(path, None)

    @contextmanager
    def writing(self) -> Iterator[Write]:
        """What commits tasks; all of them are committed when the block ends well."""
        if not self._remote:
            yield partial(write_record, self._work)
            return
        waiting: list[Future[None]] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:

            def later(*record: Any) -> None:
                while waiting and waiting[0].done():
                    waiting.pop(0).result()  # what a store refuses once it will refuse again
                waiting.append(pool.submit(self._write, *record))

            yield later
            for future in waiting:
                future.result()

    def _write(
        self, stage: str, key: str, expected: str, outputs: Iterable[Path], counts: dict[str, Any]
    ) -> None:
        record = write_record(self._work, stage, key, expected, outputs, counts)
        self._written[self._work.record(stage, key)] = json_file(record)

    def _all(self, stage: str) -> dict[Path, bytes]:
        if stage not in self._read:
            self._read[stage] = read_all(files_below(self._work.root / "records" / stage))
        return self._read[stage]

    def _in_full(self, stage: str, record: Record) -> bool:
        """Whether its outputs stand there; folders are listed once a stage, so that a stage sees
        what those before it have written."""
        for place, size in record.outputs.items():
            top = place.split("/")[0]
            if (stage, top) not in self._sizes:
                self._sizes[stage, top] = files_below(self._work.root / top)
            if self._sizes[stage, top].get(self._work.root / place) != size:
                return False
        return True


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
    """Content hashes of inputs, remembered by what the file system or the store says of them.

    A file that was written to has another ctime, which no copying tool can set back; such a file
    is read again. This memory only saves time: it stands outside of the promise of same bytes.
    """

    def __init__(self, work: Work) -> None:
        self._path = work.root / "input-hashes.json"
        try:
            self._known = msgspec.json.decode(read_bytes(self._path), type=dict[str, list[str]])
        except (OSError, msgspec.DecodeError):
            self._known = {}
        self._unchecked: dict[str, list[str]] = {}
        self._saved = time.monotonic()

    def get(self, uri: str, stamp: str | None) -> str | None:
        """The content hash of an input as it is now, which `stamp` tells. A remote one is not read
        for that: None where nothing is remembered of it, CHANGED where that is of another stamp."""
        known = self._known.get(uri)
        if known is not None and stamp is not None and known[0] == stamp:
            return str(known[1])
        if is_address(uri):
            return None if known is None or stamp is None else CHANGED
        found = content_hash(uri)
        self.put(uri, stamp, found)
        return found

    def put(self, uri: str, stamp: str | None, content: str) -> None:
        """Remember a hash, unless the file has changed since `stamp` was taken."""
        if stamp is not None and is_address(uri):
            self._unchecked[uri] = [stamp, content]
        elif stamp is not None and stamp_of(uri) == stamp:
            self._known[uri] = [stamp, content]
        if time.monotonic() - self._saved > SAVED_EVERY:
            self.save()

    def save(self) -> None:
        now = stamps_of_remote(self._unchecked)
        self._known |= {uri: it for uri, it in self._unchecked.items() if now[uri] == it[0]}
        self._unchecked = {}
        write_json(self._path, self._known)
        self._saved = time.monotonic()


def stamp_of(uri: str) -> str | None:
    """What changes whenever a file is written, of a remote one its ETag and size; None for what is
    not there, and where a server says nothing of the kind."""
    if is_address(uri):
        return stamp_of_remote(uri)
    try:
        stat = Path(uri).stat()
    except OSError:
        return None
    return f"{stat.st_dev}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"


def stamps_of(uris: Iterable[str]) -> dict[str, str | None]:
    """Those of many inputs; servers are asked for some at once."""
    asked = list(uris)
    remote = stamps_of_remote(uri for uri in asked if is_address(uri))
    return {uri: remote[uri] if uri in remote else stamp_of(uri) for uri in asked}
