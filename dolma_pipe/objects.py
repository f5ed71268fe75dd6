"""What the s3:// patterns of a source stand for: objects, patterns and folders of them."""

from collections.abc import Iterable
from typing import NamedTuple

from dolma_pipe.errors import RecipeError, StoreError
from dolma_pipe.folders import data_files
from dolma_pipe.formats.reading import FormatName
from dolma_pipe.remote import is_s3
from dolma_pipe.remote.listing import below, has_pattern, matching, there
from dolma_pipe.remote.stamps import told
from dolma_pipe.store import Stamp


class Objects(NamedTuple):
    """found: pattern -> addresses. stamps: address -> what the store has said of it. folders:
    patterns that are."""

    found: dict[str, list[str]]
    stamps: dict[str, Stamp]
    folders: set[str]

    def told(self, uri: str) -> tuple[str | None, int | None]:
        """Stamp and size of an object; None of other inputs."""
        stamp = self.stamps.get(uri)
        return (told(stamp), stamp.size) if stamp else (None, None)


def objects_of(
    place: str, patterns: Iterable[str], asked: FormatName | None, splits: tuple[str, ...]
) -> Objects:
    """One listing a pattern or folder; single objects are asked for, some at once.

    Raises RecipeError for what is not there, or cannot be listed or read.
    """
    objects = Objects({}, {}, set())
    ours = list(dict.fromkeys(filter(is_s3, patterns)))
    try:
        single = there([pattern for pattern in ours if not has_pattern(pattern)])
        for pattern in ours:
            stamp = single.get(pattern)
            if stamp is not None:
                listed, files = {pattern: stamp}, [pattern]
            elif pattern not in single:
                listed = matching(pattern)
                files = list(listed)
            elif listed := below(pattern):
                objects.folders.add(pattern)
                files = data_files(place, pattern, asked, splits, listed)
            else:
                raise RecipeError(f"{place}: {pattern} is not there")
            if not files:
                raise RecipeError(f"{place}: no object matches {pattern}")
            objects.found[pattern] = files
            objects.stamps.update(listed)
    except StoreError as error:
        raise RecipeError(f"{place}: {error}") from error
    return objects
