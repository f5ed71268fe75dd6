"""All that is known of one document: scores, verdicts, matched spans, and what became of it."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dolma_pipe.batch import Batch
from dolma_pipe.columns import Bounds, Settled, outside
from dolma_pipe.errors import UserError
from dolma_pipe.inputs import Input
from dolma_pipe.recipe import Recipe, Rule, Source
from dolma_pipe.report.fate import Duplicate, Note, Stretch, fate_of, stretch_of
from dolma_pipe.report.removed import Removed
from dolma_pipe.report.tagged import TaggedShard, outdated, tagged_shards
from dolma_pipe.stages.decide import NamedTagger, decide
from dolma_pipe.stages.reread import Reread, reader_of, reread
from dolma_pipe.stored import Group
from dolma_pipe.tagger import Labels, Spans
from dolma_pipe.work import Work

MATCHES = 3
"""Spans of a column that are shown."""
NEAR = 3
"""Ids that are told where the one asked for is unknown."""


class Match(Stretch):
    """A span of the input's text."""

    score: float = 0.0


class Score(msgspec.Struct):
    """A column. value: number, label or None; matches: the first spans of `spans` in all.

    origin: stored in attributes/, or scored just now.
    """

    column: str
    value: float | str | None
    spans: int | None
    matches: list[Match]
    origin: Literal["stored", "now"]


class Verdict(msgspec.Struct):
    """A rule. kept: None where there was nothing to judge; reason: told as the one that dropped."""

    stage: str
    column: str
    minimum: float | None
    maximum: float | None
    value: float | None
    kept: bool
    reason: bool


class Explained(msgspec.Struct):
    """One document. dropped_by: as stored; kept_for, copies: None where it is not known."""

    id: str
    source: str
    shard: str
    uri: str
    line: int
    bytes: int
    excerpt: str
    tagged: bool
    dropped_by: str | None
    scores: list[Score]
    verdicts: list[Verdict]
    duplicate: Duplicate | None
    kept_for: int | None
    cuts: list[Stretch]
    notes: list[Note]
    copies: int | None


class _Place(NamedTuple):
    """Where a document stands; row: what is stored of it, if its shard is tagged; scores: columns
    of it that still hold.
    """

    source: Source
    shard: Input
    line: int
    row: Group | None = None
    scores: tuple[str, ...] = ()


def explain(recipe: Recipe, work: Work, name: str, source: str | None = None) -> list[Explained]:
    """Every document of this id, in the order of the recipe.

    Stored attributes are asked first; shards that have none are read. Raises UserError with near
    ids where no document has it.
    """
    sources = recipe.chosen([source] if source else [])
    name = name.encode(errors="replace").decode()  # a shell hands on any bytes, an id is UTF-8
    near: list[str] = []
    tagged = {each.shard.key: each for each in tagged_shards(work, sources)}
    places = [place for each in tagged.values() for place in _stored_places(each, name, near)]
    batches: dict[tuple[str, int], Batch] = {}
    for one in sources:
        for shard in one.inputs:
            if shard.key not in tagged:
                for batch in _search(reread(recipe, one, shard), name, near):
                    line = batch.documents.column("line")[0].as_py()
                    batches[shard.key, line] = batch
                    places.append(_Place(one, shard, line))
    if not places:
        close = difflib.get_close_matches(name, near, NEAR, 0.7)
        hint = f" (did you mean {' or '.join(close)}?)" if close else ""
        where = ", ".join(one.name for one in sources)
        raise UserError(f"no document of {where} has the id '{name}'{hint}")
    order = {shard.key: k for k, shard in enumerate(recipe.inputs())}
    places.sort(key=lambda place: (order[place.shard.key], place.line))
    return [
        _explained(
            recipe,
            work,
            place,
            batches.get((place.shard.key, place.line))
            or _at(reread(recipe, place.source, place.shard), place.line, name),
        )
        for place in places
    ]


def _stored_places(tagged: TaggedShard, name: str, near: list[str]) -> Iterator[_Place]:
    source, shard, stored, _ = tagged
    for number, group in enumerate(stored.groups([])):
        ids = group.array("id")
        hits = np.flatnonzero(pc.equal(ids, pa.scalar(name, ids.type)).to_numpy(False))
        if len(hits):
            whole = next(islice(stored.groups(), number, None)).row(int(hits[0]))
            hold = stored.columns.keys() - outdated(tagged)
            scores = tuple(c for c in stored.columns if c in hold and whole.scored(c)[0])
            yield _Place(source, shard, int(whole.lines[0]), whole, scores)
            return
        _collect_near(near, name, ids.to_pylist())


def _collect_near(near: list[str], name: str, ids: list[str]) -> None:
    """Candidates for a hint: of about the same length, with the same beginning or end."""
    for other in ids:
        alike = other[:3] == name[:3] or other[-3:] == name[-3:]
        if alike and abs(len(other) - len(name)) <= 2 and len(near) < 10_000:
            near.append(other)


