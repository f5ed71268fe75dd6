"""Read a file of any format, and tell everything that came of it."""

from pathlib import Path
from typing import Any, NamedTuple

from dolma_pipe.formats.reading import ColumnNames, FormatName, Reading
from dolma_pipe.manifest import content_hash
from dolma_pipe.shard import Quarantined, ShardReader


class Told(NamedTuple):
    rows: list[dict[str, Any]]
    bad: list[Quarantined]
    passed_over: dict[str, int]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(item.line, item.reason) for item in self.bad]


def read(path: Path, kind: FormatName, columns: dict[str, Any] | None = None, **more: Any) -> Told:
    """The rows, what is quarantined; the counts and the content hash are checked here."""
    names = ColumnNames(**(columns or {}))
    settings = {key: more.pop(key) for key in ("html", "check_digests") if key in more}
    bad: list[Quarantined] = []
    reader = ShardReader(
        path,
        source="web",
        shard="web/a",
        reading=Reading(kind, names, **settings),
        quarantine=bad.append,
        **more,
    )
    rows = [row for batch in reader for row in batch.documents.to_pylist()]
    assert (reader.documents, reader.quarantined) == (len(rows), len(bad))
    assert reader.content_hash == content_hash(str(path))
    lines = [row["line"] for row in rows]
    assert lines == sorted(set(lines))
    return Told(rows, bad, reader.passed_over)
