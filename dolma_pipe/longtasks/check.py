"""Every task counted again, slowly and without the kernels that made it."""

import re
import sys
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise, takewhile

from dolma_pipe.kernels.unicode import SCRIPTS_WITHOUT_SPACES
from dolma_pipe.longtasks.task import Excerpt, Task

_ALONE_FROM = [first for first, _ in SCRIPTS_WITHOUT_SPACES]


class CheckFailed(Exception):
    """A task says something that is not so; the text is the reason."""


def check_task(text: str, task: Task) -> None:
    """Count and look up again all that a task says about a document. Raises CheckFailed."""
    _check_shape(task)
    borders = _check_parts(text, task)
    if task.kind == "cwe":
        _check_counts(_folded(text), borders, task)
    else:
        _check_excerpts(text, borders, task)


def _fail_unless(holds: bool, reason: str) -> None:
    if not holds:
        raise CheckFailed(reason)


def _check_shape(task: Task) -> None:
    """As many words, counts and excerpts as the form has, of parts that there are."""
    everywhere = task.kind == "rex" or task.form == "spread"
    _fail_unless(bool(task.parts), "no parts")
    _fail_unless(len(task.words) == 1 if everywhere else bool(task.words), "words are missing")
    counts = len(task.parts if everywhere else task.words)
    _fail_unless(len(task.counts) == counts, "as many counts are needed")
    numbers = [excerpt.part for excerpt in task.excerpts]
    numbers += [] if everywhere and not task.part else [task.part]
    _fail_unless(all(0 < n <= len(task.parts) for n in numbers), "no such part")
    if task.kind == "rex" and task.form != "absent":
        fits = len(task.excerpts) == 1 if task.form in ("cloze", "next") else bool(task.excerpts)
        _fail_unless(fits, "not as many excerpts as the form has")


def _check_parts(text: str, task: Task) -> list[int]:
    """The characters (not bytes) at which parts start."""
    content, flat = text.encode(), " ".join(text.split())
    ends = [part.end for part in task.parts]
    starts = [part.start for part in task.parts]
    _fail_unless(starts == [0, *ends[:-1]] and ends[-1] == len(content), "parts have gaps")
    borders, at = [], 0
    for part in task.parts:
        body = content[part.start : part.end].decode(errors="replace")
        _fail_unless(flat.count(part.beginning) == 1, "a beginning is not unique")
        head = " ".join(body.split(None, 100)) if part.beginning else ""
        _fail_unless(head.startswith(part.beginning), "a part begins otherwise")
        borders.append(at)
        at += len(body)
    return borders


def _check_counts(folded: str, borders: list[int], task: Task) -> None:
    if task.form == "most":
        _check_most(folded, borders, task)
        return
    for place, word in enumerate(task.words):
        by_part = _by_part(occurrences(folded, word, task.unit == "pair"), borders)
        told = task.counts if task.form == "spread" else task.counts[place]
        counted = by_part if task.form == "spread" else by_part[task.part - 1]
        _fail_unless(counted == told, "a count is wrong")


def _check_most(folded: str, borders: list[int], task: Task) -> None:
    end = [*borders, len(folded)][task.part]
    runs = _runs_from(folded, borders[task.part - 1])
    counts = Counter(match[0] for match in takewhile(lambda match: match.start() < end, runs))
    rivals = {
        word: set[int]()  # parts that have it
        for word, n in counts.items()
        if n >= task.counts[-1] and _letters(word) >= task.letters and not _alone(word)
    }
    for match in _runs_from(folded, 0):  # once for all: thousands of words may be rivals
        if match[0] in rivals:
            rivals[match[0]].add(bisect_right(borders, match.start()))
    rare = [word for word, having in rivals.items() if 2 * len(having) <= len(borders)]
    named = {word: counts[word] for word in rare}
    told = dict(zip(map(_folded, task.words), task.counts, strict=True))
    _fail_unless(named == told, "other words occur as often")
    strict = all(more > fewer for more, fewer in pairwise(task.counts))
    _fail_unless(strict, "two words occur equally often")


