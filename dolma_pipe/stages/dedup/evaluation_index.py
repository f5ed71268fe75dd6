"""Index of evaluation items: built once, mapped by every worker, without what is boilerplate.

    build_index    one task: items, their texts, words and n-grams
    count_shard    a task a shard: how many documents have an n-gram of a question
    finish_index   one task: weights without the common ones, and where a match may begin

About 20 bytes an n-gram on disk, which workers map and share; building needs some four times that.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dolma_pipe.entries import Decontaminate
from dolma_pipe.evaluations import Item, read_items
from dolma_pipe.kernels.contamination import (
    ANSWER_GRAM,
    LOST_BY_REST,
    PASSAGE_GRAM,
    SHORT_ANSWER,
)
from dolma_pipe.kernels.evaluation_index import (
    Grams,
    Index,
    Seeds,
    count_documents,
    distinct_grams,
    fill_slots,
    fold_all,
)
from dolma_pipe.kernels.jit import I64, U8, U64, Bool
from dolma_pipe.stages.dedup.live import read_live
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.work import all_here, atomic_write, here

PARTS = ("question", "answer", "passage")
EVERY = "every_question"
"""The n-grams of questions before the common ones are left out."""
FEW = 100
"""Documents that an n-gram may stand in whatever the share: copies of an item are no boilerplate.
"""
FREQUENT = 2000
"""n-grams of more items, or of twice the root of their number, begin no match."""


def count_curated(steps: Steps, plan: Plan) -> dict[int, int]:
    """A task a shard of the run."""
    shards = plan.taking_part()
    counted = steps.over_shards("evaluation_index:count_shard", shards)
    return dict(zip(shards, counted, strict=True))


def make_index(
    steps: Steps, plan: Plan, count: Callable[[Steps, Plan], dict[int, int]] = count_curated
) -> dict[str, Any]:
    """All steps. Returns counts, and those of each set in the order of the recipe.

    count: has count_grams done for all shards of the plan, and gives the documents of each.
    """
    assert isinstance(plan.entry, Decontaminate)
    [built] = steps.over_parts("evaluation_index:build_index", 1)
    counted: dict[int, int] = {}
    if plan.entry.ngrams and plan.entry.drop_common is not None:
        counted = count(steps, plan)
    given = {"shards": list(counted), "documents": sum(counted.values())}
    [finished] = steps.over_parts("evaluation_index:finish_index", 1, **given)
    return {**built, **finished}


def build_index(args: dict[str, Any]) -> dict[str, Any]:
    """Task: index/*.npy but for weights and seeds."""
    plan = load(args["plan"])
    entry = plan.entry
    assert isinstance(entry, Decontaminate)
    items, lengths, words, sets = _chosen(entry)
    names = list(entry.evaluations)
    write_array(plan, "evaluation", np.array([names.index(i.evaluation) for i in items], np.int64))
    write_array(plan, "number", np.array([i.number for i in items], np.int64))
    _save_texts(plan, items)
    write_array(plan, "lengths", lengths)
    write_array(plan, "short", _short(words[1], lengths[:, 1]))
    for (part, size), folded in zip(_sizes(entry), words, strict=True):
        hashes, offsets = distinct_grams(*folded, size)
        name = EVERY if part == "question" else part
        write_array(plan, f"{name}.hashes", hashes)
        write_array(plan, f"{name}.offsets", offsets)
        if part == "question":
            grams = np.unique(hashes)
            write_array(plan, "grams", grams)
            _save_seeds(plan, "counted", grams, np.arange(len(grams) + 1), grams[:0].view(np.int64))
    return {"sets": sets}


def count_shard(args: dict[str, Any]) -> int:
    """Task: counts/<shard>.i64. Returns documents."""
    plan, shard = load(args["plan"]), args["part"]
    return count_grams(plan, shard, ((one.text, one.offsets) for one in read_live(plan, shard)))


def count_grams(plan: Plan, shard: int, texts: Iterable[tuple[U8, I64]]) -> int:
    """Write counts/<shard>.i64, pairs of n-gram and documents. Returns documents."""
    assert isinstance(plan.entry, Decontaminate)
    counted = _seeds(plan, "counted")
    counts = np.zeros(len(read_array(plan, "grams")), np.int64)
    documents = 0
    for text, offsets in texts:
        count_documents(text, offsets, plan.entry.ngram, counted, counts)
        documents += len(offsets) - 1
    there = np.flatnonzero(counts)
    with atomic_write(_counts(plan, shard), durable=False) as file:
        file.write(np.stack([there, counts[there]], axis=1).astype(np.int64).data)
    return documents


def finish_index(args: dict[str, Any]) -> dict[str, int]:
    """Task: weights and seeds. args: shards, documents, that were counted."""
    plan = load(args["plan"])
    entry = plan.entry
    assert isinstance(entry, Decontaminate)
    grams, counts = read_array(plan, "grams"), np.zeros(len(read_array(plan, "grams")), np.int64)
    for path in all_here(_counts(plan, shard) for shard in args["shards"]):
        pairs = np.fromfile(path, np.int64).reshape(-1, 2)
        counts[pairs[:, 0]] += pairs[:, 1]
    share = entry.drop_common or 0.0
    common = counts > max(FEW, share * args["documents"])
    _drop(plan, grams[common])
    for part in PARTS:
        offsets = read_array(plan, f"{part}.offsets")
        weights, totals, shared_by = idf_weights(read_array(plan, f"{part}.hashes"), offsets)
        write_array(plan, f"{part}.weights", weights)
        write_array(plan, f"{part}.totals", totals)
        if part == "question":
            seeds = _choose_seeds(plan, weights, totals, shared_by, counts)
    return {
        "ngrams": len(grams),
        "common_ngrams": int(common.sum()),
        "seeds": seeds,
        "unreachable_items": int((read_array(plan, "question.totals") == 0).sum()),
    }


def load_index(plan: Plan) -> Index:
    """The index, mapped and not read."""

    def grams(part: str) -> Grams:
        return Grams(*(read_array(plan, f"{part}.{name}") for name in Grams._fields))

    question, answer, passage = map(grams, PARTS)
    lengths, short = read_array(plan, "lengths"), read_array(plan, "short")
    return Index(question, answer, passage, lengths, short, _seeds(plan, "seeds"))


class ItemTexts:
    """The items of the index as people know them, by their place in it."""

    def __init__(self, plan: Plan) -> None:
        assert isinstance(plan.entry, Decontaminate)
        self._names = list(plan.entry.evaluations)
        self._evaluation, self._number = read_array(plan, "evaluation"), read_array(plan, "number")
        self._offsets, self._text = read_array(plan, "texts.offsets"), read_array(plan, "texts")

    def __len__(self) -> int:
        return len(self._number)

    def evaluation(self, item: int) -> str:
        """The name of its set."""
        return self._names[int(self._evaluation[item])]

    def number(self, item: int) -> int:
        """Its number in the set."""
        return int(self._number[item])

    def text(self, item: int) -> str:
        """Question, answer and passage, those that are there, a line each."""
        return "\n".join(filter(None, (self.part(item, part) for part in range(3))))

    def part(self, item: int, part: int) -> str:
        """One of question, answer and passage."""
        start, end = self._offsets[3 * item + part], self._offsets[3 * item + part + 1]
        return bytes(self._text[start:end]).decode()


def _sizes(entry: Decontaminate) -> list[tuple[str, int]]:
    return list(zip(PARTS, (entry.ngram, ANSWER_GRAM, PASSAGE_GRAM), strict=True))


def _chosen(
    entry: Decontaminate,
) -> tuple[list[Item], I64, list[tuple[U64, I64]], list[dict[str, Any]]]:
    """Items that can be found, tokens of their parts, words of each part, counts of each set."""
    items = list(read_items(entry))
    counts = {name: Counter[str]() for name in entry.evaluations}
    tokens = _fold(items, 0)[1]
    for item in items:
        counts[item.evaluation]["items"] += 1
        counts[item.evaluation]["items_without_question"] += not item.question
    items = [
        _joined(item) if size < entry.ngram else item
        for item, size in zip(items, np.diff(tokens).tolist(), strict=True)
        if item.question
    ]
    words = [_fold(items, part) for part in range(3)]
    lengths = np.stack([np.diff(firsts) for _, firsts in words], axis=1)
    long = (lengths[:, 0] >= entry.ngram) & (lengths.sum(axis=1) >= entry.min_words)
    for item, is_long in zip(items, long.tolist(), strict=True):
        counts[item.evaluation]["items_too_short"] += not is_long
    items = [item for item, is_long in zip(items, long.tolist(), strict=True) if is_long]
    named = ("items", "items_without_question", "items_too_short")
    sets = [{"evaluation": name, **{n: counts[name][n] for n in named}} for name in counts]
    return items, lengths[long], [_some(*folded, long) for folded in words], sets


def _joined(item: Item) -> Item:
    """An item whose question is too short to be looked for: all of it is the question."""
    whole = "\n".join(filter(None, (item.passage, item.question, item.answer)))
    return item._replace(question=whole, answer="", passage="")


def _fold(items: list[Item], part: int) -> tuple[U64, I64]:
    texts = [item[2:][part].encode() for item in items]
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return fold_all(np.frombuffer(b"".join(texts), np.uint8), offsets)


def _some(words: U64, firsts: I64, chosen: Bool) -> tuple[U64, I64]:
    lengths = np.diff(firsts)
    kept = words[np.repeat(chosen, lengths)]
    return kept, np.concatenate([[0], np.cumsum(lengths[chosen])])


def _short(folded: tuple[U64, I64], lengths: I64) -> U64:
    """The words of short answers, 0 elsewhere."""
    words, firsts = folded
    short = np.zeros((len(lengths), SHORT_ANSWER), np.uint64)
    for place in range(SHORT_ANSWER):
        has = (lengths <= SHORT_ANSWER) & (lengths > place)
        short[has, place] = words[firsts[:-1][has] + place]
    return short


def _save_texts(plan: Plan, items: list[Item]) -> None:
    texts = [part.encode() for item in items for part in item[2:]]
    write_array(plan, "texts", np.frombuffer(b"".join(texts), np.uint8))
    write_array(plan, "texts.offsets", np.cumsum([0, *map(len, texts)]).astype(np.int64))


def _drop(plan: Plan, common: U64) -> None:
    """The n-grams of questions without the common ones."""
    hashes, offsets = read_array(plan, f"{EVERY}.hashes"), read_array(plan, f"{EVERY}.offsets")
    keep = ~np.isin(hashes, common)
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    write_array(plan, "question.hashes", hashes[keep])
    write_array(plan, "question.offsets", kept_before[offsets])


def idf_weights(hashes: U64, offsets: I64) -> tuple[I64, I64, I64]:
    """idf = ln(items / items that have it), in millionths; their sums; and that number of items.

    hashes: distinct within an item; offsets: int64[items + 1]. Where all hashes of an item are in
    every item, each weighs the same.
    """
    items = len(offsets) - 1
    _, which, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    shared_by = counts[which]
    weights = np.round(np.log(items / shared_by) * 1e6).astype(np.int64)
    of_item = np.repeat(np.arange(items), np.diff(offsets))
    weightless = np.bincount(of_item, weights > 0, items) == 0
    weights[weightless[of_item]] = 1
    sums = np.concatenate([[0], np.cumsum(weights)])
    return weights, sums[offsets[1:]] - sums[offsets[:-1]], shared_by


def _choose_seeds(plan: Plan, weights: I64, totals: I64, shared_by: I64, counts: I64) -> int:
    """n-grams that begin a match, per item: those that are rarest in the documents, then in items.

    As many as are needed that the others do not reach the early reject by themselves (the prefix
    filter of similarity joins, Chaudhuri et al. 2006): no match is missed.
    """
    entry = plan.entry
    assert isinstance(entry, Decontaminate)
    hashes, offsets = read_array(plan, "question.hashes"), read_array(plan, "question.offsets")
    items = len(totals)
    of_item = np.repeat(np.arange(items), np.diff(offsets))
    able = np.flatnonzero(shared_by <= max(FREQUENT, 2 * np.sqrt(items)))
    documents = counts[np.searchsorted(read_array(plan, "grams"), hashes[able])]
    order = able[np.lexsort((hashes[able], -weights[able], documents, of_item[able]))]
    sums = np.cumsum(weights[order])
    before = sums - weights[order]
    firsts = np.searchsorted(of_item[order], np.arange(items))
    before -= np.append(before, 0)[firsts][of_item[order]]
    least = (entry.threshold - LOST_BY_REST) / (1 - LOST_BY_REST) - 2e-6
    chosen = order[before <= (1 - least) * totals[of_item[order]]]
    chosen = chosen[np.argsort(hashes[chosen], kind="stable")]
    seeds, begins = np.unique(hashes[chosen], return_index=True)
    _save_seeds(plan, "seeds", seeds, np.append(begins, len(chosen)), of_item[chosen])
    return len(seeds)


def _save_seeds(plan: Plan, name: str, grams: U64, borders: I64, items: I64) -> None:
    slots = 1 << max(6, (2 * len(grams)).bit_length())
    seeds = Seeds(
        np.zeros(slots // 4, np.uint64),  # 16 bits a slot and more
        np.zeros(slots, np.uint64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        items.astype(np.int64),
    )
    fill_slots(seeds, grams, borders[:-1].astype(np.int64), borders[1:].astype(np.int64))
    for field, values in zip(Seeds._fields, seeds, strict=True):
        write_array(plan, f"{name}.{field}", values)


def _seeds(plan: Plan, name: str) -> Seeds:
    return Seeds(*(read_array(plan, f"{name}.{field}") for field in Seeds._fields))


def _path(plan: Plan, name: str) -> Path:
    return plan.path(f"index/{name}.npy")


def _counts(plan: Plan, shard: int) -> Path:
    return plan.path(f"counts/{plan.shards[shard].key}.i64")


def write_array(plan: Plan, name: str, values: npt.NDArray[Any]) -> None:
    with atomic_write(_path(plan, name), durable=False) as file:
        np.save(file, values)


def read_array(plan: Plan, name: str) -> Any:
    """Mapped; without the subclass, which kernels would be compiled for anew."""
    return np.asarray(np.load(here(_path(plan, name)), mmap_mode="r", allow_pickle=False))
