"""The checks of decontamination: what in a batch of texts matches an evaluation item."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.curated import Texts, read_curated_lines
from dolma_pipe.document import field_of
from dolma_pipe.embeddings import load_embedder
from dolma_pipe.entries import Decontaminate
from dolma_pipe.entries.decontaminate import Meaning, Structure
from dolma_pipe.kernels.contamination import Rule, find_matches
from dolma_pipe.kernels.jit import I16, I64, U64
from dolma_pipe.kernels.windows import pairs_above, windows_of, word_places
from dolma_pipe.programming_languages import language_from
from dolma_pipe.stages.dedup.evaluation_index import (
    PARTS,
    ItemTexts,
    idf_weights,
    load_index,
    read_array,
    write_array,
)
from dolma_pipe.stages.dedup.plan import Plan, load
from dolma_pipe.syntax import LANGUAGE_FIELDS, subtree_sets


class Match(NamedTuple):
    """document: its place in the batch; start, end: bytes from its start; overlaps: of question,
    answer and passage, None where another check found it."""

    document: int
    start: int
    end: int
    item: int
    check: str
    score: float
    overlaps: tuple[float | None, float | None, float | None] = (None, None, None)


class Checks:
    """The checks that an entry wants, over the texts of one shard."""

    def __init__(self, plan: Plan, shard: int) -> None:
        assert isinstance(plan.entry, Decontaminate)
        self._entry = plan.entry
        self._index = load_index(plan)
        self._items = read_array(plan, "vectors") if plan.entry.semantic else None
        self._subtrees = _load_subtrees(plan) if plan.entry.ast else None
        self._languages = _languages(plan, shard) if plan.entry.ast else []

    def matches(self, texts: Texts) -> list[Match]:
        """All matches, by document, place, item."""
        entry = self._entry
        found: list[Match] = []
        if entry.ngrams:
            found += self._by_ngrams(texts)
        if entry.semantic is not None:
            found += self._by_meaning(entry.semantic, texts)
        if entry.ast is not None:
            found += self._by_structure(entry.ast, texts)
        return sorted(found)

    def _by_ngrams(self, texts: Texts) -> Iterator[Match]:
        rule = Rule(self._entry.threshold, self._entry.ngram, self._entry.misses)
        matches = find_matches(texts.text, texts.offsets, self._index, rule)
        at, starts, ends = -1, np.empty(0, np.int64), np.empty(0, np.int64)
        for place, scores in zip(matches.places.tolist(), matches.scores.tolist(), strict=True):
            document, item, first, behind = place
            if document != at:
                at, borders = document, texts.offsets[document : document + 2].tolist()
                starts, ends = word_places(texts.text, *borders)
            start, end = int(starts[first]), int(ends[behind - 1])
            score, question, answer, passage = (round(score, 6) for score in scores)
            yield Match(document, start, end, item, "ngrams", score, (question, answer, passage))

    def _by_meaning(self, settings: Meaning, texts: Texts) -> Iterator[Match]:
        assert self._items is not None
        size, least = settings.window, self._entry.min_words
        windows, content, borders = windows_of(texts.text, texts.offsets, size, least)
        vectors = load_embedder(settings.model, settings.device).embed(content, borders)
        pairs, cosines = pairs_above(vectors, self._items, settings.cosine)
        for (window, item), cosine in zip(pairs.tolist(), cosines.tolist(), strict=True):
            document, start, end = windows[window].tolist()
            yield Match(document, start, end, item, "semantic", round(cosine, 6))

    def _by_structure(self, settings: Structure, texts: Texts) -> Iterator[Match]:
        assert self._subtrees is not None
        languages = [self._languages[row] for row in texts.rows.tolist()]
        concerned = [d for d, one in enumerate(languages) if one in settings.languages]
        borders = [texts.offsets[d : d + 2].tolist() for d in concerned]
        contents = [texts.text[a:b].tobytes() for a, b in borders]
        spoken = [languages[d] for d in concerned]
        for d, content, hashes in zip(
            concerned, contents, subtree_sets(contents, spoken, settings.nodes), strict=True
        ):
            if hashes is not None:
                for item, overlap in self._subtrees.overlaps(hashes, settings.overlap):
                    yield Match(d, 0, len(content), item, "ast", overlap)


class _Subtrees(NamedTuple):
    """grams: uint64, sorted; those of grams[k] are the entries offsets[k] to offsets[k + 1] of
    items and weights. totals: int64[items], 0 for one that has too few subtrees."""

    grams: U64
    offsets: I64
    items: I64
    weights: I64
    totals: I64

    def overlaps(self, hashes: U64, threshold: float) -> list[tuple[int, float]]:
        """Items of which a set has that share at least, and the share."""
        places = np.searchsorted(self.grams, hashes[hashes <= self.grams[-1:].max(initial=0)])
        there = places[self.grams[places] == hashes[: len(places)]]
        if not len(there):
            return []
        entries = np.concatenate([np.arange(*self.offsets[k : k + 2]) for k in there.tolist()])
        items, which = np.unique(self.items[entries], return_inverse=True)
        sums = np.bincount(which, self.weights[entries])
        overlaps = np.round(sums / self.totals[items], 6)
        reached = overlaps >= round(threshold, 6)
        return list(zip(items[reached].tolist(), overlaps[reached].tolist(), strict=True))


def embed_items(args: dict[str, Any]) -> None:
    """Task: index/vectors.npy, the questions of all items."""
    plan = load(args["plan"])
    entry, items = plan.entry, ItemTexts(plan)
    assert isinstance(entry, Decontaminate)
    assert entry.semantic is not None
    questions = [items.part(item, 0).encode() for item in range(len(items))]
    offsets = np.cumsum([0, *map(len, questions)]).astype(np.int64)
    embedder = load_embedder(entry.semantic.model, entry.semantic.device)
    vectors: I16 = embedder.embed(np.frombuffer(b"".join(questions), np.uint8), offsets)
    write_array(plan, "vectors", vectors)


def parse_items(args: dict[str, Any]) -> dict[str, int]:
    """Task: index/subtrees.*. Returns how many items have a structure that can be looked for.

    The code of an item is its answer, or question and answer together, or the question: the first
    that has subtrees enough in one of the languages.
    """
    plan = load(args["plan"])
    entry, items = plan.entry, ItemTexts(plan)
    assert isinstance(entry, Decontaminate)
    assert entry.ast is not None
    sets = [np.empty(0, np.uint64)] * len(items)
    parts = [[items.part(item, part) for item in range(len(items))] for part in range(len(PARTS))]
    for code in (parts[1], list(map(str.__add__, parts[0], parts[1])), parts[0]):
        for language in entry.ast.languages:
            missing = [item for item, one in enumerate(sets) if len(one) < entry.ast.subtrees]
            texts = [code[item].encode() for item in missing]
            for item, one in zip(missing, _inner(texts, language, entry.ast.nodes), strict=True):
                sets[item] = one
    sets = [one if len(one) >= entry.ast.subtrees else one[:0] for one in sets]
    hashes = np.concatenate([np.empty(0, np.uint64), *sets])
    offsets = np.concatenate([[0], np.cumsum(list(map(len, sets)))]).astype(np.int64)
    weights, totals, _ = idf_weights(hashes, offsets)
    order = np.argsort(hashes, kind="stable")
    of_item = np.repeat(np.arange(len(sets)), np.diff(offsets))
    grams, firsts = np.unique(hashes[order], return_index=True)
    made = (grams, np.append(firsts, len(hashes)), of_item[order], weights[order], totals)
    for name, values in zip(_Subtrees._fields, made, strict=True):
        write_array(plan, f"subtrees.{name}", values)
    return {"items_with_structure": sum(len(one) > 0 for one in sets)}


def _inner(texts: list[bytes], language: str, nodes: int) -> Iterator[U64]:
    """The subtrees of each text but for that of all of it, which no larger text has: those that it
    shares with itself twice."""
    languages = [language] * len(texts)
    once = subtree_sets(texts, languages, nodes)
    twice = subtree_sets([text + b"\n\n" + text for text in texts], languages, nodes)
    for one, two in zip(once, twice, strict=True):
        if one is None or two is None:
            yield np.empty(0, np.uint64)
        else:
            yield np.intersect1d(one, two)


def _load_subtrees(plan: Plan) -> _Subtrees:
    return _Subtrees(*(read_array(plan, f"subtrees.{name}") for name in _Subtrees._fields))


def _languages(plan: Plan, shard: int) -> list[str | None]:
    """The programming language of each row of a shard."""
    lines = read_curated_lines(plan.work.curated(plan.shards[shard].key))
    return [language_from(field_of(line, field) for field in LANGUAGE_FIELDS) for line in lines]
