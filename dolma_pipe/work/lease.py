"""The lock of a work directory on an object store: a small object that its owner writes anew every
few seconds. Who finds one watches whether that happens. No wall clock is compared with another.

Every write names the version that it replaces (If-Match), or that there is none (If-None-Match): of
two who take it at once, one is refused, and an owner who was taken for dead learns it.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from dolma_pipe.errors import StoreError
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.work.files import address
from dolma_pipe.work.lock import LOCK

SECONDS_BETWEEN_BEATS = 10.0
SECONDS_WATCHED = 30.0
"""Without a beat: then the owner is dead."""
SECONDS_BETWEEN_LOOKS = 1.0


class _Owner(msgspec.Struct):
    """What the object holds. token: "" where the last run has ended; host, pid, started: for
    people; beats: so that each writing changes the etag."""

    token: str = ""
    host: str = ""
    pid: int = 0
    started: str = ""
    beats: int = 0

    def told(self) -> str:
        return f"host {self.host}, pid {self.pid}, since {self.started}"


class Lease:
    """Held by one run at a time. Methods raise StoreError where the store refuses or is away."""

    lost_by = "another run took this one for dead, or somebody removed it"

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self.period = SECONDS_BETWEEN_BEATS
        self._say = say
        self._bucket = Bucket(address(root))
        self._etag = ""
        self._one_beat = threading.Lock()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._me = _Owner(secrets.token_hex(16), socket.gethostname(), os.getpid(), started)

    def is_foreign(self) -> bool:
        """Whether there are objects, but none of ours."""
        return self._bucket.head(LOCK) is None and not self._bucket.is_empty()

    def take(self) -> str | None:
        """None when it is ours; who has it, where that one lives. Takes SECONDS_WATCHED where it
        does not, or the run that had it was killed."""
        seen, until = None, 0.0
        while True:
            there = self._bucket.read_with_etag(LOCK)
            owner, etag = (_decoded(there[0]), there[1]) if there else (_Owner(), None)
            if owner.token == self._me.token:  # the answer to our own write was lost
                self._etag = etag or ""
                return None
            if seen and seen != etag:
                return owner.told()
            if not owner.token or (seen and time.monotonic() > until):
                if self._write(self._me, etag):
                    return None
                continue
            if not seen:
                seen, until = etag, time.monotonic() + SECONDS_WATCHED
                self._say(
                    f"{self._bucket.place} was used by {owner.told()}: watching for"
                    f" {SECONDS_WATCHED:.0f} s whether that run lives"
                )
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def is_ours(self) -> bool:
        """A beat; False when somebody else has taken it. A store that is away has lost nothing."""
        with self._one_beat:
            self._me.beats += 1
            try:
                if self._write(self._me, self._etag):
                    return True
                there = self._bucket.read_with_etag(LOCK)
            except StoreError:
                return True
            if there is None or _decoded(there[0]).token != self._me.token:
                return False
            self._etag = there[1]  # the answer to an earlier beat was lost
            return True

    def release(self) -> None:
        """It stays as the mark of a work directory of ours, and nobody's."""
        if not self._write(_Owner(), self._etag):
            self._write(_Owner(), None)  # where somebody removed it

    def _write(self, owner: _Owner, etag: str | None) -> bool:
        """Whether it was still as `etag` has it."""
        content = msgspec.json.encode(owner)
        bucket = self._bucket
        new = bucket.replace(LOCK, content, etag) if etag else bucket.create(LOCK, content)
        self._etag = new or self._etag
        return new is not None


def _decoded(content: bytes) -> _Owner:
    """Of an object that is no lock of ours: nobody."""
    try:
        return msgspec.json.decode(content, type=_Owner)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Owner()
