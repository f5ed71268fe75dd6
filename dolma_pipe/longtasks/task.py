"""What a task is: everything that was counted and cut out, and what a wording of it has to say."""

from typing import Literal

import msgspec

Kind = Literal["cwe", "rex"]
CweForm = Literal["most", "counts", "count", "spread"]
RexForm = Literal[
    "list",
    "table",
    "ends",
    "dialogue",
    "quiz",
    "cloze",
    "order",
    "match",
    "concordance",
    "next",
    "absent",
    "summary",
]
Unit = Literal["word", "pair"]
LETTERS = "ABCDEFGH"


class Part(msgspec.Struct, frozen=True):
    """A part of a document: bytes start to end of its text.

    beginning: how it begins, white space collapsed; stands there once in the whole document.
    """

    start: int
    end: int
    beginning: str


class Excerpt(msgspec.Struct, frozen=True):
    """Bytes start to end of the text, which lie in part number `part` (from 1)."""

    part: int
    start: int
    end: int
    text: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task, with all that it takes to word it and to count it again."""

    kind: Kind
    form: CweForm | RexForm
    unit: Unit
    """word: an unbroken run of letters; pair: two Chinese characters that stand side by side."""
    letters: int
    """Shortest words that were looked at, in letters."""
    parts: tuple[Part, ...]
    """All parts of the document, in order; each ends where the next begins."""
    part: int = 0
    """The part that is asked about, from 1; 0 where all are."""
    words: tuple[str, ...] = ()
    """CWE: the words, lower-case. REX: the expression alone, one word or two."""
    counts: tuple[int, ...] = ()
    """A word each; of `spread` and of REX, a part each: how often the one word occurs there."""
    excerpts: tuple[Excerpt, ...] = ()
    """In the order of the text."""
    shown: tuple[int, ...] = ()
    """Excerpts (from 0) as the question shows them, lettered from A."""
    given: str = ""
    """cloze: how the sentence begins. next: the sentence before."""

    @property
    def expression(self) -> str:
        return self.words[0]

    @property
    def listed(self) -> bool:
        """Whether the question has to say which parts there are."""
        return self.form not in ("counts", "count", "cloze", "order", "next")

    def ends_with(self) -> str | None:
        """How the part behind the one that is asked about begins; None: it is the last."""
        return self.parts[self.part].beginning if self.part < len(self.parts) else None

    def asked(self) -> tuple[str, ...]:
        """Strings that the question has to hold: without them nobody could answer it."""
        needed = [part.beginning for part in self.parts] if self.listed else []
        if self.part and not self.listed:
            end = self.ends_with()
            needed += [self.parts[self.part - 1].beginning] + ([end] if end else [])
        if self.form != "most":
            needed += self.words
        needed += [self.excerpts[i].text for i in self.shown]
        return (*needed, self.given) if self.given else tuple(needed)

    def facts(self) -> tuple[str, ...]:
        """Strings that the answer has to hold, in this order."""
        return tuple(_FACTS[self.form](self))


def _pairs(task: Task) -> list[str]:
    return [
        fact for word, n in zip(task.words, task.counts, strict=True) for fact in (word, str(n))
    ]


def _placed(excerpts: tuple[Excerpt, ...]) -> list[str]:
    return [fact for excerpt in excerpts for fact in (str(excerpt.part), excerpt.text)]


def _spread(task: Task) -> list[str]:
    return [fact for i, n in enumerate(task.counts) for fact in (str(i + 1), str(n))]


def _table(task: Task) -> list[str]:
    facts = []
    for excerpt in task.excerpts:
        facts += [str(excerpt.part), str(task.counts[excerpt.part - 1]), excerpt.text]
    return facts


def _ends(task: Task) -> list[str]:
    return _placed((task.excerpts[0], task.excerpts[-1]))


def _dialogue(task: Task) -> list[str]:
    return [str(sum(task.counts)), *_ends(task)]


def _quiz(task: Task) -> list[str]:
    place = next(i for i, at in enumerate(task.shown) if task.excerpts[at].part == task.part)
    return [LETTERS[place], task.excerpts[task.shown[place]].text]


def _order(task: Task) -> list[str]:
    return [LETTERS[task.shown.index(i)] for i in range(len(task.excerpts))]


def _match(task: Task) -> list[str]:
    shown = [(LETTERS[i], str(task.excerpts[at].part)) for i, at in enumerate(task.shown)]
    return [fact for pair in shown for fact in pair]


def _absent(task: Task) -> list[str]:
    return [str(i + 1) for i, n in enumerate(task.counts) if not n]


def _summary(task: Task) -> list[str]:
    present = [i for i, n in enumerate(task.counts) if n]
    facts = [str(sum(task.counts)), str(len(present))]
    for i in present:
        facts += [str(i + 1), str(task.counts[i])]
    return [*facts, task.excerpts[0].text]


_FACTS = {
    "most": _pairs,
    "counts": _pairs,
    "count": lambda task: [str(task.counts[0])],
    "spread": _spread,
    "list": lambda task: _placed(task.excerpts),
    "table": _table,
    "ends": _ends,
    "dialogue": _dialogue,
    "quiz": _quiz,
    "cloze": lambda task: [task.excerpts[0].text[len(task.given) :].lstrip()],
    "order": _order,
    "match": _match,
    "concordance": lambda task: _placed(task.excerpts),
    "next": lambda task: [task.excerpts[0].text],
    "absent": _absent,
    "summary": _summary,
}
