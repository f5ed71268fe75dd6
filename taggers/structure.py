"""The structure of documents: headings and sections, formulas, lists, tables and code blocks."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.jit import F64, I64
from dolma_pipe.kernels.structure import (
    KINDS,
    MAX_LEVEL,
    Headings,
    Stretches,
    find_structure,
    sections_between,
)
from dolma_pipe.kernels.structure_sections import count_references
from dolma_pipe.tagger import Column, Spans, Tagger

NUMBERS = (
    "headings", "deepest", "sections", "longest_section", "references", "formulas",
    "formula_share", "lists", "list_items", "list_share", "tables", "table_rows", "table_share",
    "code_blocks", "code_share",
)  # fmt: skip


class Structure(Tagger, frozen=True):
    """Columns, of Markdown, LaTeX, MediaWiki and plain text alike; docs/structure.md has the rules
    and what they miss. Sizes are bytes, shares are of the document's bytes.

    - `heading` (spans; score: the level, from 1), `headings`: how many; `deepest`: the greatest
      level, 0 without any. # is level 1, \\section 2, "2.3 Results" 2, a line of capitals 1.
    - `section` (spans that cover the document; score: the level): from each heading to the next,
      what stands before the first has level 0. `sections`: how many. `longest_section`: bytes.
    - `references`: the share from a heading such as "References" to the next of its level or above.
    - `formula` (spans; score: 1 displayed, 0 in a line), `formulas`, `formula_share`.
    - `list` (spans; score: the items, nested ones, too), `lists`, `list_items`, `list_share`: of
      two items at least.
    - `table` (spans; score: the rows), `tables`, `table_rows`, `table_share`.
    - `code` (spans; score: the lines), `code_blocks`, `code_share`: fenced and verbatim blocks.

    Spans of one column do not overlap; a formula may lie in a list, a list in a table.
    """

    cost: ClassVar[float] = 1.4

    max_level: Annotated[int, msgspec.Meta(ge=1, le=MAX_LEVEL)] = MAX_LEVEL
    """Headings of a level over this begin no section: 2 makes chapters of # and ##."""

    def columns(self) -> tuple[str, ...]:
        return (*NUMBERS, *self.spans())

    def spans(self) -> tuple[str, ...]:
        return (*KINDS, "section")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        text, offsets = batch.text, batch.offsets
        found = find_structure(text, offsets, batch.lines)
        headings = found.stretches["heading"]
        sections, _ = sections_between(text, offsets, Headings(*headings), self.max_level)
        sizes = np.diff(offsets)
        references = np.zeros(len(batch), np.int64)
        count_references(
            offsets,
            headings.offsets,
            headings.starts,
            headings.values,
            found.references,
            references,
        )
        columns: dict[str, Column] = {
            "deepest": _most(headings, headings.values),
            "sections": np.diff(sections.offsets),
            "longest_section": _most(Stretches(*sections), sections.ends - sections.starts),
            "references": references / np.maximum(sizes, 1),
            "section": _spans(Stretches(*sections)),
        }
        for kind, of in found.stretches.items():
            columns[kind] = _spans(of)
            columns["code_blocks" if kind == "code" else f"{kind}s"] = np.diff(of.offsets)
            columns[f"{kind}_share"] = _sums(of, of.ends - of.starts) / np.maximum(sizes, 1)
        columns["list_items"] = _sums(found.stretches["list"], found.stretches["list"].values)
        columns["table_rows"] = _sums(found.stretches["table"], found.stretches["table"].values)
        return {name: columns[name] for name in self.columns()}


def _spans(of: Stretches) -> Spans:
    scores: F64 = of.values.astype(np.float64)
    return Spans(of.offsets, of.starts, of.ends, scores)


def _sums(of: Stretches, values: I64) -> I64:
    """The sum of each document's values."""
    return np.diff(np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])[of.offsets])


def _most(of: Stretches, values: I64) -> I64:
    """The greatest of each document's values, 0 of none."""
    most = np.zeros(len(of.offsets) - 1, np.int64)
    np.maximum.at(most, np.repeat(np.arange(len(most)), np.diff(of.offsets)), values)
    return most
