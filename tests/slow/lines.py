"""Lines and paragraphs that came before, the obvious way: a set of normalised strings."""

from collections.abc import Iterator

from tests.slow.dedup import folded
from tests.slow.words import words


def units(lines: list[str], unit: str) -> Iterator[range]:
    """Numbers of the lines of each unit."""
    open_at = None
    for i, line in enumerate([*lines, ""]):
        blank = not line.strip()
        if not blank and unit == "line":
            yield range(i, i + 1)
        elif not blank and open_at is None:
            open_at = i
        elif blank and open_at is not None:
            yield range(open_at, i)
            open_at = None


def key(text: str, normalise: str, min_words: int = 0, min_bytes: int = 0) -> object:
    """What is equal for repeats; None for what is too short to be one."""
    folded_words = words(folded(text))
    size = len(text.strip().encode())
    if len(folded_words) < min_words or size < min_bytes:
        return None
    if normalise == "words":
        return tuple(folded_words) or None
    return " ".join(text.split())


def left(text: str, repeated: list[bool], unit: str) -> str:
    """The text without its repeated units; nothing where all of them are."""
    if repeated and all(repeated):
        return ""
    lines = text.split("\n")
    gone = {i for u, hit in zip(units(lines, unit), repeated, strict=True) if hit for i in u}
    if not gone:
        return text
    kept: list[str] = []
    for i, line in enumerate(lines):
        after_cut = i - 1 in gone
        if i in gone:
            continue
        if not line.strip() and after_cut and (not kept or not kept[-1].strip()):
            gone.add(i)
        else:
            kept.append(line)
    if not any(line.strip() and i not in gone for i, line in enumerate(lines)):
        return ""
    last = max(i for i, line in enumerate(lines) if line.strip())
    if last not in gone:
        return "\n".join(kept)
    stay = max(i for i, line in enumerate(lines) if line.strip() and i not in gone)
    body = [line for i, line in enumerate(lines[: stay + 1]) if i not in gone]
    return without_return("\n".join(body), lines[stay]) + ending(lines, last)


def without_return(body: str, line: str) -> str:
    """The line break before what was cut is gone, with its CR."""
    return body.removesuffix("\r") if line.endswith("\r") else body


def ending(lines: list[str], last: int) -> str:
    """What follows the text of a line, to the end of the document."""
    if last + 1 == len(lines):
        return ""
    break_ = "\r\n" if lines[last].endswith("\r") else "\n"
    return break_ + "\n".join(lines[last + 1 :])


def deduplicate(
    texts: list[str], unit: str, normalise: str, drop: float, **least: int
) -> list[str]:
    """What is left of each text, in this order; an empty string of one that goes as a whole."""
    seen: set[object] = set()
    result = []
    for text in texts:
        lines = text.split("\n")
        repeated, covered, size = [], 0, 0
        for one in units(lines, unit):
            found = key("\n".join(lines[i] for i in one), normalise, **least)
            repeated.append(found is not None and found in seen)
            seen.add(found)
            end = one[-1] + 1 < len(lines)
            taken = sum(len(lines[i].encode()) + 1 for i in one) - (not end)
            size += taken
            covered += taken * repeated[-1]
        dropped = covered > 0 and round(covered / size, 6) > round(drop, 6)
        result.append("" if dropped else left(text, repeated, unit))
    return result
