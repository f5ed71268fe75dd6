"""Repeated lines, paragraphs and n-grams as dolma, datatrove and ours define them."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from benchmarks.parity.documents import Choice, Doc, code_points
from benchmarks.parity.rules import SPACY_WORDS, WORDS, Rule, Value

MOST_TOP = {2: 0.2, 3: 0.18, 4: 0.16}
MOST_DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1}

Stretches = Callable[[Doc, Choice], list[str]]


def _characters(doc: Doc, choice: Choice) -> int:
    """What shares are taken of: of words, or of the text with its white space."""
    return len(doc.text) if "of text" in choice else sum(map(len, doc.split))


def _dolma_lines(doc: Doc, choice: Choice) -> list[str]:
    return doc.text.split("\n") if "blank" in choice else doc.lines


def _datatrove_lines(doc: Doc, choice: Choice) -> list[str]:
    return re.split(r"\n+", doc.text) if "blank" in choice else doc.lines


def _paragraphs(doc: Doc, choice: Choice) -> list[str]:
    if "borders" in choice:
        return re.split(r"\n{2,}", doc.text.strip())
    found = [""]
    for line in doc.text.split("\n"):
        if line.strip():
            found[-1] += line + "\n"
        else:
            found.append("")
    return [paragraph.removesuffix("\n") for paragraph in found if paragraph]


def _duplicates(doc: Doc, choice: Choice, stretches: Stretches, characters: bool) -> float:
    found = stretches(doc, choice)
    if not found or not doc.split:
        return 0.0
    keys: list[Hashable] = [
        stretch if "as it stands" in choice else _our_words(stretch) for stretch in found
    ]
    counts, seen = Counter(keys), set()
    repeats = 0
    for stretch, key in zip(found, keys, strict=True):
        if key in seen or ("every" in choice and counts[key] > 1):
            repeats += (
                1
                if not characters
                else len(stretch)
                if "spaces" in choice
                else sum(map(len, stretch.split()))
            )
        seen.add(key)
    return repeats / (_characters(doc, choice) if characters else len(found))


def _our_words(stretch: str) -> tuple[str, ...]:
    return tuple(word for run in stretch.split() for word in code_points(run))


def _share(stretches: Stretches, characters: bool) -> Value:
    return lambda doc, choice: _duplicates(doc, choice, stretches, characters)


def _set(value: Value, *points: str) -> Value:
    """These points are as theirs on both sides: settings of ours express them."""
    return lambda doc, choice: value(doc, {*choice, *points})


def _grams(doc: Doc, choice: Choice, n: int) -> list[tuple[str, ...]]:
    found = doc.words(choice)
    return list(zip(*(found[i:] for i in range(n)), strict=False))


def _top(n: int) -> Value:
    """The points: "once" (an n-gram that occurs once counts), "first" (of equally frequent ones,
    not the longest), "spaces" (in its length), "of text" (what the share is of)."""

    def share(doc: Doc, choice: Choice) -> float:
        counts = Counter(_grams(doc, choice, n))
        most = max(counts.values(), default=0)
        if most == 0 or (most == 1 and "once" not in choice):
            return 0.0
        often = [gram for gram, count in counts.items() if count == most]
        lengths = [_length(gram, choice) for gram in (often[:1] if "first" in choice else often)]
        return most * max(lengths) / _characters(doc, choice)

    return share


def _length(gram: Sequence[str], choice: Choice) -> int:
    return sum(map(len, gram)) + ("spaces" in choice) * (len(gram) - 1)


def _duplicate(n: int) -> Value:
    """The points: "every" (the first of equal ones, too), "each" (characters are counted for each
    n-gram around them), "steps" (after a repeat, n words further), "of text"."""

    def share(doc: Doc, choice: Choice) -> float:
        grams = _grams(doc, choice, n)
        if not grams:
            return 0.0
        counts = Counter(grams)
        if "each" in choice:
            return _of_all(grams, counts, "every" in choice)
        found = doc.words(choice)
        repeated = (
            _in_steps(found, grams, n)
            if "steps" in choice
            else _covered(found, grams, n, counts, "every" in choice)
        )
        return repeated / _characters(doc, choice)

    return share


def _of_all(
    grams: list[tuple[str, ...]], counts: Counter[tuple[str, ...]], every_member: bool
) -> float:
    lengths = {gram: sum(map(len, gram)) for gram in counts}
    repeated = sum(
        (count - (not every_member)) * lengths[gram] for gram, count in counts.items() if count > 1
    )
    return repeated / max(1, sum(map(lengths.__getitem__, grams)))


def _covered(
    found: list[str],
    grams: list[tuple[str, ...]],
    n: int,
    counts: Counter[tuple[str, ...]],
    every_member: bool,
) -> int:
    seen: set[tuple[str, ...]] = set()
    characters, done = 0, 0
    for i, gram in enumerate(grams):
        if gram in seen or (every_member and counts[gram] > 1):
            characters += sum(map(len, found[max(i, done) : i + n]))
            done = i + n
        seen.add(gram)
    return characters


def _in_steps(found: list[str], grams: list[tuple[str, ...]], n: int) -> int:
    seen: set[str] = set()
    characters, i = 0, 0
    while i < len(grams):
        joined = "".join(found[i : i + n])
        if joined in seen:
            characters += len(joined)
            i += n
        else:
            seen.add(joined)
            i += 1
    return characters


AS_IT_STANDS = {"as it stands": "theirs compares white space, too; ours the words"}
BLANK = {"blank": "blank or empty lines count as lines in theirs, not in ours"}
SPACES = {"spaces": "theirs counts the white space inside"}
OF_TEXT = {"of text": "theirs is a share of the text with its white space, ours of its words"}
BORDERS = {"borders": "a paragraph ends in theirs only at \\n\\n, in ours at any blank line"}
STEPS = {"steps": "after a repeat theirs goes n words further, ours counts what is covered"}

DOLMA = (
    Rule(
        "duplicate lines",
        "repetition_dolma.duplicate_lines",
        "fraction_of_duplicate_lines",
        _set(_share(_dolma_lines, characters=False), "every"),
        AS_IT_STANDS | BLANK,
        None,
        0.3,
    ),
    Rule(
        "characters in duplicate lines",
        "repetition_dolma.duplicate_line_characters",
        "fraction_of_characters_in_duplicate_lines",
        _set(_share(_dolma_lines, characters=True), "every"),
        AS_IT_STANDS | BLANK | SPACES,
        None,
        0.2,
    ),
    *(
        Rule(
            f"most frequent {n}-gram",
            f"repetition_dolma.top_{n}gram",
            f"fraction_of_characters_in_most_common_{n}grams",
            _set(_top(n), "once", "first"),
            WORDS,
            None,
            most,
        )
        for n, most in MOST_TOP.items()
    ),
    *(
        Rule(
            f"duplicate {n}-grams",
            f"repetition_dolma.duplicate_{n}gram",
            f"fraction_of_characters_in_duplicate_{n}grams",
            _set(_duplicate(n), "every", "each"),
            WORDS,
            None,
            most,
        )
        for n, most in MOST_DUPLICATE.items()
    ),
)

DATATROVE = (
    *(
        Rule(
            f"duplicate {what}",
            f"gopher_repetition.duplicate_{what}",
            f"repetition.duplicate_{what}",
            _share(stretches, characters=False),
            AS_IT_STANDS | points,
            None,
            0.3,
        )
        for what, stretches, points in (
            ("lines", _datatrove_lines, BLANK),
            ("paragraphs", _paragraphs, BORDERS),
        )
    ),
    *(
        Rule(
            f"characters in duplicate {what}s",
            f"gopher_repetition.duplicate_{what}_characters",
            f"repetition.duplicate_{what}_characters",
            _share(stretches, characters=True),
            AS_IT_STANDS | points | SPACES | OF_TEXT,
            None,
            0.2,
        )
        for what, stretches, points in (
            ("line", _datatrove_lines, BLANK),
            ("paragraph", _paragraphs, BORDERS),
        )
    ),
    *(
        Rule(
            f"most frequent {n}-gram",
            f"repetition_datatrove.top_{n}gram",
            f"repetition.top_{n}gram",
            _set(_top(n), "once", "first"),
            SPACES | OF_TEXT | SPACY_WORDS,
            None,
            most,
        )
        for n, most in MOST_TOP.items()
    ),
    *(
        Rule(
            f"duplicate {n}-grams",
            f"gopher_repetition.duplicate_{n}gram",
            f"repetition.duplicate_{n}gram",
            _duplicate(n),
            STEPS | OF_TEXT | SPACY_WORDS,
            None,
            most,
        )
        for n, most in MOST_DUPLICATE.items()
    ),
)
