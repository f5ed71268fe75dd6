"""The answer of `dolma-pipe list` as text."""

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from dolma_pipe.report.shelves_data import MethodRows, SettingRow, ShelfRow, Shelves, shelf_rows

WIDTH = 76


def shelves(what: str | None = None) -> str:
    """The listing as text; what: taggers, mixers, dedup, configs or None for all."""
    lines: list[str] = []
    for name, listed in _parts(shelf_rows(what)):
        lines += [f"{name}:", *(f"  {line}" for line in listed), ""]
    return "\n".join(lines).rstrip()


def _parts(found: Shelves) -> Iterator[tuple[str, Iterator[str]]]:
    if found.taggers is not None:
        yield "taggers", _taggers(found.taggers)
    if found.mixers is not None:
        yield "mixers", (line for row in found.mixers for line in _entry(row))
    if found.dedup is not None:
        yield "dedup", _methods(found.dedup)
    if found.configs is not None:
        told = ((f"{row.name}: {row.about}", f"  {row.file}") for row in found.configs)
        yield "configs", (line for lines in told for line in lines)


def _taggers(rows: Sequence[ShelfRow]) -> Iterator[str]:
    for row in rows:
        yield from _entry(row)
        if row.columns is not None:
            yield from _wrapped(f"columns: {', '.join(row.columns)}", "  ")


def _methods(found: MethodRows) -> Iterator[str]:
    """What methods have in common stands there once."""
    yield "every method:"
    yield from _settings(found.every_method)
    yield from _wrapped(f"those that choose a copy ({', '.join(found.choosers)}):", "")
    yield from _settings(found.every_chooser)
    for row in found.methods:
        yield from _entry(row)


def _entry(row: ShelfRow) -> Iterator[str]:
    """What it is, and its settings."""
    head, *paragraphs = row.about
    yield from _wrapped(f"{row.name}: {head}", "")
    for paragraph in paragraphs:
        yield from _wrapped(paragraph, "  ")
    yield from _settings(row.settings)


def _settings(settings: Sequence[SettingRow]) -> Iterator[str]:
    """A line a setting: name, default, meaning."""
    for setting in settings:
        default = "needed" if setting.needed else msgspec.json.encode(setting.default).decode()
        default = default.replace('","', '", "')  # so that lists can be wrapped
        lead = f"  {setting.name}: {default}"
        if len(lead) > WIDTH - 20:  # a long default has its lines, and so has what it means
            yield from _wrapped(lead.lstrip(), "  ", "      ")
            yield from _wrapped(setting.about, "      ", "      ")
        elif setting.about:
            yield from _wrapped(setting.about, f"{lead}  ", "      ")
        else:
            yield lead


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    """indent: of the first line; further: of all others, four columns more by default."""
    further = f"{indent}    " if further is None else further
    joined = " ".join(text.split())
    return textwrap.wrap(joined, WIDTH, initial_indent=indent, subsequent_indent=further)
