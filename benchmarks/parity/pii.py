"""Personal data as dolma, datatrove and ours find it: spans, and why one tool has no such span.

Three sets of patterns have no points to exchange, so each span that only one tool has is looked at.
"""

import re
from collections.abc import Callable, Sequence

Span = Sequence[int]
"""Start and end in characters."""

Cause = tuple[str, Callable[[str, int, int], bool]]
"""In words, and whether it holds for the span at these characters of a text."""


def _digits(found: str) -> str:
    return "".join(c for c in found if c.isdigit())


def _in_longer_number(text: str, start: int, end: int) -> bool:
    """A digit, or a dot and a digit, goes on before or after the digits of the span."""
    digits = [i for i in range(start, end) if text[i].isdigit()]
    first, last = digits[0], digits[-1] + 1
    before, after = text[max(0, first - 2) : first], text[last : last + 2]
    return bool(re.search(r"[\w][.]?$", before) or re.match(r"[.]?[\w]", after))


def _unbroken(text: str, start: int, end: int) -> bool:
    return text[start:end].strip(" \n\t().").isdigit()


def _leading_zero(text: str, start: int, end: int) -> bool:
    return bool(re.search(r"(?:^|\.)0\d", text[start:end]))


def _special_ip(text: str, start: int, end: int) -> bool:
    return text[start:end].startswith(("0.", "255.", "1.0.0", "2.0.0"))


def _versionish(text: str, start: int, _end: int) -> bool:
    before = text[max(0, start - 12) : start]
    return bool(re.search(r"(?i)(version|release|ver|v|section|-|/|_|=)[\s.:]*$", before))


def _small_numbers(text: str, start: int, end: int) -> bool:
    return all(int(n) < 32 for n in text[start:end].split(".") if n.isdigit())


def _blanks(text: str, start: int, end: int) -> bool:
    return len(text[start:end].split()) > 1


def _other_groups(text: str, start: int, end: int) -> bool:
    return not re.search(r"\d{3}\)?[-. ]*\d{3}[-. ]?\d{4}", text[start:end])


def _plan(text: str, start: int, end: int) -> bool:
    """No area code or exchange of the North American plan begins with 0 or 1."""
    digits = _digits(text[start:end])
    return len(digits) == 10 and (digits[0] in "01" or digits[3] in "01")


def _odd_domain(text: str, start: int, end: int) -> bool:
    """What follows @ is no domain of letters, digits and hyphens with a name at its end."""
    found = text[start:end].strip().strip(".,?!;:)(>\"'")
    return not re.search(r"@(?:[\w-]+\.)+[^\W\d_]{2,}$", found)


def _odd_name(text: str, start: int, end: int) -> bool:
    found = text[start:end].strip().lstrip(".,?!;:)(")
    return not re.match(r"[\w.+%-]+@", found)


def _no_space_after(text: str, _start: int, end: int) -> bool:
    return not re.match(r"[.\s@,?!;:)(]?\s", text[end : end + 2])


def _no_space_before(text: str, start: int, _end: int) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return not re.search(r"\s[(]?$", line)


def _not_american(text: str, start: int, end: int) -> bool:
    return len(_digits(text[start:end])) != 10


ONLY_THEIRS: dict[str, tuple[Cause, ...]] = {
    "email": (
        ("what follows @ is no domain name", _odd_domain),
        ("what is before @ is no name", _odd_name),
    ),
    "phone": (
        ("digits cut out of a longer number or word", _in_longer_number),
        ("ten digits in a row without a sign of a phone", _unbroken),
        ("area code or exchange with 0 or 1, which no phone has", _plan),
        ("groups joined by blanks without a sign of a phone", _blanks),
    ),
    "ip": (
        ("cut out of a longer number (OID, version) or word", _in_longer_number),
        ("a number with a leading zero", _leading_zero),
        ("no host: 0.x, 255.x, 1.0.0, 2.0.0", _special_ip),
        ("four numbers below 32: a version or a section", _small_numbers),
        ("after a word that announces a version", _versionish),
    ),
}
"""Why a span that only the other tool has is none to ours; the first that holds."""

ONLY_OURS: dict[str, tuple[Cause, ...]] = {
    "email": (("no white space after it, which theirs wants", _no_space_after),),
    "phone": (
        ("no white space before it in its line, which theirs wants", _no_space_before),
        ("not ten digits: theirs knows North American numbers only", _not_american),
        ("digits in groups that theirs does not know", _other_groups),
    ),
    "ip": (),
}


def alone(mine: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Those of mine that touch none of the others."""
    return [s for s in mine if not any(s[0] < o[1] and o[0] < s[1] for o in others)]


def causes(
    kind: str, text: str, ours: Sequence[Span], theirs: Sequence[Span]
) -> list[tuple[str, Span]]:
    """For each span that only one has: why, and the span."""
    found = []
    for mine, others, known, who in (
        (theirs, ours, ONLY_THEIRS, "only theirs"),
        (ours, theirs, ONLY_OURS, "only ours"),
    ):
        for span in alone(mine, others):
            why = next((w for w, holds in known[kind] if holds(text, span[0], span[1])), "other")
            found.append((f"{who}: {why}", span))
    return found
