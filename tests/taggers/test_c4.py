from pathlib import Path

import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.errors import AssetError
from dolma_pipe.tagger import Spans
from tests.taggers.shelf import masked_texts, tagger, values

LINE = "One two three four five.\n"


def test_masking_the_removed_lines_leaves_the_clean_text() -> None:
    texts = [
        f"Home | About\n\n{LINE}We use cookies on this site.\n{LINE}More...\n",
        LINE,
        "Menu",
        "",
    ]
    assert masked_texts("c4", {"removed": ""}, texts) == [LINE + LINE, LINE, "", ""]


def test_spans_tell_the_reason() -> None:
    text = (
        f"No mark here\nToo few.\n{LINE}Enable JavaScript to go on.\nOur privacy policy is here.\n"
    )
    removed = tagger("c4").tag(batch_of([text]))["removed"]
    assert isinstance(removed, Spans)
    assert removed.scores.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("sentences", LINE * 2, 2),
        ("sentences", LINE * 3, 3),
        ("lines", LINE + "\n" + "x", 2),
        ("kept_lines", LINE + "\n" + "x", 1),
        ("removed_share", "a b c d e.\nabcdefghij\n", 0.5),
        ("removed_share", "a b c d e.\n", 0),
        ("has_curly_bracket", "if (x) {\n", 1),
        ("has_lorem_ipsum", "Lorem ipsum dolor", 1),
        ("has_policy", "Our cookie policy", 1),
        ("has_policy", "Our policy on cookies", 0),
    ],
)
def test_values(column: str, text: str, value: float) -> None:
    assert values("c4", column, [text]) == [pytest.approx(value)]


def test_end_marks_and_words_a_line_are_settings() -> None:
    text = "这是第一行。\n这是第二行\n"
    assert values("c4", "kept_lines", [text]) == [0]
    assert values("c4", "kept_lines", [text], end_marks=".。") == [1]
    assert values("c4", "kept_lines", ["a b."], min_words_per_line=2) == [1]


def test_blocked_words_are_a_users_list(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("badword\nvery bad\n坏人\n\n", encoding="utf-8")
    texts = ["A Badword, and VERY bad!", "badwords", "他是坏人", ""]
    assert values("c4", "blocked_words", texts, blocked_words=str(path)) == [2, 0, 1, 0]
    assert tagger("c4", blocked_words=str(path)).assets() == (str(path),)


def test_no_list_no_column() -> None:
    c4 = tagger("c4")
    assert c4.assets() == ()
    assert tuple(c4.tag(batch_of([LINE]))) == c4.columns()
    assert "blocked_words" not in c4.columns()


@pytest.mark.parametrize(("content", "reason"), [(b"\n \n", "no word"), (b"\xff\xfe", "UTF-8")])
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(AssetError, match=reason):
        values("c4", "blocked_words", ["x"], blocked_words=str(path))