def _search(given: Reread, name: str, near: list[str]) -> Iterator[Batch]:
    """The document of this id in a shard, as a batch of one."""
    for batch in reader_of(given):
        ids = batch.documents.column("id").to_pylist()
        if name in ids:
            yield batch.select(np.array([ids.index(name)]))
            return
        _collect_near(near, name, ids)


def _at(given: Reread, line: int, name: str) -> Batch:
    """The document of a line. Raises UserError where it is not there any more."""
    for batch in reader_of(given):
        lines = batch.documents.column("line").to_numpy()
        if lines[-1] >= line:
            hits = np.flatnonzero(lines == line)
            if len(hits) and batch.documents.column("id")[int(hits[0])].as_py() == name:
                return batch.select(hits)
            break
    raise UserError(f"{given.shard.uri} has not '{name}' in line {line} any more: tag again")


def _explained(recipe: Recipe, work: Work, place: _Place, batch: Batch) -> Explained:
    source, shard, line, row, _ = place
    name = batch.documents.column("id")[0].as_py()
    text = batch.text[batch.offsets[0] : batch.offsets[1]].tobytes()
    scores = _scores(place, batch, text)
    dropped_by = row.array("dropped_by")[0].as_py() if row is not None else None
    verdicts = verdicts_of(
        source.rules, {score.column: score.value for score in scores}, dropped_by
    )
    fate = fate_of(recipe, work, Removed(work), shard.key, line, name)
    return Explained(
        id=name,
        source=source.name,
        shard=shard.key,
        uri=shard.uri,
        line=line,
        bytes=len(text),
        excerpt=text[:2000].decode(errors="ignore"),
        tagged=row is not None,
        dropped_by=dropped_by,
        scores=scores,
        verdicts=verdicts,
        duplicate=fate.duplicate,
        kept_for=fate.kept_for,
        cuts=fate.cuts,
        notes=fate.notes,
        copies=fate.copies,
    )


def _scores(place: _Place, batch: Batch, text: bytes) -> list[Score]:
    """Every column: as stored, and what is not stored, or by other settings, scored now."""
    scores: dict[str, Score] = {}
    for column in place.scores:
        assert place.row is not None
        scores[column] = score_of(column, place.row.column(column), text, "stored")
    taggers = [NamedTagger(use.prefix, use.build()) for use in place.source.taggers]
    wanted = [
        named
        for named in taggers
        if any(f"{named.prefix}.{column}" not in scores for column in named.tagger.columns())
    ]
    for column, found in decide(batch, wanted, (), score_all=True).columns.items():
        if column not in scores:
            scores[column] = score_of(column, found, text, "now")
    return [scores[column] for column in _in_order(taggers, scores)]


def _in_order(taggers: list[NamedTagger], scores: Mapping[str, Score]) -> list[str]:
    """Columns as the recipe's taggers have them, then what is stored beyond them."""
    told = [f"{named.prefix}.{column}" for named in taggers for column in named.tagger.columns()]
    return [*(c for c in told if c in scores), *sorted(scores.keys() - set(told))]


def score_of(column: str, found: Settled, text: bytes, origin: Literal["stored", "now"]) -> Score:
    """Of a column of one document."""
    if isinstance(found, Spans):
        spans = zip(found.starts.tolist(), found.ends.tolist(), found.scores.tolist(), strict=True)
        matches = [_match(text, *span) for span in islice(spans, MATCHES)]
        return Score(column, None, len(found.starts), matches, origin)
    if isinstance(found, Labels):
        label = found.names[found.codes[0]] if found.codes[0] >= 0 else None
        return Score(column, label, None, [], origin)
    number = float(found[0])
    return Score(column, None if np.isnan(number) else number, None, [], origin)


def _match(text: bytes, start: int, end: int, score: float) -> Match:
    found = stretch_of(text, start, end)
    return Match(found.start, found.end, found.before, found.text, found.after, score)


def verdicts_of(
    rules: tuple[Rule, ...], values: Mapping[str, Any], dropped_by: str | None
) -> list[Verdict]:
    """Each rule in the order of the recipe. The reason is the stored one, else the first."""
    verdicts = []
    for rule in rules:
        value = values.get(rule.column)
        number = np.array([np.nan if value is None else value], np.float64)
        kept = not outside(number, Bounds(rule.minimum, rule.maximum))[0]
        verdicts.append(
            Verdict(rule.stage, rule.column, rule.minimum, rule.maximum, value, kept, reason=False)
        )
    failing = [verdict for verdict in verdicts if not verdict.kept]
    told = [verdict for verdict in failing if verdict.column == dropped_by] or failing[:1]
    for verdict in told:
        verdict.reason = True
    return verdicts
