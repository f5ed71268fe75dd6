"""The index of a finished deduplication: what later runs need of its documents, without texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.entries import METHODS, Entry
from dolma_pipe.errors import RecipeError, UserError, WorkError
from dolma_pipe.store import check_place
from dolma_pipe.work import address, files_below, lies_below, read_bytes

FORMAT = 1
"""Of the files. What keys and sets hold is watched over by Description.probes."""

LATER = ("verify", "radius", "keep", "prefer", "action", "sources")
"""Settings of an entry that neither its keys nor its sets depend on."""


class IndexedShard(msgspec.Struct, frozen=True):
    """key: `<source>/<name>`; documents: survivors of its curation, removed ones too."""

    key: str
    source: str
    documents: int


class Description(msgspec.Struct, kw_only=True):
    """index.json, written last: an index without it is not finished.

    fingerprint: of the deduplication that was indexed. probes: what entries make of a fixed text,
    a hash each. settled: so many of the first entries remove the same of these documents whatever
    comes later, and what they removed has no sets. files: name -> size in bytes.
    """

    format: int
    dolma_pipe: str
    fingerprint: str
    entries: tuple[Entry, ...]
    probes: tuple[str, ...]
    settled: int
    shards: tuple[IndexedShard, ...]
    counts: dict[str, int]
    files: dict[str, int]


class IndexFiles:
    """Paths of an index. Shards are named by their key."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    @property
    def description(self) -> Path:
        return self.root / "index.json"

    def signatures(self, key: str) -> Path:
        """Prefix of the files with lengths, keys and ranks."""
        return self.root / "signatures" / key

    def sets(self, key: str, number: int) -> Path:
        """The sets by which entry `number` verifies."""
        return self.root / "sets" / f"{key}.{number}.sets"

    def ids(self, key: str) -> Path:
        """Ids of the documents, Parquet."""
        return self.root / "ids" / f"{key}.parquet"

    def removed(self, key: str) -> Path:
        """uint8[documents]: the entry that removed each, 0 for none."""
        return self.root / "removed" / f"{key}.u8"


def settled_entries(entries: Sequence[Entry]) -> int:
    """How many of the first entries decide on a document by nothing but documents before it."""
    for number, entry in enumerate(entries):
        if entry.method != "exact" or entry.policy != "first" or entry.prefer:
            return number
    return len(entries)


def read_index(root: str) -> Description:
    """Raises WorkError where there is no whole index."""
    files = IndexFiles(root)
    told = address(files.root)
    try:
        encoded = read_bytes(files.description)
        made_by = msgspec.json.decode(encoded, type=dict[str, Any])
        if made_by.get("format") != FORMAT:
            raise WorkError(f"{told} is an index of another format: make it again")
        described = msgspec.json.decode(encoded, type=Description)
        for name in (*described.files, *(shard.key for shard in described.shards)):
            if not lies_below(name):
                raise WorkError(f"{told} is damaged: {name!a} is no file in it")
        _check_files(files, described)
    except FileNotFoundError:
        missing = files.description.name
        raise WorkError(f"{told} is no finished index: {missing} is missing") from None
    except (OSError, msgspec.DecodeError) as error:
        raise WorkError(f"{told} cannot be read as an index: {error}") from None
    return described


def _check_files(files: IndexFiles, described: Description) -> None:
    """All of them are there, as long as they were. Raises WorkError."""
    there = files_below(files.root)
    for name, size in described.files.items():
        found = there.get(files.root / name)
        if found is None:
            raise WorkError(f"{address(files.root)} is no finished index: {name} is missing")
        if found != size:
            raise WorkError(f"{address(files.root)} is damaged: {name} has not the size it had")


def check_indexable(entries: Sequence[Entry]) -> None:
    """All of them decide by keys and sets. Raises RecipeError."""
    able = [name for name, method in METHODS.items() if method.indexable]
    for i, entry in enumerate(entries):
        if not entry.indexable:
            raise RecipeError(
                f"dedup.{i}.{entry.method}: dedup_index has none of this method, which needs the"
                f" old texts ({', '.join(able[:-1])} and {able[-1]} have one)"
            )


def check_entries(entries: Sequence[Entry], root: str, index: Description) -> None:
    """The index holds what these entries need. Raises RecipeError, naming the setting."""
    check_indexable(entries)
    for i, entry in enumerate(entries):
        place = f"dedup.{i}.{entry.method}"
        made = index.entries[i] if i < len(index.entries) else None
        if made is None or made.method != entry.method:
            told = "no such entry" if made is None else made.method
            raise RecipeError(f"{place}: the index {root} has {told} in this place")
        ours, theirs = msgspec.to_builtins(entry), msgspec.to_builtins(made)
        later = () if i < index.settled else LATER
        for name in sorted({*ours, *theirs} - {*later}):
            if ours.get(name) != theirs.get(name):
                has, had = (_told(settings.get(name)) for settings in (ours, theirs))
                raise RecipeError(f"{place}.{name}: is {has}, the index {root} was made with {had}")
        if entry.policy not in ("first", made.policy):
            raise RecipeError(
                f"{place}.keep: is {entry.policy}, the index {root} was made with {made.policy}"
            )
        if entry.verifies and not made.verifies:
            raise RecipeError(f"{place}.verify: the index {root} was made without verification")
        for source in {shard.source for shard in index.shards}:
            if entry.concerns(source) and not made.concerns(source):
                raise RecipeError(f"{place}.sources: the index {root} has no keys of {source}")
    if len(entries) < index.settled:
        raise RecipeError(f"dedup: the index {root} was made with {index.settled} exact entries")


def _told(value: Any) -> str:
    """As in a recipe."""
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)


def check_indexes(
    roots: Sequence[str], entries: Sequence[Entry], keys: Sequence[str]
) -> list[Description]:
    """All indexes of a recipe. keys: of its own shards.

    Raises RecipeError for settings that do not fit and a shard that is there twice.
    """
    held = dict.fromkeys(keys, "the recipe")
    indexes = []
    for root in roots:
        try:
            if "://" in root:
                check_place(root)
            index = read_index(root)
        except UserError as error:
            raise RecipeError(f"dedup_index: {error}") from error
        check_entries(entries, root, index)
        for shard in index.shards:
            if shard.key in held:
                raise RecipeError(
                    f"dedup_index: {shard.key} is in {root} and in {held[shard.key]}: a shard of"
                    " new documents needs a source or a file name of its own"
                )
            held[shard.key] = root
        indexes.append(index)
    return indexes


def check_method(method: str | None, roots: Sequence[str], settled: int) -> None:
    """An index without sets of what settled entries removed needs these entries.

    Raises RecipeError.
    """
    if method is not None and roots and settled:
        raise RecipeError(
            f"--method {method}: with dedup_index all entries have to run, the index has no sets of"
            " documents that earlier ones removed"
        )
