"""What is a heading, a formula, a list, a table or code, and what is not."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.kernels.structure_lines import no_facts
from dolma_pipe.tagger import Spans
from tests.taggers.shelf import tagger

BODY = (
    "\n\nA paragraph that is long enough to be the text of a section, as it goes on for a while.\n"
)


def found(kind: str, text: str) -> list[tuple[str, int]]:
    """The stretches of a kind and their scores."""
    spans = tagger("structure").tag(batch_of([text]))[kind]
    assert isinstance(spans, Spans)
    data = text.encode()
    return [
        (data[start:end].decode(), int(score))
        for start, end, score in zip(spans.starts, spans.ends, spans.scores, strict=True)
    ]


def numbers(text: str, **settings: object) -> dict[str, float]:
    made = tagger("structure", **settings)
    columns = made.tag(batch_of([text]))
    return {name: float(np.asarray(columns[name])[0]) for name in made.numbers()}


HEADINGS = [
    ("# Title", 1),
    ("###### Deep ##", 6),
    ("\ufeff# With a mark", 1),
    ("== History ==", 2),
    ("Setext title\n===", 1),
    ("Setext title\n---", 2),
    ("====\nOver\n====", 1),
    ("Of the text\n~~~~~~~~~~~", 3),
    ("\\section{On \\emph{things}}", 2),
    ("\\subsubsection*{More}", 4),
    ("\\chapter[Short]{Long}", 1),
    ("\\begin{abstract}", 2),
    ("1 Introduction", 1),
    ("1. Introduction", 1),
    ("2.3.1 Results", 3),
    ("2.3.1. Results and their discussion", 3),
    ("A.2 Proofs", 2),
    ("I. The Return", 1),
    ("I", 1),
    ("Chapter IV", 1),
    ("CHAPTER 12. The Boy", 1),
    ("Chapter One: The Boy", 1),
    ("Appendix A", 1),
    ("Section 2.1 – Data", 2),
    ("Kapitel 3. Installation", 1),
    ("Глава 5", 1),
    ("ГЛАВА IV", 1),
    ("第一章", 1),
    ("第十二章 引言", 1),
    ("第3节 方法", 2),
    ("제1장 서론", 1),
    ("الفصل الأول", 1),
    ("الفصل ٣: النتائج", 1),
    ("अध्याय 1", 1),
    ("١. مقدمة", 1),
    ("2.1 引言", 2),
    ("THE END OF THE AFFAIR", 1),
    ("ВОЙНА И МИР", 1),
    ("ΕΙΣΑΓΩΓΉ", 1),
    ("The Lord of the Rings", 2),
    ("Die Leiden des Jungen Werther", 2),
    ("References", 1),
    ("参考文献", 1),
    ("Список литературы:", 1),
]


@pytest.mark.parametrize(("line", "level"), HEADINGS)
def test_headings(line: str, level: int) -> None:
    text = f"Some text stands here, before.\n\n{line}{BODY}"
    title = line.removeprefix("====\n").removeprefix("\ufeff")
    assert found("heading", text) == [(title, level)]


NO_HEADINGS = [
    "#hashtag",
    "#include <stdio.h>",
    "# apt-get install vim",
    "# one comment\n# and another",
    "####### seven",
    "> # quoted",
    "    # indented",
    "it is text\nthat goes on\n---",
    "A sentence stands here.\n---",
    "---\ntitle: front matter\n---",
    "Two  columns\n------------",
    "- item\n---",
    "3 Men in a boat",
    "1999 Was a year",
    "1. buy milk",
    "1. Buy milk.",
    "1. Buy Milk\n2. Buy Bread",
    "1. Buy Milk\n\n2. Buy Bread",
    "1. Introduction ........ 3",
    "2.1 Introduction\n2.2 Methods",
    "12.5 million people live there",
    "Chapter 4 describes the results.",
    "Chapter of accidents",
    "1. Let $x$ be a number",
    "1 If X = Y",
    "© Someone Else",
    "Some News を禁じます。 Some News",
    "I am here",
    "第一章讲述了这个故事。",
    "第一次",
    "He said no",
    "NO",
    "STOP!",
    "Dear Madam,",
    "x = FOO_BAR",
    "FOO_BAR",
    "The Price: $5, 10 March 2004",
    "sub print_it {",
    "a,b,c\n1,2,3",
    "\\alpha",
]


@pytest.mark.parametrize("line", NO_HEADINGS)
def test_no_headings(line: str) -> None:
    assert found("heading", f"Some text stands here, before.\n\n{line}{BODY}") == []


def test_a_script_has_comments_and_no_headings() -> None:
    python = (
        "import os\n\n# Load it\nx = load(1)\n\n# Print it\nprint(x)\n\ndef f(a):\n    return a\n"
    )
    assert found("heading", python * 3) == []
    assert found("heading", f"# Use\n\nLike this:\n\n```\n{python}\n```\n") == [("# Use", 1)]
    c = "#include <a.h>\n\n/* THE MAIN THING */\n\nint main(void) {\n    return 0;\n}\n"
    assert found("heading", c) == []
    shell = (
        "#!/bin/sh\nDIR=/tmp\nOUT=$DIR/x\nset -e\n\n# Make It\nif [ -d $DIR ]; then\nMODE=1\nfi\n"
    )
    assert found("heading", shell) == []


def test_a_menu_has_no_headings() -> None:
    assert found("heading", "Home\n\nAbout Us\n\nProducts\n\nAll Products\n\nContact\n") == []


def test_the_first_line_of_a_text_is_its_title() -> None:
    assert found("heading", f"Greene sets sights on the world{BODY}")[0][1] == 1
    assert found("heading", f"Two. Sentences.{BODY}") == []
    assert found("heading", "A first line\nand a second one.\n") == []


def test_a_poem_has_only_a_title() -> None:
    poem = "THE TYGER\n\nTyger Tyger, burning bright,\nIn the forests of the night;\nWhat hand,\n"
    assert found("heading", poem + "\nIn What Distant Deeps\n\nOr Skies\n") == []
    assert found("list", poem) == found("table", poem) == []


def test_numbers_go_on_from_one() -> None:
    text = "".join(f"{n} Title\n\nText of it.\n\n" for n in (1, 2, 3, 7, 4, 1))
    assert [title for title, _ in found("heading", text)] == [
        "1 Title", "2 Title", "3 Title", "4 Title", "1 Title"
    ]  # fmt: skip


FORMULAS = [
    "$x$", "$x^2 + 1$", "$f(x)$", "$O(n \\log n)$", "$(a, b)$", "$2/3$", "$α$", "\\(x\\)",
    "\\(a = b\\)",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_in_a_line(formula: str) -> None:
    assert found("formula", f"We see that {formula} holds.") == [(formula, 0)]
    assert found("formula", f"设{formula}为。") == [(formula, 0)]


DISPLAYED = [
    "$$x = 1$$",
    "$$\nx &= 1\n$$",
    "\\[ x = 1 \\]",
    "\\begin{align*}\nx &= 1 \\\\\ny &= 2\n\\end{align*}",
    "\\begin{equation}\n\nx\n\\end{equation}",
]


@pytest.mark.parametrize("formula", DISPLAYED)
def test_formulas_on_their_own(formula: str) -> None:
    assert found("formula", f"We see:\n{formula}\nIt holds.") == [(formula, 1)]


@pytest.mark.parametrize("line", ["E = mc²", "α + β ≤ γ", "∑ xᵢ = 1", "y = β₀ + β₁x + ε"])
def test_formulas_of_plain_text(line: str) -> None:
    assert found("formula", f"So that\n\n{line}\n\nholds.") == [(line, 1)]


NO_FORMULAS = [
    "It costs $5 and $10.",
    "from $5-$10",
    "US$5 or A$7",
    "$ ls -l $HOME",
    'echo "$a" and "$b"',
    "$HOME/bin:$PATH",
    "PID is $$ and $$ again",
    "$$$ cheap $$$",
    "\\$5 and \\$6",
    "a $b\n\nc$ d",
    "\\(see below\\)",
    "\\[1\\] and \\[edit\\]",
    "\\begin{equation} and no end",
    "$(CC) $(CFLAGS)",
    "x = 1",
    "File → Open",
    "≤",
    "Цена ≤ сто рублей",
]


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_no_formulas(text: str) -> None:
    assert found("formula", text) == []


LISTS = [
    ("- a\n- b", 2),
    ("* a\n* b\n* c", 3),
    ("+ a\n+ b", 2),
    ("• a\n•b", 2),
    ("– а\n– б", 2),
    ("1. a\n2. b", 2),
    ("1) a\n2) b", 2),
    ("(a) x\n(b) y", 2),
    ("i. x\nii. y", 2),
    ("- a\n  - b\n    - c\n- d", 4),
    ("- a\n\n- b", 2),
    ("- a\n  goes on\n- b\n  goes on", 2),
    ("- a\ngoes on\n- b", 2),
    ("- a\n\n  goes on\n- b", 2),
    ("\\begin{itemize}\n\\item a\n\\item b\n\\end{itemize}", 2),
    ("\\begin{itemize}\n\\item a\n\\begin{itemize}\n\\item b\n\\end{itemize}\n\\end{itemize}", 2),
]


@pytest.mark.parametrize(("text", "items"), LISTS)
def test_lists(text: str, items: int) -> None:
    assert found("list", f"It has:\n\n{text}\n\nAnd that is all.") == [(text, items)]


@pytest.mark.parametrize(
    "text",
    ["- one", "-a\n-b", "— Oui.\n— Non.", "3.5 a\n4.5 b", "1999. a\n2000. b", "A. Smith\nB. Jones",
     "-- \nme", "* * *\n* * *", "> - a\n> - b", "- a\n\nText.\n\n- b", "+a\n+b", "a) \nb) "],
)  # fmt: skip
def test_no_lists(text: str) -> None:
    assert found("list", f"It has:\n\n{text}\n\nAnd that is all.") == []


TABLES = [
    ("| a | b |\n|---|---|\n| 1 | 2 |", 2),
    ("a | b\n:-- | --:\n1 | 2\n3 | 4", 3),
    ("+---+---+\n| a | b |\n+---+---+\n| c | d |\n+---+---+", 2),
    ("a | b\n---+---\n1 | 2", 2),
    ("=====  =====\nA      B\n=====  =====\n1      2\n=====  =====", 2),
    ("a\tb\tc\n1\t2\t3\n4\t5\t6", 3),
    ("name   age  town\nAnn     12  Rome\nCharly  13  Paris", 3),
    ("\\begin{tabular}{ll}\na & b \\\\\nc & d \\\\\n\\end{tabular}", 2),
    ("<table>\n<tr><td>a</td></tr>\n<TR><td>b</td></TR>\n</table>", 2),
]


@pytest.mark.parametrize(("text", "rows"), TABLES)
def test_tables(text: str, rows: int) -> None:
    assert found("table", f"It is:\n\n{text}\n\nAnd that is all.") == [(text, rows)]


@pytest.mark.parametrize(
    "text",
    ["a | b\nc | d", "a,b,c\n1,2,3\n4,5,6", "a\tb\n1\t2\n3\t4", "a\tb\tc\n1\t2\t3",
     "It ends.  Now on.  It ends.\nIt ends.  Now on.  It ended.\nAnd on.  So on.  It did.",
     "one   two   three\nfour and more  five   six\nseven     eight      nine", "---\n---\n---",
     "<table> without an end", "if a | b:\n    c |= d"],
)  # fmt: skip
def test_no_tables(text: str) -> None:
    assert found("table", f"It is:\n\n{text}\n\nAnd that is all.") == []


def test_code_is_fenced_or_verbatim() -> None:
    for code, lines in (
        ("```py\n# a\nb\n```", 2),
        ("~~~\n$x$\n~~~", 1),
        ("````\n```\n````", 1),
        ("\\begin{verbatim}\n- a\n- b\n\\end{verbatim}", 2),
        ("\\begin{lstlisting}[language=C]\n# a\n\\end{lstlisting}", 1),
    ):
        text = f"Like this:\n\n{code}\n\nAnd that is all."
        assert found("code", text) == [(code, lines)]
        assert found("heading", text) == found("formula", text) == found("list", text) == []


@pytest.mark.parametrize(
    "text",
    ["```\nnever closed", "``` a `b`\n```", "Title\n~~~~~\n\nText\n\nTitle\n~~~~~", "``\na\n``"],
)
def test_no_code(text: str) -> None:
    assert found("code", text) == []


def test_sections_and_the_numbers_of_a_document() -> None:
    text = (
        "Before.\n\n# A\n\nIt has $x$.\n\n## B\n\n- c\n- d\n\n# References\n\n[1] E.\n\n## F\n\ng\n"
    )
    assert found("section", text) == [
        ("Before.\n\n", 0),
        ("# A\n\nIt has $x$.\n\n", 1),
        ("## B\n\n- c\n- d\n\n", 2),
        ("# References\n\n[1] E.\n\n", 1),
        ("## F\n\ng\n", 2),
    ]
    values = numbers(text)
    assert (values["headings"], values["deepest"], values["sections"]) == (4, 2, 5)
    assert values["longest_section"] == len("# References\n\n[1] E.\n\n")
    assert values["references"] == pytest.approx((len(text) - text.index("# Ref")) / len(text))
    assert (values["formulas"], values["formula_share"]) == (1, 3 / len(text))
    assert (values["lists"], values["list_items"]) == (1, 2)
    assert numbers(text, max_level=1)["sections"] == 3


def test_references_end_where_the_next_part_begins() -> None:
    text = "# A\n\ntext\n\n## References\n\n[1] E.\n\n# Appendix\n\ntext\n"
    part = "## References\n\n[1] E.\n\n"
    assert numbers(text)["references"] == pytest.approx(len(part) / len(text))
    latex = "\\section{A}\ntext\n\\begin{thebibliography}{9}\n\\bibitem{a} B.\n"
    assert numbers(latex)["references"] > 0.5
    assert numbers("We give references here.\n")["references"] == 0


def test_a_document_without_structure() -> None:
    values = numbers("Just a text.\n")
    assert values["sections"] == 1
    assert values["longest_section"] == len("Just a text.\n")
    assert not any(value for name, value in values.items() if "section" not in name)
    assert not any(numbers("").values())


def test_the_example_of_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/structure.md").read_text()
    example = page.split("For the text\n\n")[1].split("\nit gives")[0]
    values = {k: round(v, 2) for k, v in numbers(textwrap.dedent(example).strip() + "\n").items()}
    asked = ("headings", "deepest", "sections", "formulas", "lists", "list_items", "references")
    assert [values[name] for name in asked] == [3, 2, 3, 1, 1, 2, 0.34]


def test_a_very_deep_indent_is_still_one() -> None:
    text = "- one\n" + " " * 70_000 + "goes on\n\n" + " " * 40_000 + "and on\n- two\n"
    assert numbers(text)["list_items"] == 2
    assert numbers(text)["lists"] == 1


def test_facts_of_a_line_are_few_bytes() -> None:
    """A document of 16 MiB may have as many lines, in a worker of 1 GB."""
    assert sum(column.itemsize for column in no_facts(1)) <= 25
