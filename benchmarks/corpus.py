"""The documents of a benchmark: any folder in dolma's layout, read once."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dolma_pipe.errors import InputError
from dolma_pipe.shard import Quarantined, ShardReader

PROSE = """The old road leaves the village at the mill and follows the river most of the morning.
There are few houses on that side, and those that have people in them stand far from one another,
so that a walker who sets out early can be alone with the water and the birds until noon. Then the
hills begin. The path turns away from the river, climbs between stone walls to a small white chapel,
and gives a view of the whole valley, with the sea behind it when the air is clear."""


@dataclass(frozen=True)
class Corpus:
    """FOLDER/<source>/documents/*.jsonl.zst (.gz, plain)."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @cached_property
    def sources(self) -> dict[str, list[Path]]:
        """Files by source. Raises InputError where there are none."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.folder.glob("*/documents/*.jsonl*")):
            found.setdefault(path.parts[-3], []).append(path.resolve())
        if not found:
            raise InputError(
                f"{self.folder} has no <source>/documents/*.jsonl.zst; try `dolma-pipe sample`"
            )
        return found

    @cached_property
    def texts(self) -> list[str]:
        """Every text, in the order of sources and files."""
        return [text for source in self.sources for text in self.texts_of(source)]

    def texts_of(self, source: str) -> list[str]:
        """Every text of a source, in the order of files."""
        return [
            text
            for path in self.sources[source]
            for batch in ShardReader(path, source=source, quarantine=_pass_over)
            for text in batch.texts()
        ]

    @cached_property
    def bytes(self) -> int:
        return size_of(self.texts)

    @property
    def shards(self) -> int:
        """Files."""
        return sum(map(len, self.sources.values()))

    def spread(self, megabytes: float) -> list[str]:
        """Documents evenly spread over the corpus, of about so many megabytes together."""
        return self.texts[:: max(1, round(self.bytes / (megabytes * 1e6)))]

    def told(self) -> str:
        """For people: what it is."""
        return (
            f"{self.name}: {self.bytes / 1e6:.1f} MB of text, {len(self.texts):,} documents,"
            f" {len(self.sources)} sources ({', '.join(self.sources)})"
        )


def size_of(texts: list[str]) -> int:
    """Bytes of UTF-8."""
    return sum(len(text.encode()) for text in texts)


def write_texts(path: Path, texts: list[str]) -> None:
    """One JSON object a line: what every side reads."""
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")


def tiny(folder: Path) -> Corpus:
    """Two short documents that survive every rule: what a run costs before it does anything."""
    path = folder / "tiny" / "documents" / "tiny.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {"id": str(i), "text": f"{PROSE} ({name} of the two.)"}
        for i, name in enumerate(("One", "The other"))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Corpus(folder)


def _pass_over(bad: Quarantined) -> None:
    """A bad line has no text to compare."""