def _check_excerpts(text: str, borders: list[int], task: Task) -> None:
    folded, content = _folded(text), text.encode()
    found = list(occurrences(folded, task.expression, task.unit == "pair"))
    _fail_unless(_by_part(found, borders) == task.counts, "a count is wrong")
    for excerpt in task.excerpts:
        body = content[excerpt.start : excerpt.end]
        _fail_unless(body == excerpt.text.encode(), "an excerpt is not in the text")
        part = task.parts[excerpt.part - 1]
        _fail_unless(part.start <= excerpt.start < part.end, "an excerpt is of another part")
        if task.form != "next":
            inside = occurrences(_folded(excerpt.text), task.expression, task.unit == "pair")
            _fail_unless(any(True for _ in inside), "an excerpt lacks the expression")
    places = [(len(text[:a].encode()), len(text[:b].encode())) for a, b in found]
    check = _FORMS.get(task.form)
    if check is not None:
        check(content, places, task)


Places = list[tuple[int, int]]
"""Bytes of all occurrences of the expression."""


def _covers(excerpts: Iterable[Excerpt], place: tuple[int, int]) -> bool:
    return any(e.start <= place[0] and place[1] <= e.end for e in excerpts)


def _check_all(content: bytes, places: Places, task: Task) -> None:  # noqa: ARG001
    whole = all(_covers(task.excerpts, place) for place in places)
    _fail_unless(whole, "an occurrence is missing")
    starts = [excerpt.start for excerpt in task.excerpts]
    _fail_unless(starts == sorted(set(starts)), "excerpts are out of order")


def _check_firsts(content: bytes, places: Places, task: Task) -> None:  # noqa: ARG001
    """An excerpt of every part that has the expression, with its first occurrence there."""
    for number, n in enumerate(task.counts, 1):
        firsts = [e for e in task.excerpts if e.part == number]
        _fail_unless(len(firsts) == (n > 0), "not one excerpt a part")
        part = task.parts[number - 1]
        inside = [place for place in places if part.start <= place[0] < part.end]
        _fail_unless(not inside or _covers(firsts, inside[0]), "not the first of a part")


def _check_ends(content: bytes, places: Places, task: Task) -> None:  # noqa: ARG001
    first, last = _covers(task.excerpts[:1], places[0]), _covers(task.excerpts[-1:], places[-1])
    _fail_unless(first and last, "not the first or the last")


def _check_first(content: bytes, places: Places, task: Task) -> None:  # noqa: ARG001
    _fail_unless(_covers(task.excerpts, places[0]), "not the first")


def _check_shown(content: bytes, places: Places, task: Task) -> None:  # noqa: ARG001
    _fail_unless(sorted(task.shown) == list(range(len(task.excerpts))), "choices are missing")
    distinct = {excerpt.text for excerpt in task.excerpts}
    _fail_unless(len(distinct) == len(task.excerpts), "two choices are equal")
    starts = [excerpt.start for excerpt in task.excerpts]
    _fail_unless(starts == sorted(starts), "excerpts are out of order")
    if task.form == "quiz":
        right = [e for e in task.excerpts if e.part == task.part]
        _fail_unless(len(right) == 1, "not one choice is right")
    if task.form in ("quiz", "match", "order"):
        _fail_unless(all(content.count(text.encode()) == 1 for text in distinct), "not unique")


def _check_cloze(content: bytes, places: Places, task: Task) -> None:  # noqa: ARG001
    [excerpt] = task.excerpts
    _fail_unless(content.count(task.given.encode()) == 1, "not unique")
    _fail_unless(excerpt.text.startswith(task.given), "a sentence begins otherwise")


