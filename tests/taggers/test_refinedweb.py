import pytest

from tests.taggers.shelf import masked_texts, values


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("removed_word_share", "Menu\n" + "word word\n" * 9 + "word", 0.1),
        ("removed_word_share", "Menu\n" + "word " * 19, 0.05),
        ("removed_word_share", "Menu\n" + "word " * 18, 1 / 19),
        ("upper_case_lines", "ABCD efg\n", 0),
        ("upper_case_lines", "ABCD ef\n", 1),
        ("digit_lines", "1" * 30 + "\n1 2\n", 1),
        ("counter_lines", "12 comments\n12 comments here\n", 1),
        ("short_lines", "Home\nAbout us\n", 1),
        ("kept_lines", "Home\n\nAbout us\n", 1),
        ("lines", "Home\n\nAbout us\n", 2),
        ("navigation", "Sign-in here please\nsee all items in cart\n", 2),
    ],
)
def test_values_at_the_published_borders(column: str, text: str, value: float) -> None:
    assert values("refinedweb", column, [text]) == [pytest.approx(value)]


def test_masking_leaves_the_clean_text() -> None:
    text = "One two three.\nHOME NEWS SPORT\n\n12 likes\nFour five six.\nLogin\n"
    assert masked_texts("refinedweb", {"removed": ""}, [text, ""]) == [
        "One two three.\nFour five six.\n",
        "",
    ]


def test_settings() -> None:
    text = "ABc de\n12a bc\nHome\nSign-in to see\n"
    share = "removed_word_share"
    assert values("refinedweb", "upper_case_lines", [text], max_upper_case=0.3) == [1]
    assert values("refinedweb", "digit_lines", [text], max_digits=0.3) == [1]
    assert values("refinedweb", "short_lines", [text], min_words=1) == [0]
    assert values("refinedweb", "navigation", [text], max_navigation_words=0) == [0]
    assert values("refinedweb", share, [text], min_words=0, max_navigation_words=0) == [0]
