"""Token arrays go where the recipe says: a file at a time from the spool, told of in a receipt.

A receipt stands in the work directory only when its files stand whole in the store, so that a run
that was killed goes on behind the last one.
"""

import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.errors import StoreError
from dolma_pipe.store import Stamp, Store, open_store
from dolma_pipe.tokens import ENDINGS, LOSS
from dolma_pipe.work import Work, is_remote, json_file, read_all, scratch, write_json

FOLDERS = ("tokens", "held_out")
OWNER = "dolma-pipe-output.json"
"""Beside tokens/: whose output this is."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Files that were put into a store, and how it knows them; entry: of the part in the manifest.

    fingerprint: of the mix that they were made for.
    """

    fingerprint: str
    files: dict[str, Stamp]
    entry: dict[str, Any] = {}


def claim(place: str, recipe: str) -> None:
    """Make a place the output of a recipe, and clear away what killed writers left there.

    Raises StoreError where somebody else's files are, which a run would remove.
    """
    store = open_store(place)
    content = store.read(OWNER)
    if content is None:
        for folder in FOLDERS:
            if store.list(folder):
                raise StoreError(
                    f"{place}/{folder} has files that no run has put there: "
                    "choose another tokenize.output"
                )
        store.put(io.BytesIO(json_file({"recipe": recipe})), OWNER)
    elif content != json_file({"recipe": recipe}):
        raise StoreError(
            f"{place} is the output of another recipe: choose another tokenize.output, "
            f"or remove {OWNER} there"
        )
    for folder in FOLDERS:
        store.remove_unfinished(folder)


def publish_part(
    work: Work, folder: Path, place: str, key: str, fingerprint: str, entry: dict[str, Any]
) -> None:
    """Put a part of token arrays from a folder into the store, and write its receipt."""
    store = open_store(place)
    stamps = {}
    for ending in (*ENDINGS, LOSS) if "loss_sha256" in entry else ENDINGS:
        with (folder / f"{key}{ending}").open("rb") as file:
            stamps[f"{key}{ending}"] = store.put(file, f"{key}{ending}")
    receipt = Receipt(fingerprint=fingerprint, files=stamps, entry=entry)
    write_json(work.published(key), receipt)


@contextmanager
def spooled(work: Work, key: str) -> Iterator[Path]:
    """A folder on this machine for the files of a part, which go with the block."""
    if is_remote(work.root):
        yield scratch()
        return
    try:
        yield work.spool
    finally:
        for ending in (*ENDINGS, LOSS):
            (work.spool / f"{key}{ending}").unlink(missing_ok=True)


def clear_parts(work: Work) -> None:
    """Remove what killed workers left of parts."""
    if not is_remote(work.root):
        shutil.rmtree(work.spool, ignore_errors=True)


def published(
    work: Work, store: Store, keys: Iterable[str], fingerprint: str
) -> dict[str, dict[str, Any]]:
    """Which of these stand in the store as they were put there for this mix: key -> entry."""
    there = {name: stamp for folder in FOLDERS for name, stamp in store.list(folder).items()}
    paths = {key: work.published(key) for key in keys}
    contents = read_all(paths.values())
    found = {}
    for key, path in paths.items():
        receipt = _receipt(contents.get(path))
        if receipt is None or receipt.fingerprint != fingerprint:
            continue
        if all(there.get(name) == stamp for name, stamp in receipt.files.items()):
            found[key] = receipt.entry
    return found


def receipts(outputs: Iterable[str]) -> list[str]:
    """Keys of the receipts among the files of a record."""
    head, tail = "published/", ".json"
    return [name[len(head) : -len(tail)] for name in outputs if name.startswith(head)]


def _receipt(content: bytes | None) -> Receipt | None:
    try:
        return msgspec.json.decode(content or b"", type=Receipt)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