def _check_next(content: bytes, places: Places, task: Task) -> None:
    [excerpt] = task.excerpts
    given = task.given.encode()
    _fail_unless(content.count(given) == 1, "not unique")
    start = content.index(given)
    before = Excerpt(0, start, start + len(given), task.given)
    _fail_unless(any(_covers([before], place) for place in places), "lacks the expression")
    between = content[before.end : excerpt.start]
    near = before.end <= excerpt.start and between.count(b"\n") < 2
    _fail_unless(near and not between.strip(), "not the next sentence")


_FORMS = {
    "list": _check_all,
    "concordance": _check_all,
    "table": _check_firsts,
    "ends": _check_ends,
    "dialogue": _check_ends,
    "summary": _check_first,
    "quiz": _check_shown,
    "order": _check_shown,
    "match": _check_shown,
    "cloze": _check_cloze,
    "next": _check_next,
}


def occurrences(folded: str, expression: str, touching: bool) -> Iterator[tuple[int, int]]:
    """Characters of a folded text at which an expression stands: one run, or two in a row.

    touching: the two with nothing between them, else with white space alone.
    """
    members = [match[0] for match in _pattern().finditer(_folded(expression))]
    between = "" if touching else r"\s+"
    for hit in re.finditer(between.join(map(re.escape, members)), folded):
        first, last = hit.start(), hit.end() - len(members[-1])
        whole = _run_end(folded, first) == first + len(members[0])
        if whole and _starts_run(folded, first) and _run_end(folded, last) == hit.end():
            yield hit.span()


def _starts_run(folded: str, at: int) -> bool:
    """Whether the letter there goes on with no run before it."""
    if _alone(folded[at]):
        return True
    before = at - 1
    while before >= 0 and unicodedata.category(folded[before])[0] == "M":
        before -= 1
    return before < 0 or _alone(folded[before]) or unicodedata.category(folded[before])[0] != "L"


def _run_end(folded: str, start: int) -> int:
    found = _pattern().match(folded, start)
    return found.end() if found else -1


def _runs_from(folded: str, start: int) -> Iterator[re.Match[str]]:
    """Runs that start there or later."""
    matches = _pattern().finditer(folded, start)
    return (match for match in matches if match.start() > start or _starts_run(folded, start))


def _by_part(found: Iterable[tuple[int, int]], borders: list[int]) -> tuple[int, ...]:
    counts = [0] * len(borders)
    for start, _ in found:
        counts[bisect_right(borders, start) - 1] += 1
    return tuple(counts)


def _folded(text: str) -> str:
    """Lower case with as many characters as before."""
    return text.replace("İ", "i").lower().replace("ς", "σ")


def _letters(word: str) -> int:
    return sum(unicodedata.category(c)[0] == "L" for c in word)


def _alone(word: str) -> bool:
    """Whether its letter is a run by itself."""
    at = bisect_right(_ALONE_FROM, ord(word[0])) - 1
    return at >= 0 and ord(word[0]) <= SCRIPTS_WITHOUT_SPACES[at][1]


@cache
def _pattern() -> re.Pattern[str]:
    """Letters of scripts with spaces in a row, or one of another, each with its marks."""
    sorts: dict[str, list[str]] = {"spaced": [], "alone": [], "mark": []}
    for character in map(chr, range(sys.maxunicode + 1)):
        kind = unicodedata.category(character)[0]
        if kind == "M":
            sorts["mark"].append(character)
        elif kind == "L":
            sorts["alone" if _alone(character) else "spaced"].append(character)
    spaced, alone, mark = (_ranges(sorts[name]) for name in ("spaced", "alone", "mark"))
    return re.compile(f"[{spaced}][{spaced}{mark}]*|[{alone}][{mark}]*")


def _ranges(characters: list[str]) -> str:
    """The inside of a character class."""
    codes = [ord(c) for c in characters]
    starts = [b for a, b in pairwise([-2, *codes]) if b != a + 1]
    ends = [a for a, b in pairwise([*codes, sys.maxunicode + 9]) if b != a + 1]
    return "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in zip(starts, ends, strict=True))
