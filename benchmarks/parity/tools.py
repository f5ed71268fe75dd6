"""What each tool says of the same documents: numbers, decisions and spans, in one form."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import write_texts
from benchmarks.parity.documents import Doc
from benchmarks.parity.rules import OURS, Rule
from benchmarks.race import Pythons, Side, race
from benchmarks.sides.ours import batches_of
from dolma_pipe import shelf
from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.tagger import Labels, Spans, Tagger

SIDES = Path(__file__).resolve().parent.parent / "sides"
GOPHER, C4, PII = "gopher_v1", "c4_v2", "pii_regex_with_counts_fast_v2"
DOLMA_TAGGERS = ("ft_lid_en", GOPHER, C4, PII)
DOLMA_SPANS = {"email": "EMAIL_ADDRESS", "phone": "PHONE_NUMBER", "ip": "IP_ADDRESS"}

Columns = dict[str, list[Any]]
"""A value a document: a number, or the spans in characters, [start, end, score]."""


def ours(texts: list[str], words: Path | None) -> Columns:
    """Columns of OURS by VARIANT.COLUMN. words: dolma's list of blocked words."""
    columns = ours_of(texts, list(OURS), words)
    lowered = batches_of([text.lower().strip() for text in texts])
    lid = shelf.load(shelf.find("taggers", "lid"), Tagger)()
    columns["lower.en"] = [x for b in lowered for x in _values(lid.tag(b)["en"], b)]
    return columns


def ours_of(texts: list[str], variants: Sequence[str], words: Path | None = None) -> Columns:
    """Columns of some of OURS."""
    columns: Columns = {}
    batches = batches_of(texts)
    for variant in variants:
        name, settings = OURS[variant]
        if variant == "c4_dolma" and words:
            settings = settings | {"blocked_words": str(words)}
        tagger = shelf.load(shelf.find("taggers", name), Tagger)(**settings)
        for batch in batches:
            for column, found in tagger.tag(batch).items():
                columns.setdefault(f"{variant}.{column}", []).extend(_values(found, batch))
    return columns


def _values(column: Any, batch: Batch) -> list[Any]:
    if isinstance(column, Labels):
        return [column.names[code] if code >= 0 else None for code in column.codes]
    if not isinstance(column, Spans):
        return [0.0 if value != value else float(value) for value in np.asarray(column).tolist()]
    found = []
    for d, text in enumerate(batch.texts()):
        data = text.encode()
        first, after = column.offsets[d], column.offsets[d + 1]
        borders = zip(column.starts[first:after], column.ends[first:after], strict=True)
        scores = column.scores[first:after].tolist()
        spans = [[len(data[:a].decode()), len(data[:b].decode())] for a, b in borders]
        found.append([[*s, score] for s, score in zip(spans, scores, strict=True)])
    return found


def peers(
    texts: list[str], pythons: Pythons, memory: Path | None = None
) -> tuple[dict[str, Any], list[str]]:
    """What dolma and datatrove tell, by name, and a line for each that could not be run.

    memory: a folder where it is kept for the next run on the same texts by the same sides.
    """
    if memory is None:
        return _asked(texts, pythons)
    digest = hashlib.sha256("\0".join(texts).encode())
    for name in ("dolma_side", "datatrove_side"):
        digest.update((SIDES / f"{name}.py").read_bytes())
    file = memory / f"{digest.hexdigest()[:16]}.json"
    if file.exists():
        remembered: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return remembered, []
    told, refusals = _asked(texts, pythons)
    if not refusals:
        memory.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told), encoding="utf-8")
    return told, refusals


def _asked(texts: list[str], pythons: Pythons) -> tuple[dict[str, Any], list[str]]:
    model = str(asset_path("lid176"))
    sides = [
        Side(
            "dolma",
            "dolma",
            "benchmarks.sides.dolma_side:Attributes",
            {"taggers": list(DOLMA_TAGGERS), "model": model},
        ),
        Side("datatrove", "datatrove", "benchmarks.sides.datatrove_side:Decide", {"model": model}),
    ]
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-parity-") as folder:
        documents = Path(folder) / "documents.jsonl"
        write_texts(documents, texts)
        standings, refusals = race(sides, pythons, documents, 1, Path(folder))
    return {standing.side.name: standing.told for standing in standings}, refusals


def documents(
    texts: list[str], mine: Columns, told: dict[str, Any], words: Path | None
) -> list[Doc]:
    """The documents with what the plain definitions need of the tools."""
    lines = words.read_text(encoding="utf-8").splitlines() if words else []
    entries = {x for x in lines if " " not in x}, [x for x in lines if " " in x]
    docs = [Doc(text) for text in texts]
    sentences = _sentences({x for t in texts for x in (*t.split("\n"), *t.splitlines())})
    for d, doc in enumerate(docs):
        doc.told = {"english": mine["lid.en"][d], "english_lower": mine["lower.en"][d]}
        if "c4_dolma.blocked_words" in mine:
            doc.told["blocked"] = mine["c4_dolma.blocked_words"][d] > 0
            doc.told["entries"] = entries
        if "datatrove" in told:
            theirs = told["datatrove"]
            doc.told |= {name: theirs[name][d] for name in ("words", "sentences")}
            doc.told["our_sentences"] = sentences
            doc.told |= {name: frozenset(theirs[name]) for name in ("punctuation", "terminal")}
    return docs


def _sentences(lines: Iterable[str]) -> dict[str, int]:
    """How many sentences ours finds in each of these lines."""
    return {
        text: count
        for batch in batches_of(sorted(lines))
        for text, count in zip(batch.texts(), np.diff(batch.sentences.offsets), strict=True)
    }


def dolma_values(rule: Rule, told: dict[str, Any], texts: Sequence[str]) -> list[Any]:
    """A number a document; a mark that is not set is 0, a share that is missing, too."""
    if rule.ours == "lid.en":
        return [_score(row, "en") for row in told["ft_lid_en"]]
    if rule.ours == "c4_dolma.removed":
        return [_marked(row, text) for row, text in zip(told[C4], texts, strict=True)]
    if rule.ours.startswith("c4"):
        return [float(rule.theirs in row) for row in told[C4]]
    return [_score(row, rule.theirs) for row in told[GOPHER]]


def _score(row: dict[str, Any], kind: str) -> float:
    return float(row[kind][-1][2]) if row.get(kind) else 0.0


def _marked(row: dict[str, Any], text: str) -> float:
    """How many lines that are not blank it would take out."""
    kinds = ("lines_with_no_ending_punctuation", "lines_with_too_few_words")
    spans = {(start, end) for kind in kinds for start, end, _ in row.get(kind, [])}
    return sum(bool(text[start:end].strip()) for start, end in spans)


def dolma_spans(told: dict[str, Any]) -> dict[str, list[list[Any]]]:
    return {kind: [row.get(name, []) for row in told[PII]] for kind, name in DOLMA_SPANS.items()}


def datatrove_keeps(reasons: Sequence[str]) -> list[bool | None]:
    """None where it dies."""
    return [None if said.startswith("dies") else not said for said in reasons]


def our_values(rule: Rule, mine: Columns) -> list[float]:
    """Our column of a rule; of removed lines, how many for their end or their few words."""
    if rule.ours == "c4_dolma.removed":
        return [sum(s[2] <= 2 for s in spans) for spans in mine[rule.ours]]
    if rule.ours.endswith("blocked_words"):
        return [float(n > 0) for n in mine[rule.ours]]
    return mine[rule.ours]
