"""REX, rewriting expressions: what a document says about an expression that its parts share.

OLMo 3 (arXiv 2512.13961) has a language model rewrite snippets in one of 12 vignettes. These 12 are
made by rule, from exact excerpts.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

import numpy as np

from dolma_pipe.kernels.jit import F64, I64
from dolma_pipe.kernels.runs import APART
from dolma_pipe.longtasks.draw import Draw
from dolma_pipe.longtasks.sentences import Quotable
from dolma_pipe.longtasks.task import LETTERS, Excerpt, Part, RexForm, Task
from dolma_pipe.longtasks.words import Terms, Vocabulary

FORMS: tuple[RexForm, ...] = get_args(RexForm)
FEWEST_PARTS = 3
FEWEST, MOST = 3, 12
"""Occurrences of an expression: what has more cannot be told in full."""
EXCERPT_BYTES = 3000
"""Of all excerpts of a task."""
CHOSEN_FROM = 8
TRIED = 64
"""Expressions of each sort that are looked at."""
NEIGHBOURS = 4
"""Words on either side in a concordance."""
SHORTEST_HALF = 20
"""Characters of what is given of a sentence, and of what is to be completed."""


class Found(NamedTuple):
    """An expression: its occurrences int64[n], and the sentence of each, all of them quotable."""

    terms: Terms
    number: int
    occurrences: I64
    sentences: list[int]


class Scene(NamedTuple):
    """What a vignette is made from."""

    vocabulary: Vocabulary
    quotable: Quotable
    found: Found
    draw: Draw
    turn: int

    def excerpt(self, start: int, end: int) -> Excerpt:
        """Bytes of the text with the part in which they start."""
        text = self.vocabulary.text[start:end].tobytes().decode()
        part = sum(part.start <= start for part in self.vocabulary.parts)
        return Excerpt(part, start, end, text)

    def sentence(self, number: int) -> Excerpt:
        return self.excerpt(int(self.quotable.starts[number]), int(self.quotable.ends[number]))

    def sentences(self) -> tuple[Excerpt, ...]:
        """All that have the expression, in order."""
        return tuple(map(self.sentence, sorted(set(self.found.sentences))))

    def task(
        self,
        form: RexForm,
        excerpts: tuple[Excerpt, ...] = (),
        part: int = 0,
        shown: tuple[int, ...] = (),
        given: str = "",
    ) -> Task:
        terms, number = self.found.terms, self.found.number
        return Task(
            kind="rex",
            form=form,
            unit=self.vocabulary.unit,
            letters=self.vocabulary.letters,
            parts=self.vocabulary.parts,
            part=part,
            words=(self.vocabulary.spelled(terms, number),),
            counts=terms.by_part(number),
            excerpts=excerpts,
            shown=shown,
            given=given,
        )


def rex_task(vocabulary: Vocabulary, draw: Draw, turn: int) -> Task | None:
    """A task on this document, or None where no expression comes back in three parts."""
    quotable = Quotable(vocabulary.text)
    found = list(_expressions(vocabulary, quotable))
    if not found:
        return None
    for i, expression in enumerate(draw.shuffled(found, "expression", turn)):
        scene = Scene(vocabulary, quotable, expression, draw, turn)
        for form in draw.shuffled(FORMS, "rex", turn, i):
            task = _MAKERS[form](scene)
            if task is not None:
                return task
    return None


def _expressions(vocabulary: Vocabulary, quotable: Quotable) -> Iterator[Found]:
    """The best expressions: pairs that hold together, then words, most of them names."""
    pairs = vocabulary.pairs
    sorts = [(pairs, vocabulary.cohesion * _burstiness(pairs) * vocabulary.pair_rarity)]
    if vocabulary.unit == "word":
        sorts.append((vocabulary.words, _word_scores(vocabulary)))
    for terms, scores in sorts:
        totals, spread = terms.totals, terms.spread
        good = (totals >= FEWEST) & (totals <= MOST) & (spread >= FEWEST_PARTS) & (scores > 0)
        numbers = np.flatnonzero(good)
        order = np.lexsort((numbers, -np.round(scores[numbers], 9)))
        taken = 0
        for number in numbers[order[:TRIED]].tolist():
            found = _found(terms, number, quotable, vocabulary.parts)
            if found is not None and not _is_fragment(vocabulary, found):
                yield found
                taken += 1
            if taken == CHOSEN_FROM:
                break


def _word_scores(vocabulary: Vocabulary) -> F64:
    """Names (all occurrences with a capital), words that come in bursts, long words."""
    terms, runs = vocabulary.words, vocabulary.runs
    capitals = np.bincount(terms.numbers, runs.capitals, minlength=terms.size)
    names = capitals / np.maximum(1, terms.totals)
    letters = runs.letters[terms.firsts]
    scores: F64 = names + _burstiness(terms) + np.minimum(letters, 12) / 24
    return scores * vocabulary.rarity * (vocabulary.usable & (letters > vocabulary.letters))


def _burstiness(terms: Terms) -> F64:
    """float64[terms]: occurrences in a part that has it; what a text is about comes in bursts
    (Church and Gale 1995), where adverbs are spread evenly."""
    scores: F64 = terms.totals / np.maximum(1, terms.spread)
    return scores


def _found(terms: Terms, number: int, quotable: Quotable, parts: tuple[Part, ...]) -> Found | None:
    occurrences = terms.occurrences(number)
    sentences = []
    for at in occurrences.tolist():
        sentence = quotable.of(int(terms.starts[at]), int(terms.ends[at]))
        if not quotable.good(sentence):
            return None
        sentences.append(sentence)
    distinct = sorted(set(sentences))
    borders = [part.start for part in parts[1:]]
    if any(quotable.starts[s] < border < quotable.ends[s] for s in distinct for border in borders):
        return None
    texts = {quotable.read(sentence) for sentence in distinct}
    size = sum(int(quotable.ends[s] - quotable.starts[s]) for s in distinct)
    if len(texts) < len(distinct) or len(distinct) < FEWEST or size > EXCERPT_BYTES:
        return None
    return Found(terms, number, occurrences, sentences)


def _is_fragment(vocabulary: Vocabulary, found: Found) -> bool:
    """Whether the same word, and no function word, always stands right before or right after."""
    runs, terms = vocabulary.runs, found.terms
    firsts = np.searchsorted(runs.starts, terms.starts[found.occurrences])
    afters = np.searchsorted(runs.ends, terms.ends[found.occurrences]) + 1
    for neighbours, borders in ((firsts - 1, firsts), (afters, afters)):
        if neighbours.min() < 0 or neighbours.max() >= len(runs.ends):
            continue
        same = vocabulary.singles.numbers[neighbours]
        joined = (runs.joins[borders] != APART).all()
        if joined and (same == same[0]).all() and not vocabulary.common[same[0]]:
            return True
    return False


def _list(scene: Scene) -> Task | None:
    return scene.task("list", scene.sentences())


def _table(scene: Scene) -> Task | None:
    """The first sentence of every part."""
    firsts = {excerpt.part: excerpt for excerpt in reversed(scene.sentences())}
    return scene.task("table", tuple(firsts[part] for part in sorted(firsts)))


def _ends(scene: Scene) -> Task | None:
    sentences = scene.sentences()
    return scene.task("ends", (sentences[0], sentences[-1]))


def _dialogue(scene: Scene) -> Task | None:
    sentences = scene.sentences()
    return scene.task("dialogue", (sentences[0], sentences[-1]))


def _quiz(scene: Scene) -> Task | None:
    """One sentence of each of some parts: which stands in the part that is asked for?"""
    firsts = {excerpt.part: excerpt for excerpt in reversed(scene.sentences())}
    parts = sorted(scene.draw.shuffled(sorted(firsts), "choices", scene.turn)[:4])
    shown = scene.draw.shuffled(range(len(parts)), "letters", scene.turn)
    asked = scene.draw.shuffled(parts, "asked", scene.turn)[0]
    return scene.task("quiz", tuple(firsts[part] for part in parts), asked, tuple(shown))


def _order(scene: Scene) -> Task | None:
    excerpts = scene.sentences()[: len(LETTERS)]
    shown = scene.draw.shuffled(range(len(excerpts)), "order", scene.turn)
    return scene.task("order", excerpts, shown=tuple(shown))


def _match(scene: Scene) -> Task | None:
    excerpts = scene.sentences()[: len(LETTERS)]
    shown = scene.draw.shuffled(range(len(excerpts)), "match", scene.turn)
    return scene.task("match", excerpts, shown=tuple(shown))


def _concordance(scene: Scene) -> Task | None:
    """Each occurrence with some words on either side, inside of its sentence."""
    terms, quotable = scene.found.terms, scene.quotable
    runs = scene.vocabulary.runs
    excerpts = []
    pairs = zip(scene.found.occurrences.tolist(), scene.found.sentences, strict=True)
    for at, sentence in pairs:
        first = int(np.searchsorted(runs.starts, terms.starts[at])) - NEIGHBOURS
        last = int(np.searchsorted(runs.ends, terms.ends[at])) + NEIGHBOURS
        start, end = int(quotable.starts[sentence]), int(quotable.ends[sentence])
        if first >= 0:
            start = max(start, int(runs.starts[first]))
        if last < len(runs.ends):
            end = min(end, int(runs.ends[last]))
        excerpts.append(scene.excerpt(start, end))
    if len({excerpt.start for excerpt in excerpts}) < len(excerpts):
        return None  # two in a row at the head of a sentence
    return scene.task("concordance", tuple(excerpts))


def _cloze(scene: Scene) -> Task | None:
    """The rest of a sentence whose first half stands there once."""
    whole = scene.vocabulary.text.tobytes()
    for excerpt in scene.draw.shuffled(scene.sentences(), "cloze", scene.turn):
        half = excerpt.text[: len(excerpt.text) // 2]
        given = half[: half.rindex(" ")] if " " in half else half
        rest = excerpt.text[len(given) :].strip()
        if min(len(given), len(rest)) < SHORTEST_HALF or "\n" in excerpt.text:
            continue
        if whole.count(given.encode()) == 1:
            return scene.task("cloze", (excerpt,), given=given)
    return None


def _next(scene: Scene) -> Task | None:
    """The sentence after one that has the expression."""
    whole = scene.vocabulary.text.tobytes()
    numbers = sorted(set(scene.found.sentences))
    for number in scene.draw.shuffled(numbers, "next", scene.turn):
        good = scene.quotable.follows(number) and scene.quotable.good(number + 1)
        given = scene.quotable.read(number)
        if good and whole.count(given.encode()) == 1:
            return scene.task("next", (scene.sentence(number + 1),), given=given)
    return None


def _absent(scene: Scene) -> Task | None:
    counts = scene.found.terms.by_part(scene.found.number)
    return scene.task("absent") if 0 < counts.count(0) <= 8 else None


def _summary(scene: Scene) -> Task | None:
    return scene.task("summary", scene.sentences()[:1])


_MAKERS: dict[RexForm, Callable[[Scene], Task | None]] = {
    "list": _list,
    "table": _table,
    "ends": _ends,
    "dialogue": _dialogue,
    "quiz": _quiz,
    "cloze": _cloze,
    "order": _order,
    "match": _match,
    "concordance": _concordance,
    "next": _next,
    "absent": _absent,
    "summary": _summary,
}
