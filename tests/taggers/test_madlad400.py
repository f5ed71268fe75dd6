from pathlib import Path

import msgspec
import pytest

from dolma_pipe.batch import batch_of
from tests.slow.fasttext import HS
from tests.slow.fasttext_writer import ModelFile
from tests.taggers.shelf import tagger, values

GOOD = "This is an ordinary sentence.\n"
LISTED = "Ab Cd Ef Gh Ij Kl Mn Op Qr St Uv Wx\n"
CURSED = "Facebook is where we are today.\n"
SHORT = "Home\n"
TECHNICAL = "(1) + (2) + (3) + (4) / (5)\n"


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("sentences", GOOD * 4, 4),
        ("sentences", GOOD * 5, 5),
        ("sentences", "你好。" * 5, 5),
        ("questionable", GOOD * 4 + SHORT, 0.2),
        ("questionable", GOOD * 5 + SHORT, 1 / 6),
        ("list_case", GOOD * 4 + LISTED, 0.2),
        ("abnormal_length", GOOD * 4 + SHORT, 0.2),
        ("technical", GOOD * 4 + TECHNICAL, 0.2),
        ("cursed", GOOD * 4 + CURSED, 0.2),
        ("cursed", "", 0),
    ],
)
def test_values_at_the_published_borders(column: str, text: str, value: float) -> None:
    assert values("madlad400", column, [text]) == [pytest.approx(value)]


def test_questionable_is_the_union_of_the_rules_asked_for() -> None:
    text = GOOD + LISTED + CURSED + SHORT + TECHNICAL
    assert values("madlad400", "questionable", [text]) == [0.8]
    assert values("madlad400", "questionable", [text], rules=[2, 5]) == [0.4]
    assert values("madlad400", "questionable", [text], rules=[]) == [0]


def test_thresholds_are_settings() -> None:
    assert values("madlad400", "abnormal_length", [SHORT], min_characters=4) == [0]
    assert values("madlad400", "abnormal_length", [GOOD], max_characters=10) == [1]
    assert values("madlad400", "technical", [GOOD + "a (b) c"], max_technical=0.5) == [0]
    assert values("madlad400", "list_case", [LISTED], max_capitalised=1) == [0]
    assert values("madlad400", "list_case", ["Ab Cd"], min_list_words=2) == [1]


def test_rule_1_needs_a_model_and_others_do_not(tmp_path: Path) -> None:
    model = str(ModelFile(loss=HS, words=("the",)).write(tmp_path / "m.ftz"))
    assert tagger("madlad400").assets() == ()
    made = tagger("madlad400", rules=[1, 2], model=model)
    assert made.assets() == (model,)
    texts = ["the of and. Été 数据 ici!", "", " \n", "the\n the the\n"]
    columns = made.tag(batch_of(texts))
    assert tuple(columns) == made.columns()
    together = columns["other_language"]
    for d, text in enumerate(texts):
        alone = made.tag(batch_of([text]))["other_language"]
        assert alone[0] == together[d]
    assert together[3] == 0


def test_a_rule_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        tagger("madlad400", rules=[6])


@pytest.mark.asset
def test_sentences_in_another_language() -> None:
    english = "The quick brown fox jumps over the lazy dog while the children are watching.\n"
    french = "Le conseil municipal se réunira demain matin pour discuter du budget.\n"
    text = english * 4 + french
    assert values("madlad400", "other_language", [text], rules=[1]) == [0.2]
