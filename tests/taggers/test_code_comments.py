import builtins
import time
from typing import Any

import numpy as np
import pytest

from dolma_pipe import syntax
from dolma_pipe.batch import batch_of
from dolma_pipe.errors import MissingExtra
from tests.taggers.shelf import tagger


def scored(text: str, language: str, **settings: object) -> tuple[float, int]:
    """The share of comments, and whether the document was parsed."""
    made = tagger("code_comments", **settings)
    columns = made.tag(batch_of([text], metadata=[{"prog_lang": language}]))
    share, parsed = columns["share"], columns["parsed"]
    assert isinstance(share, np.ndarray)
    assert isinstance(parsed, np.ndarray)
    return float(share[0]), int(parsed[0])


COMMENTS = {
    "C": "/* 12345 */ int x[9];",
    "C#": "/* 12345 */ class A{}",
    "C++": "// 12345678\nint x[9];",
    "CSS": "/* 12345 */ a {b:c;}",
    "Go": "// 12345678\npackage x",
    "HTML": "<!-- 123 --><p>x</p>",
    "Java": "// 12345678\nclass A{}",
    "JavaScript": "// 12345678\nlet x=[];",
    "Julia": "# 123456789\nx = 12345",
    "Kotlin": "// 12345678\nval x = 12",
    "Lua": "-- 12345678\nx = 12345",
    "PHP": "<?php // 67\n$x = 123;",
    "Python": "# 123456789\nx = 12345",
    "R": "# 123456789\nx <- 1234",
    "Ruby": "# 123456789\nx = 12345",
    "Rust": "// 12345678\nfn f() {}",
    "Scala": "// 12345678\nobject A",
    "Shell": "# 123456789\necho 1234",
    "SQL": "-- 12345678\nselect 1;",
    "Swift": "// 12345678\nlet x = 12",
    "Tcl": "# 123456789\nset x 123",
    "tsx": "// 12345678\nlet x=[];",
    "TypeScript": "// 12345678\nlet x=[];",
}


@pytest.mark.parametrize("language", sorted(COMMENTS))
def test_comments_of_every_language(language: str) -> None:
    text = COMMENTS[language]
    comment = 5 if language == "PHP" else 11
    share, parsed = scored(text, language)
    assert parsed == 1
    assert share == pytest.approx(comment / len(text), abs=1.1 / len(text))  # Rust's has its feed
    assert scored(text.replace("\n", " ")[comment:], language)[0] < share


def test_docstrings_of_python_are_comments_and_other_strings_are_not() -> None:
    text = '"""ab"""\nx = "cd"\ndef f():\n    "ef"\n    "gh"\nclass A:\n    """é"""\n'
    assert scored(text, "Python")[0] == (8 + 4 + 7) / len(text)


def test_shares_at_the_published_thresholds() -> None:
    for comment, low, high in ((1, 0.01, 0.01), (80, 0.8, 0.8), (0, 0, 0.009), (81, 0.801, 1)):
        marks = "#" * comment
        code = "x" * (100 - comment - 1)
        assert low <= scored(f"{code}\n{marks}", "Python")[0] <= high


@pytest.mark.parametrize("language", ["", "Markdown", "JSON", "Brainfuck"])
def test_a_rule_does_not_drop_what_cannot_be_parsed(language: str) -> None:
    assert scored("# a text", language) == (0.1, 0)
    assert scored("# a text", language, unparsed_share=0.5) == (0.5, 0)


def test_long_documents_are_not_parsed() -> None:
    assert scored("# 3456789\n", "Python", max_bytes=10) == (0.9, 1)
    assert scored("# 34567890\n", "Python", max_bytes=10) == (0.1, 0)
    assert scored("#" * 40_000, "Shell") == (0.1, 0)


def test_documents_that_take_too_long_or_hardly_parse_are_given_up() -> None:
    assert scored("<!--" * 30_000, "Go") == (0.1, 0)
    assert scored("(" * 5000, "Python") == (0, 1)
    assert scored("(" * 5001, "Python") == (0.1, 0)
    assert scored("x = " + "[" * 5000 + "]" * 5000, "Python") == (0, 1)
    assert scored("x = " + "[" * 5001 + "]" * 5001, "Python") == (0.1, 0)
    assert scored("class A { int x = " + "a<" * 500, "Java") == (0, 1)
    assert scored("class A { int x = " + "a<" * 501, "Java") == (0.1, 0)


HOSTILE = ["(" * 100_000, "x" * 100_000, "\x00" * 30_000, "é\u200b😀" * 1000, "!" * 60_000]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("language", ["Python", "C++", "HTML", "Shell"])
def test_hostile_text_does_not_hang(text: str, language: str) -> None:
    started = time.process_time()
    assert 0 <= scored(text, language)[0] <= 1
    assert time.process_time() - started < 20


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tagger("code_comments")
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("tree_sitter"):
            raise ImportError(name)
        return real(name, *rest)

    syntax.parser_of.cache_clear()
    syntax.grammar.cache_clear()
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra, match=r"dolma-pipe\[code\]"):
        made.check()
