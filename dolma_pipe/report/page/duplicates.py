"""Dedup entries: what they removed, and some copies of their largest clusters side by side."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from dolma_pipe.curated import read_survivor_lines
from dolma_pipe.errors import UserError
from dolma_pipe.report.clusters import Place, texts_at
from dolma_pipe.report.difference import Kind, changed, differences, joined, short, words_of
from dolma_pipe.report.difference import Piece as Stretch
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.covered import UNKNOWN, covered, hides, private_marks
from dolma_pipe.report.page.excerpts import NAME, excerpt, shortened
from dolma_pipe.report.page.marks import Mark
from dolma_pipe.report.page.model import ClusterPanel, Copy, EntryPanel, Example, Piece, Tone
from dolma_pipe.report.settings import value_told
from dolma_pipe.work import size_of

CLUSTERS = 5
"""Of an entry, the largest."""
COPIES = 2
"""Of a cluster."""
LENGTH = 1200
"""Code points of a text beside another."""
READ = 64 << 20
"""Bytes of curated shards, compressed, that are read for the texts of all clusters: where it is
not enough, the beginnings that dedup/report.json has are shown."""
TONES: dict[Kind, Tone] = {"gone": "gone", "new": "new"}
NOTES = "annotate"
"""The action of an entry that takes nothing out."""
NO_TEXT = "only the beginning of its text: the rest is not read for this page"
INDEXED = "of an earlier run, whose index has no texts"


def entries_of(run: FinishedRun, report: dict[str, Any]) -> Iterator[EntryPanel]:
    """Every entry of the recipe's dedup section, counts exact."""
    shown = {entry["entry"]: entry["biggest_clusters"][:CLUSTERS] for entry in report["entries"]}
    places = [
        (one["shard"], one["row"])
        for clusters in shown.values()
        for cluster in clusters
        for one in _members(cluster)
    ]
    texts = _Texts(run, places)
    for entry in report["entries"]:
        settings = entry["settings"]
        removed: Counter[str] = Counter()
        for pair in entry["removed_by_sources"] if settings["action"] != NOTES else ():
            removed[pair["removed"]] += pair["documents"]
        yield EntryPanel(
            number=entry["entry"],
            method=entry["method"],
            action=settings["action"],
            settings={
                k: value_told(v) for k, v in settings.items() if k not in ("method", "action")
            },
            documents=entry["documents"],
            removed=dict(removed),
            cut_bytes=entry["cut_bytes"],
            clusters=entry.get("clusters", 0),
            sizes=entry["cluster_sizes"],
            by_sources=tuple(
                (pair["kept"] or "", pair["removed"], pair["documents"])
                for pair in entry["removed_by_sources"]
            ),
            biggest=tuple(_panel(cluster, texts) for cluster in shown[entry["entry"]]),
        )


def _members(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["kept"], *cluster["copies"][:COPIES]]


class _Texts:
    """Texts and lines of the documents that are shown, of shards that are not too large."""

    def __init__(self, run: FinishedRun, places: Sequence[Place]) -> None:
        self._run = run
        self._texts: dict[Place, bytes] = {}
        self._marks: dict[Place, list[Mark]] = {}
        self._lines: dict[Place, int] = {}
        left = READ
        by_shard: dict[str, list[Place]] = {}
        for place in dict.fromkeys(places):
            by_shard.setdefault(place[0], []).append(place)
        for key, wanted in by_shard.items():
            with suppress(UserError, OSError):  # of an index, or gone since
                lines = read_survivor_lines(run.work.columns(key))
                self._lines |= {place: int(lines[place[1]]) for place in wanted}
                size = size_of(run.work.curated(key))
                if size <= left:
                    left -= size
                    texts = texts_at(run.work, wanted)
                    for place, text in texts.items():
                        marks = private_marks(run, key, self._lines[place], text)
                        if marks is not None:
                            self._texts[place], self._marks[place] = text, marks

    def example(self, member: dict[str, Any], reason: str | None) -> Example:
        place = member["shard"], member["row"]
        text = self._texts.get(place)
        pieces, note = self._shown(member, text)
        return Example(
            id=shortened(member["id"], NAME),
            source=member["shard"].partition("/")[0],
            shard=member["shard"],
            line=self._lines.get(place, 0),
            bytes=0 if text is None else len(text),
            value=member.get("similarity"),
            kept=reason is None,
            dropped_by=reason,
            pieces=pieces,
            note=note,
        )

    def _shown(self, member: dict[str, Any], text: bytes | None) -> tuple[tuple[Piece, ...], str]:
        """And a note where it is not all."""
        place = member["shard"], member["row"]
        if text is not None:
            return excerpt(text, self._marks[place]), ""
        if member["excerpt"] is None:
            return (), INDEXED
        with suppress(UserError):
            if not hides(self._run, place[0], self._lines.get(place, 0)):
                return (Piece(member["excerpt"]),), NO_TEXT
        return (), UNKNOWN

    def of(self, member: dict[str, Any]) -> str | None:
        """All of the text that may be shown."""
        place = member["shard"], member["row"]
        text = self._texts.get(place)
        return None if text is None else covered(text, self._marks[place])


def _panel(cluster: dict[str, Any], texts: _Texts) -> ClusterPanel:
    kept, *copies = _members(cluster)
    sources = Counter(one["shard"].partition("/")[0] for one in (kept, *cluster["copies"]))
    return ClusterPanel(
        size=cluster["size"],
        kept=texts.example(kept, None),
        sources=dict(sources),
        copies=tuple(_copy(kept, copy, texts) for copy in copies),
    )


def _copy(kept: dict[str, Any], copy: dict[str, Any], texts: _Texts) -> Copy:
    """Both texts, shortened where they are equal; without a text, what is known of each."""
    one, other = texts.of(kept), texts.of(copy)
    example = texts.example(copy, "copy")
    if one is None or other is None:
        left, right = texts.example(kept, None).pieces, example.pieces
    else:
        pieces = differences(words_of(one), words_of(other))
        shown = list(short(pieces)) if any(changed(pieces)) else pieces
        left, right = _side(shown, "gone"), _side(shown, "new")
    return Copy(example, copy["similarity"], left, right)


def _side(pieces: Sequence[Stretch], kind: Kind) -> tuple[Piece, ...]:
    """One of two texts: what both have, and what it has alone."""
    found: list[Piece] = []
    left = LENGTH
    for piece in pieces:
        if piece.kind in ("same", "left out", kind) and left > 0:
            text = joined(piece.within(first=kind == "gone")[:left])
            text = text if found else text.lstrip()
            found.append(Piece(shortened(text, left), TONES.get(piece.kind, "plain")))
            left -= len(text)
    return tuple(found)
