import pytest

from dolma_pipe.report.terminal import excerpt, harmless


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\r\nb\tc\x00\x7f\x9b31m", r"a\r\nb\tc\x00\x7f\x9b31m"),
        ("user\u202egnp.exe\u2066\u200e", r"user\u202egnp.exe\u2066\u200e"),
        ("\u2028\u2029\U000e0041\ue000", r"\u2028\u2029\U000e0041\ue000"),
    ],
)
def test_what_could_harm_is_escaped(given: str, shown: str) -> None:
    assert harmless(given) == shown


@pytest.mark.parametrize("text", ["שלום", "e\u0301", "👩\u200d👧", "می\u200cخواهم", "你好 x"])
def test_what_people_write_stays(text: str) -> None:
    assert harmless(text) == text


def test_an_excerpt_is_one_short_line() -> None:
    assert excerpt("a\n\n b\tc", 10) == "a b c"
    assert excerpt("abcdef", 3) == "abc..."
    assert excerpt("", 3) == ""
