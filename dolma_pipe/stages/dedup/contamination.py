"""Contamination: evaluation items in the documents of a shard, and what becomes of them."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dolma_pipe.curated import Texts
from dolma_pipe.cuts import cuts_of, write_cuts
from dolma_pipe.entries import Decontaminate
from dolma_pipe.stages.dedup.contamination_checks import Checks, Match
from dolma_pipe.stages.dedup.decisions import NOBODY, Decisions, write_decisions
from dolma_pipe.stages.dedup.evaluation_index import ItemTexts, make_index
from dolma_pipe.stages.dedup.found import Found, total
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.work import all_here, atomic_write, here

SHOWN = 300
"""Code points of a stretch and of an item that the table has."""
EXAMPLES = 5
"""Matches a set that the report shows."""
BIN = 0.05
"""Width of a bar of the histogram of scores."""

PLACES = ("row", "start", "end")
SHOWN_COLUMNS = ["shard", "row", "id", "item", "check", "score", "stretch", "item_text"]
CONTAMINATION = pa.schema(
    [
        ("entry", pa.int32()),
        ("source", pa.string()),
        ("shard", pa.string()),
        ("row", pa.int64()),
        ("id", pa.large_string()),
        ("evaluation", pa.string()),
        ("item", pa.int64()),
        ("check", pa.string()),
        ("score", pa.float64()),
        ("question_overlap", pa.float64()),
        ("answer_overlap", pa.float64()),
        ("passage_overlap", pa.float64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("bytes", pa.int64()),
        ("removed", pa.bool_()),
        ("stretch", pa.large_string()),
        ("item_text", pa.large_string()),
    ]
)
"""A row a match. row is that of the curated file, item the number of the item in its set, from 0;
start and end are bytes of the text as the entry found it, bytes the length of that text. removed:
the document goes (or would), not only the stretch."""


def find_contamination(steps: Steps, plan: Plan) -> Found:
    """All steps of a decontaminate entry."""
    assert isinstance(plan.entry, Decontaminate)
    counts = make_index(steps, plan)
    if plan.entry.semantic:
        steps.over_parts("contamination_checks:embed_items", 1)
    if plan.entry.ast:
        counts |= steps.over_parts("contamination_checks:parse_items", 1)[0]
    scored = steps.over_shards("contamination:score_shard", plan.taking_part())
    [told] = steps.over_parts("contamination:conclude", 1, sets=counts.pop("sets"))
    evaluations = told.pop("evaluations")
    counts |= total(scored, ("compared_documents", "compared_bytes", "matches"))
    return Found({**counts, "evaluations": evaluations}, [told], plan.entry.remove == "spans")


def score_shard(args: dict[str, Any]) -> dict[str, int]:
    """Task: matches/<shard>.parquet, and found/<shard>.i64 where stretches are removed."""
    plan, shard = load(args["plan"]), args["part"]
    entry = plan.entry
    assert isinstance(entry, Decontaminate)
    checks, items = Checks(plan, shard), ItemTexts(plan)
    rows: list[dict[str, Any]] = []
    documents = size = 0
    for texts in read_live(plan, shard):
        documents, size = documents + len(texts.rows), size + len(texts.text)
        for _, found in groupby(checks.matches(texts), lambda match: match.document):
            rows += _told(entry, texts, list(found), items)
    _write_matches(plan, shard, rows)
    if entry.remove == "spans":
        at, starts, ends = (np.array([row[name] for row in rows], np.int64) for name in PLACES)
        cuts = cuts_of(at, starts, ends, plan.shards[shard].documents)
        write_cuts(plan.path(f"found/{plan.shards[shard].key}.i64"), cuts, durable=False)
    return {"compared_documents": documents, "compared_bytes": size, "matches": len(rows)}


def conclude(args: dict[str, Any]) -> dict[str, Any]:
    """Task: the decisions, and what the report says of each set. args: sets, of build_index."""
    plan = load(args["plan"])
    summaries = {told["evaluation"]: _Summary(told) for told in args["sets"]}
    numbers, scores = [np.empty(0, np.int64)], [np.empty(0)]
    for shard, table in _read_matches(plan):
        removed = table.filter(table.column("removed"))
        numbers.append(removed.column("row").to_numpy() + plan.firsts[shard])
        scores.append(removed.column("score").to_numpy())
        for name, summary in summaries.items():
            summary.add(table.filter(pc.equal(table.column("evaluation"), name)))
    documents, which = np.unique(np.concatenate(numbers), return_inverse=True)
    best = np.zeros(len(documents))
    np.maximum.at(best, which, np.concatenate(scores))
    gone = documents.astype(np.uint64)
    decisions = Decisions(gone, np.full(len(gone), NOBODY), best, gone)
    told = [summary.told() for summary in summaries.values()]
    return {"evaluations": told, **write_decisions(plan, 0, decisions)}


def publish_contamination(args: dict[str, Any]) -> dict[str, int]:
    """Task: dedup/contamination.parquet, all matches of all entries. args: plans."""
    rows = 0
    path = load(args["plan"]).work.dedup / "contamination.parquet"
    with atomic_write(path) as file, pq.ParquetWriter(file, CONTAMINATION) as writer:
        for plan in map(load, args["plans"]):
            for _, table in _read_matches(plan):
                if table.num_rows:
                    writer.write_table(table)
                rows += table.num_rows
    return {"rows": rows}


def _told(
    entry: Decontaminate, texts: Texts, found: list[Match], items: ItemTexts
) -> Iterator[dict[str, Any]]:
    """Rows of the table for the matches of one document, but for what the shard says."""
    borders = texts.offsets[found[0].document : found[0].document + 2]
    text = texts.text[borders[0] : borders[1]].tobytes()
    gone = entry.remove == "documents" or _is_blank_without(text, found)
    for match in found:
        question, answer, passage = match.overlaps
        yield {
            "row": int(texts.rows[match.document]),
            "evaluation": items.evaluation(match.item),
            "item": items.number(match.item),
            "check": match.check,
            "score": match.score,
            "question_overlap": question,
            "answer_overlap": answer,
            "passage_overlap": passage,
            "start": match.start,
            "end": match.end,
            "bytes": len(text),
            "removed": gone,
            "stretch": text[match.start : match.end][: 4 * SHOWN].decode(errors="ignore")[:SHOWN],
            "item_text": items.text(match.item)[:SHOWN],
        }


def _is_blank_without(text: bytes, found: list[Match]) -> bool:
    at = 0
    for match in found:
        if text[at : max(at, match.start)].decode().strip():
            return False
        at = max(at, match.end)
    return not text[at:].decode().strip()


def _write_matches(plan: Plan, shard: int, rows: list[dict[str, Any]]) -> None:
    key, source = plan.shards[shard].key, plan.shards[shard].source
    wanted = pa.array([row["row"] for row in rows], pa.int64())
    ids = pa.array([], pa.large_string())
    if rows:
        ids = pq.read_table(here(plan.work.columns(key)), columns=["id"]).column("id").take(wanted)
    named = {"entry": plan.number, "source": source, "shard": key, "id": None}
    table = pa.Table.from_pylist([{**named, **row} for row in rows], CONTAMINATION)
    place = CONTAMINATION.get_field_index("id")
    table = table.set_column(place, CONTAMINATION.field("id"), ids.cast(pa.large_string()))
    with atomic_write(_matches(plan, shard), durable=False) as file:
        pq.write_table(table, file)


def _read_matches(plan: Plan) -> Iterator[tuple[int, pa.Table]]:
    """Of every shard that takes part."""
    shards = plan.taking_part()
    paths = all_here(_matches(plan, shard) for shard in shards)
    return zip(shards, map(pq.read_table, paths), strict=True)


def _matches(plan: Plan, shard: int) -> Path:
    return plan.path(f"matches/{plan.shards[shard].key}.parquet")


class _Summary:
    """What the report says of one set. documents: with a match; bytes: of their text."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._found = set[int]()
        self._counts = Counter[str]()
        self._scores = Counter[int]()
        self._checks = Counter[str]()
        self._examples: list[dict[str, Any]] = []

    def add(self, matches: pa.Table) -> None:
        """The matches of one shard."""
        rows = matches.column("row").to_numpy()
        _, first = np.unique(rows, return_index=True)
        self._found.update(matches.column("item").to_pylist())
        self._counts["matches"] += len(rows)
        self._counts["documents"] += len(first)
        self._counts["bytes"] += int(matches.column("bytes").to_numpy()[first].sum())
        self._checks.update(matches.column("check").to_pylist())
        bars = np.floor(matches.column("score").to_numpy() / BIN + 1e-9).astype(int)
        self._scores.update(bars.tolist())
        shown = matches.select(SHOWN_COLUMNS).slice(0, EXAMPLES - len(self._examples))
        self._examples += shown.to_pylist()

    def told(self) -> dict[str, Any]:
        """items_found / items is the rate of contamination; scores: from ... on -> matches."""
        scores = {f"{bar * BIN:.2f}": n for bar, n in sorted(self._scores.items())}
        items = self._told["items"]
        return {
            **self._told,
            "items_found": len(self._found),
            "contamination_rate": round(len(self._found) / items, 6) if items else 0.0,
            **{name: self._counts[name] for name in ("documents", "bytes", "matches")},
            "checks": dict(sorted(self._checks.items())),
            "scores": scores,
            "examples": self._examples,
        }
