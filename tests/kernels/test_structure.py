"""Document structure against its slow twin."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.structure import KINDS, find_structure
from dolma_pipe.kernels.structure_blocks import REFERENCES as REFERENCE_MARK
from dolma_pipe.kernels.structure_headings import MAX_NAME
from dolma_pipe.kernels.structure_numbers import COUNTERS, NUMERALS, ZEROS
from dolma_pipe.kernels.structure_words import (
    DIVISIONS,
    ORDINALS,
    OTHER_NAMES,
    REFERENCES,
    cased,
)
from dolma_pipe.kernels.words import split_lines
from tests.slow import structure as slow
from tests.texts import packed, texts, texts_of

LINES = (
    "# Title", "## Title ##", "# small", "#", "#######", "== Wiki ==", "=== A", "====", "---",
    "~~~", "~~~~", "```", "```py", "````", "***", "* * *", "- - -", "^^^^", '"""', "+++", "text",
    "Title", "Some Title Here", "ALL CAPS",
    "A line that is quite long, and goes on, as if it were prose here.", "It ends.",
    "1 Introduction", "1. Introduction", "2 Methods", "2.1 Data", "2.1.3 More", "A.1 Data",
    "I. One", "II. Two", "IV", "Chapter 1", "CHAPTER IV: The End", "Appendix A", "Глава 5",
    "ГЛАВА", "第一章 引言", "第2节", "제1장 서론", "الفصل الأول", "Section 2.1 Foo", "References",
    "7. References:", "Abstract", "参考文献", "- item", "* item", "  - item", "\t- item",
    "1. item", "2) item", "(a) item", "iv. item", "•item", "– item", "    more", "  more", "a | b",
    "|---|---|", "| 1 | 2 |", "+--+--+", "---+---", "====  ====", "a  b  c", "a   b   c",
    "aa  b  c", "a\tb\tc", "x\ty\tz", "> quoted", "$x$", "$5 and $10", "$$", "$$x=1$$",
    "a $x^2$ b", "\\(x\\)", "\\[", "\\]", "x = 1", "\\begin{equation}", "\\end{equation}",
    "\\begin{itemize}", "\\end{itemize}", "\\item a", "\\begin{tabular}{ll}", "\\end{tabular}",
    "a & b \\\\", "\\begin{verbatim}", "\\end{verbatim}", "\\section{Title}",
    "\\section*{References}", "\\begin{abstract}", "\\begin{thebibliography}{9}", "<table>",
    "<TR>", "</table>", "E = mc²", "α ≤ β", "x = 1;", "foo(bar)", "if (x) {", "}", "Title:",
    "\xa0", "\ufeff# Title", "", "", "", "\r", "  ", "Note", "Is It?", 'He Said "No."',
)  # fmt: skip
documents = st.lists(st.sampled_from(LINES), max_size=14).map("\n".join)
pieces = (
    "\n", "\n\n", "#", "=", "-", "|", "$", "$$", "\\", "\\(", "\\)", "\\[", "\\]", "{", "}", "&",
    "x", "A", "Word", "1", ".", "  ", "\t", "\\begin{align}", "\\end{align}", "~", "`", "* ", "≤",
    "\\item", "\\end{enumerate}", "\\begin{enumerate}", "<table", "</table>", "<tr>", ">", "第一章",
)  # fmt: skip


def found_in(texts: list[str], before: str = "") -> list[dict[str, list[tuple[int, int, int]]]]:
    """As tests.slow.structure.structure, of each text."""
    text, offsets = packed(texts, before)
    found = find_structure(text, offsets, split_lines(text, offsets))
    marks = REFERENCE_MARK * found.references
    rows = []
    for d in range(len(texts)):
        row = {}
        for kind in KINDS:
            of = found.stretches[kind]
            here = slice(of.offsets[d], of.offsets[d + 1])
            values = of.values[here] + (marks[here] if kind == "heading" else 0)
            row[kind] = list(
                zip(of.starts[here].tolist(), of.ends[here].tolist(), values.tolist(), strict=True)
            )
        rows.append(row)
    return rows


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.one_of(documents, documents, texts_of(*pieces), texts), max_size=4),
    st.sampled_from(["", "x\n", "# y"]),
)
def test_structure_equals_the_slow_reference(documents: list[str], before: str) -> None:
    assert found_in(documents, before) == [slow.structure(text) for text in documents]


def test_every_word_of_a_heading_is_known() -> None:
    body = "\n\nA sentence that follows.\n"
    divisions = [f"{word} {n}" for word in cased(tuple(DIVISIONS)) for n in ("3", "IV: A", "One")]
    ordinals = [f"Chapter {word}" for word in cased(tuple(ORDINALS))]
    digits = [f"{chr(zero + k)}. مقدمة" for zero in ZEROS for k in range(10)]
    counted = [f"第{numeral}{c}" for numeral in NUMERALS for c in COUNTERS]
    names = [name for name in cased(REFERENCES + OTHER_NAMES) if len(name.encode()) <= MAX_NAME]
    for lines in (divisions, ordinals, names, counted):
        texts = [f"Before.\n\n{line}{body}" for line in lines]
        rows = found_in(texts)
        assert rows == [slow.structure(text) for text in texts]
        assert all(len(row["heading"]) == 1 for row in rows)
    assert found_in([line + body for line in digits]) == [
        slow.structure(line + body) for line in digits
    ]


def doubled(text: str) -> float:
    """How much longer a text of 256 kB takes than one of 64 kB: the best of some, 4 if linear."""
    seconds = []
    for size in (1 << 16, 1 << 18):
        packed_text = packed([(text * (size // len(text) + 1))[:size]])
        lines = split_lines(*packed_text)
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            find_structure(*packed_text, lines)
            best = min(best, time.process_time() - started)
        seconds.append(best)
    return seconds[1] / max(seconds[0], 0.001)


HOSTILE = [
    "$", "$ x ", "$$ a ", "#", "# a\n", "## a\n# b\n", "|", "|-|\n", "+--+\n", "== ==\n", "`",
    "```a\n", "~~~\n", "x", "\n", " ", "\t", "a  b  c\n", "- a\n", "- a\n\n", "1 A\n", "1. A\n\n",
    "CAPS\n\n", "Some Title\n\n\n\n", "Chapter \n", "第一", "I", "\\(", "\\[ ", "\\",
    "\\begin{equation}", "\\begin{itemize}\n", "\\begin{table}\\end{tabular}",
    "\\begin{verbatim}\n", "<table>", "<table><tr></table>", "Title\n---\n", "---\n", "≤", "α=\n",
    "\xa0", "# References\n\n",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_time_grows_with_the_text(text: str) -> None:
    assert min(doubled(text) for _ in range(2)) < 10


def test_fences_that_grow_shorter_take_no_longer() -> None:
    assert doubled("\n".join("`" * n + "a" for n in range(300, 3, -1)) + "\n" * 20_000) < 10
