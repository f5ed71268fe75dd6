"""The structure of documents: headings, and the sections between them."""

import re
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.kernels.section_cuts import cut_sections


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


def split_sections(text: U8, offsets: I64, max_bytes: int, min_bytes: int) -> Sections:
    """The sections of every document, brought to a size: they cover it whole.

    A stretch from heading to heading that is shorter than min_bytes goes with the next, the last
    one with the one before; one that is longer than max_bytes is cut, where it can be behind a
    blank line, else behind a line, else behind white space. Nothing is longer than max_bytes, and
    only a document that is shorter than min_bytes makes a shorter section. An empty document has no
    section. ValueError unless 4 <= max_bytes and 0 <= min_bytes <= max_bytes / 2.
    """
    if max_bytes < 4 or not 0 <= 2 * min_bytes <= max_bytes:
        raise ValueError(f"sections of {min_bytes} to {max_bytes} bytes")
    headings = find_headings(text, offsets)
    size = int(offsets[-1] - offsets[0])
    room = len(headings.starts) + len(offsets) + 2 * size // max(max_bytes // 2, 1) + 1
    starts, ends, levels = (np.empty(room, np.int64) for _ in range(3))
    firsts = np.zeros(len(offsets), np.int64)
    n = cut_sections(
        text,
        offsets,
        headings.offsets,
        headings.starts,
        headings.levels,
        max_bytes,
        min_bytes,
        firsts,
        starts,
        ends,
        levels,
    )
    return Sections(firsts, starts[:n], ends[:n], levels[:n])


def sections_of(text: bytes) -> list[Section]:
    """The sections of one document as they stand: from each heading to the next."""
    found = find_headings(np.frombuffer(text, np.uint8), np.array([0, len(text)]))
    sections = []
    starts = found.starts.tolist()
    if text and (not starts or starts[0] > 0):
        sections.append(Section(0, starts[0] if starts else len(text), 0, 0, 0))
    for start, end, heading_end, level in zip(
        starts, [*starts[1:], len(text)], found.ends.tolist(), found.levels.tolist(), strict=False
    ):
        sections.append(Section(start, end, level, start, heading_end))
    return sections


_ATX = re.compile(rb"^ {0,3}(#{1,6})[ \t]+\S.*$", re.M)


def find_headings(text: U8, offsets: I64) -> Headings:
    """The headings of every document."""
    firsts, rows = [0], []
    data = text.tobytes()
    for d in range(len(offsets) - 1):
        document = data[offsets[d] : offsets[d + 1]]
        rows += [(m.start(), m.end(), len(m[1])) for m in _ATX.finditer(document)]
        firsts.append(len(rows))
    columns = np.array(rows, np.int64).reshape(-1, 3)
    return Headings(np.array(firsts), columns[:, 0], columns[:, 1], columns[:, 2])
