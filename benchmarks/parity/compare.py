"""Decisions of two tools side by side, and by which point of the definition they differ."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from benchmarks.parity import pii
from benchmarks.parity.documents import Doc
from benchmarks.parity.rules import Rule

UNEXPLAINED = "unexplained"
EXAMPLES = 5
NEAR = 1.001e-5  # dolma rounds to five digits


@dataclass
class Agreement:
    """How two tools decide by one rule.

    only_ours, only_theirs: documents that one alone drops. causes: by documents. explained:
    documents whose two decisions the plain definitions give. ours_reproduced, theirs_reproduced:
    documents whose numbers they give (of a tool that tells no number, its decision). dies:
    documents on which theirs raises. examples: by cause, positions of documents.
    """

    rule: str
    ours: str
    theirs: str
    documents: int = 0
    only_ours: int = 0
    only_theirs: int = 0
    dies: int = 0
    explained: int = 0
    ours_reproduced: int = 0
    theirs_reproduced: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)

    @property
    def agree(self) -> float:
        return 1 - (self.only_ours + self.only_theirs) / max(1, self.documents)

    @property
    def same_definition(self) -> float:
        return self.explained / max(1, self.documents)

    def differ(self, place: int, cause: str, ours_drops: bool) -> None:
        """Count a document on which they differ."""
        if ours_drops:
            self.only_ours += 1
        else:
            self.only_theirs += 1
        self.causes[cause] += 1
        self.examples.setdefault(cause, [])
        if len(self.examples[cause]) < EXAMPLES:
            self.examples[cause].append(place)


def compare(
    rule: Rule,
    docs: Sequence[Doc],
    ours: Sequence[float],
    theirs: Sequence[float | bool | None],
) -> Agreement:
    """One rule. theirs: a number a document, or whether it is kept; None where theirs dies."""
    found = Agreement(rule.name, rule.ours, rule.theirs)
    all_points = frozenset(rule.points)
    for place, (doc, mine, other) in enumerate(zip(docs, ours, theirs, strict=True)):
        if other is None:
            found.dies += 1
            continue
        found.documents += 1
        own, far = rule.value(doc, frozenset()), rule.value(doc, all_points)
        kept = rule.keeps(mine)
        if isinstance(other, bool):
            other_kept, same = float(other), other == bool(rule.keeps(far, theirs=True))
        else:
            other_kept, same = rule.keeps(other, theirs=True), abs(far - other) <= NEAR
        mine_same = abs(own - mine) <= NEAR
        found.ours_reproduced += bool(mine_same)
        found.theirs_reproduced += bool(same)
        known = rule.keeps(own) == kept and rule.keeps(far, theirs=True) == other_kept
        found.explained += bool(known)
        if kept != other_kept:
            cause = _cause(rule, doc) if known else UNEXPLAINED
            found.differ(place, cause, kept < other_kept)
    return found


def _cause(rule: Rule, doc: Doc) -> str:
    """The fewest points that give our decision when they are taken as ours, the rest as theirs."""
    every = frozenset(rule.points)
    target = rule.keeps(rule.value(doc, frozenset()))
    for size in range(len(rule.points) + 1):
        for points in combinations(rule.points, size):
            rest = every - set(points)
            if rule.keeps(rule.value(doc, rest), theirs=bool(rest) or size == 0) == target:
                return " and ".join(points) if points else "border"
    return "border"


def compare_spans(
    name: str,
    kinds: Sequence[str],
    most: int,
    docs: Sequence[Doc],
    ours: dict[str, list[list[pii.Span]]],
    theirs: dict[str, list[list[pii.Span]]],
) -> Agreement:
    """Documents with more than `most` spans of these kinds; the cause is the most frequent one."""
    found = Agreement(name, ", ".join(f"pii.{k}" for k in kinds), name)
    for place, doc in enumerate(docs):
        found.documents += 1
        mine, other = (sum(len(side[k][place]) for k in kinds) for side in (ours, theirs))
        if (mine > most) == (other > most):
            found.explained += 1
            continue
        why = Counter(
            cause
            for kind in kinds
            for cause, _ in pii.causes(kind, doc.text, ours[kind][place], theirs[kind][place])
        )
        cause = why.most_common(1)[0][0] if why else "counted in other pieces"
        found.differ(place, cause, mine > most)
        found.explained += not cause.endswith("other")
    return found


def whole(
    name: str, rules: Iterable[str], ours: Sequence[bool], theirs: Sequence[bool | None]
) -> Agreement:
    """A whole filter: all its rules together."""
    found = Agreement(name, ", ".join(rules), name)
    for place, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if other is None:
            found.dies += 1
            continue
        found.documents += 1
        if mine != other:
            found.differ(place, "see its rules", other)
    return found
