from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Labels, Tagger
from tests.slow.fasttext import HS
from tests.slow.fasttext_writer import ModelFile

Lid = load(find("taggers", "lid"), Tagger)

GREETINGS = {
    "en": "The quick brown fox jumps over the lazy dog while the children are watching.",
    "fr": "Le conseil municipal se réunira demain matin pour discuter du budget de la ville.",
    "de": "Der Zug nach Berlin fährt heute leider mit einer Verspätung von zehn Minuten ab.",
    "zh": "我们明天早上要去图书馆还书，然后一起吃午饭。",
    "ru": "Сегодня вечером мы пойдём в театр, а потом погуляем по городу.",
    "th": "วันนี้อากาศดีมาก เราไปเดินเล่นที่สวนสาธารณะกันเถอะ",
}


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(ModelFile(loss=HS, words=("the",)).write(tmp_path / "m.ftz"))


def test_columns(model: str) -> None:
    assert Lid().columns() == ("en", "top", "top_score")
    tagger = Lid(model=model, languages=("zh", "fr"))
    assert tagger.columns() == ("zh", "fr", "top", "top_score")
    assert tagger.assets() == (model,)
    columns = tagger.tag(batch_of(["the\nof", "été 数据"]))
    assert tuple(columns) == tagger.columns()
    top = columns["top"]
    assert isinstance(top, Labels)
    assert top.names == ("en", "fr", "zh", "de", "th")
    assert all(len(columns[name]) == 2 for name in ("zh", "fr", "top_score"))


def test_line_ends_are_spaces(model: str) -> None:
    scores = Lid(model=model).tag(batch_of(["the of and", "the\nof\r\n\nand\n"]))["top_score"]
    assert isinstance(scores, np.ndarray)
    assert scores[0] == scores[1]


def test_no_score_where_the_model_knows_nothing(model: str) -> None:
    columns = Lid(model=model).tag(batch_of(["", " \n", "the"]))
    assert isinstance(columns["en"], np.ndarray)
    assert isinstance(columns["top"], Labels)
    assert np.isnan(columns["en"]).tolist() == [True, True, False]
    assert columns["top"].codes[:2].tolist() == [-1, -1]


def test_an_unknown_language_is_named(model: str) -> None:
    with pytest.raises(RecipeError, match=r"m\.ftz knows no language 'xx'"):
        Lid(model=model, languages=("en", "xx")).check()


def test_a_missing_model_is_named() -> None:
    with pytest.raises(AssetError, match="nowhere"):
        Lid(model="nowhere.ftz").tag(batch_of(["the"]))


@pytest.mark.asset
def test_languages_of_real_sentences() -> None:
    columns = Lid(languages=tuple(GREETINGS)).tag(batch_of([*GREETINGS.values(), ""]))
    top, top_score = columns["top"], columns["top_score"]
    assert isinstance(top, Labels)
    assert isinstance(top_score, np.ndarray)
    assert [top.names[code] for code in top.codes[:-1]] == list(GREETINGS)
    assert (top_score[:-1] > 0.5).all()
    for row, language in enumerate(GREETINGS):
        scores = columns[language]
        assert isinstance(scores, np.ndarray)
        assert scores[row] == top_score[row]


def test_codes_with_a_script_are_columns(tmp_path: Path) -> None:
    """As those of GlotLID, OpenLID and NLLB."""
    path = str(ModelFile(labels=("eng_Latn", "zho_Hans", "srp_Cyrl")).write(tmp_path / "m.bin"))
    lid = Lid(model=path, languages=("eng_Latn", "zho_Hans"))
    lid.check()
    assert lid.numbers() == ("eng_Latn", "zho_Hans", "top_score")
    assert tuple(lid.tag(batch_of(["the"]))) == lid.columns()
    (tmp_path / "documents.jsonl").write_text('{"text": "the"}\n')
    (tmp_path / "recipe.yaml").write_text(
        f"""
        name: x
        sources: {{a: {{documents: {tmp_path}/documents.jsonl}}}}
        language:
          taggers: [{{lid: {{model: {path}, languages: [eng_Latn]}}}}]
          keep: {{lid.eng_Latn: [0.5, null]}}
        """
    )
    (rule,) = read_recipe(tmp_path / "recipe.yaml").sources[0].rules
    assert (rule.column, rule.minimum) == ("lid.eng_Latn", 0.5)


@pytest.mark.asset
def test_paragraphs_weigh_by_their_characters() -> None:
    texts = [f"{GREETINGS['en']}\n\n{GREETINGS['de']}\n", GREETINGS["fr"], "\n \n"]
    found = Lid(languages=("en", "de"), level="paragraph").tag(batch_of(texts))
    en, de, top, top_score = (found[name] for name in ("en", "de", "top", "top_score"))
    assert isinstance(en, np.ndarray)
    assert isinstance(de, np.ndarray)
    assert isinstance(top, Labels)
    assert isinstance(top_score, np.ndarray)
    weight = len(GREETINGS["en"]) / (len(GREETINGS["en"]) + len(GREETINGS["de"]))
    assert en[0] == pytest.approx(weight, abs=0.05)
    assert de[0] == pytest.approx(1 - weight, abs=0.05)
    assert [top.names[code] for code in top.codes[:2]] == ["de", "fr"]
    assert top_score[0] == de[0]
    assert top.codes[2] == -1
    assert np.isnan([en[2], de[2], top_score[2]]).all()
