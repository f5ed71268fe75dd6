import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.tagger import Labels
from tests.taggers.shelf import tagger, values


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("latin", "abc Жды", 0.5),
        ("cyrillic", "Привет, мир! 123", 1),
        ("han", "日本語のひらがな", 3 / 8),
        ("kana", "日本語のひらがな", 5 / 8),
        ("letters", "12.5 | 13.7", 0),
        ("letters", "ab 12", 0.5),
        ("letters", "हिन्दी", 1),
        ("letters", "", 0),
    ],
)
def test_shares(column: str, text: str, value: float) -> None:
    assert values("scripts", column, [text]) == [pytest.approx(value)]


def test_the_top_script_is_a_label() -> None:
    made = tagger("scripts")
    top = made.tag(batch_of(["Жды a", "1 2", "aЖ"]))["top"]
    assert isinstance(top, Labels)
    assert [top.names[c] if c >= 0 else None for c in top.codes] == ["cyrillic", None, "latin"]
    assert made.kind("top") == "label"
    assert made.kind("letters") == "number"
