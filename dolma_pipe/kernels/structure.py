"""The structure of documents: headings, formulas, lists, tables and code; and the sections between
headings. One look at each line, and one at each line that has a mark of LaTeX."""

from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, Bool
from dolma_pipe.kernels.structure_blocks import REFERENCES, find_blocks
from dolma_pipe.kernels.structure_found import none_found
from dolma_pipe.kernels.structure_headings import Tables
from dolma_pipe.kernels.structure_latex import environments
from dolma_pipe.kernels.structure_lines import look_at_lines, no_facts
from dolma_pipe.kernels.structure_sections import cut_sections, find_sections
from dolma_pipe.kernels.structure_words import heading_words
from dolma_pipe.kernels.unicode import classes
from dolma_pipe.kernels.words import Lines, split_lines

MAX_LEVEL = 6
"""Of headings: ###### and \\subparagraph."""
KINDS = ("heading", "formula", "list", "table", "code")


class Section(NamedTuple):
    """start, end: bytes of the document; level: of its heading, from 1, or 0 before the first one;
    heading_start, heading_end: bytes of the heading, both `start` if there is none."""

    start: int
    end: int
    level: int
    heading_start: int
    heading_end: int


class Sections(NamedTuple):
    """Stretches that cover every document whole, in order.

    offsets: int64[documents + 1], the sections of document d are offsets[d]:offsets[d + 1].
    starts, ends: int64[sections], bytes from the start of the document, at code-point borders.
    levels: int64[sections], the level of the first heading in it, 0 if there is none.
    """

    offsets: I64
    starts: I64
    ends: I64
    levels: I64


class Headings(NamedTuple):
    """As Sections: starts and ends of the headings themselves, levels from 1."""

    offsets: I64
    starts: I64
    ends: I64
    levels: I64


class Stretches(NamedTuple):
    """Sorted, not overlapping. offsets: int64[documents + 1]; starts, ends: int64[stretches], bytes
    of the document. values: int64, the level of a heading, 1 for a displayed formula and 0 for
    another, the items of a list, the rows of a table, the lines of a block of code."""

    offsets: I64
    starts: I64
    ends: I64
    values: I64


class Structure(NamedTuple):
    """stretches: of each of KINDS; those of two kinds may overlap. references: bool, of each
    heading, whether a list of references follows."""

    stretches: dict[str, Stretches]
    references: Bool


def split_sections(text: U8, offsets: I64, max_bytes: int, min_bytes: int) -> Sections:
    """The sections of every document, brought to a size: they cover it whole.

    A stretch from heading to heading that is shorter than min_bytes goes with the next, the last
    one with the one before; one that is longer than max_bytes is cut, where it can be behind a
    blank line, else behind a line, else behind white space. Nothing is longer than max_bytes, and
    only a document that is shorter than min_bytes makes a shorter section (or a code point that
    lies across a cut: by up to 3 bytes). An empty document has no
    section. ValueError unless 4 <= max_bytes and 0 <= min_bytes <= max_bytes / 2.
    """
    if max_bytes < 4 or not 0 <= 2 * min_bytes <= max_bytes:
        raise ValueError(f"sections of {min_bytes} to {max_bytes} bytes")
    found, _ = sections_between(text, offsets, find_headings(text, offsets))
    size = int(offsets[-1] - offsets[0])
    room = len(found.starts) + 2 * size // (max_bytes // 2) + 1
    starts, ends, levels = (np.empty(room, np.int64) for _ in range(3))
    firsts = np.zeros(len(offsets), np.int64)
    n = cut_sections(
        text,
        offsets,
        found.offsets,
        found.starts,
        found.levels,
        max_bytes,
        min_bytes,
        firsts,
        starts,
        ends,
        levels,
    )
    return Sections(firsts, starts[:n], ends[:n], levels[:n])


def sections_of(text: bytes) -> list[Section]:
    """The sections of one document as they stand: from each heading to the next.

    White space before the first heading goes with its section.
    """
    data, offsets = np.frombuffer(text, np.uint8), np.array([0, len(text)])
    headings = find_headings(data, offsets)
    found, heads = sections_between(data, offsets, headings)
    rows = zip(*(x.tolist() for x in (found.starts, found.ends, found.levels, heads)), strict=True)
    return [
        Section(start, end, level, int(headings.starts[head]), int(headings.ends[head]))
        if head >= 0
        else Section(start, end, level, start, start)
        for start, end, level, head in rows
    ]


def sections_between(
    text: U8, offsets: I64, headings: Headings, max_level: int = MAX_LEVEL
) -> tuple[Sections, I64]:
    """The sections of every document as they stand, and the number of each one's heading, or -1.

    Headings of a level over max_level begin none.
    """
    room = len(headings.starts) + len(offsets)
    starts, ends, levels, heads = (np.empty(room, np.int64) for _ in range(4))
    firsts = np.zeros(len(offsets), np.int64)
    n = find_sections(
        text,
        offsets,
        headings.offsets,
        headings.starts,
        headings.levels,
        max_level,
        firsts,
        starts,
        ends,
        levels,
        heads,
    )
    return Sections(firsts, starts[:n], ends[:n], levels[:n]), heads[:n]


def find_headings(text: U8, offsets: I64) -> Headings:
    """The headings of every document."""
    kinds = find_structure(text, offsets, split_lines(text, offsets)).stretches
    found = kinds["heading"]
    return Headings(found.offsets, found.starts, found.ends, found.values)


def find_structure(text: U8, offsets: I64, lines: Lines) -> Structure:
    """All that is found in every document; `lines` are those of split_lines."""
    starts, ends = lines.starts, lines.ends
    facts = no_facts(len(starts))
    words, (pages, flags) = heading_words(), classes()
    look_at_lines(text, starts, ends, words, pages, flags, facts)
    size = int(offsets[-1] - offsets[0])
    found = none_found(len(starts) + size // 3 + 1)  # the shortest formula is $x$
    owners, closed = np.zeros(len(starts), np.uint8), np.zeros(len(starts), np.bool_)
    tables = Tables(words, pages, flags)
    find_blocks(text, lines.offsets, facts, environments(), tables, owners, closed, found)
    n = found.total[0]
    stretches = {
        kind: _of_kind(found.starts[:n], found.ends[:n], found.values[:n], mine, offsets)
        for k, kind in enumerate(KINDS)
        for mine in [np.flatnonzero(found.kinds[:n] == k)]
    }
    levels = stretches["heading"].values
    references = levels >= REFERENCES
    levels[references] -= REFERENCES
    return Structure(stretches, references)


def _of_kind(starts: I64, ends: I64, values: I64, mine: I64, offsets: I64) -> Stretches:
    """Sorted, by document, in bytes of the document."""
    mine = mine[np.argsort(starts[mine], kind="stable")]
    firsts = np.searchsorted(starts[mine], offsets)
    begins = np.repeat(offsets[:-1], np.diff(firsts))
    return Stretches(firsts, starts[mine] - begins, ends[mine] - begins, values[mine])
