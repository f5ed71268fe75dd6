from pathlib import Path

import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.errors import AssetError, RecipeError
from tests.taggers.shelf import masked_texts, tagger, values


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words.txt"
    path.write_text("# a comment\nbad\nvery bad\n坏人\na$$\n\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "count", "distinct", "density"),
    [
        ("a good day", 0, 0, 0),
        ("Bad, and bad-ish", 2, 1, 0.5),
        ("one very bad day", 1, 1, 0.5),
        ("badly embadded", 0, 0, 0),
        ("他是坏人", 1, 1, 0.5),
        ("a a$$ bad a", 2, 2, 0.5),
        ("BAD\u2028bad\x00bad", 1, 1, 0.5),
        ("", 0, 0, 0),
        ("\u200b", 0, 0, 0),
    ],
)
def test_values(words: str, text: str, count: int, distinct: int, density: float) -> None:
    assert values("toxicity", "count", [text], words=words) == [count]
    assert values("toxicity", "distinct", [text], words=words) == [distinct]
    assert values("toxicity", "density", [text], words=words) == [pytest.approx(density)]


def test_hits_can_be_masked(words: str) -> None:
    texts = ["It is VERY  bad. 他是坏人！", "Good", "bad a$$ bad"]
    assert masked_texts("toxicity", {"hits": "*"}, texts, words=words) == [
        "It is *. 他是*！",
        "Good",
        "* * *",
    ]


def test_several_lists_are_one(words: str, tmp_path: Path) -> None:
    other = tmp_path / "more.txt"
    other.write_text("day\nbad\n", encoding="utf-8")
    both = (words, str(other))
    assert tagger("toxicity", words=both).assets() == both
    assert values("toxicity", "count", ["a bad day"], words=both) == [2]


def test_a_list_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("one\n")
    assert values("toxicity", "count", ["one two two"], words=str(path)) == [1]
    path.write_text("two, or\ntwo\n")
    assert values("toxicity", "count", ["one two two"], words=str(path)) == [2]


def test_a_list_is_needed(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"toxicity\.words: at least one"):
        tagger("toxicity", words="").check()
    (tmp_path / "none.txt").write_text("# only this\n")
    with pytest.raises(AssetError, match=r"toxicity\.words: .*none\.txt holds no word"):
        tagger("toxicity", words=str(tmp_path / "none.txt")).check()


@pytest.mark.asset
def test_the_published_list() -> None:
    toxicity = tagger("toxicity")
    toxicity.check()
    found = toxicity.tag(batch_of(["What an asshole.", "Assess the classics of Scunthorpe."]))
    assert not isinstance(found["count"], tuple)
    assert found["count"].tolist() == [1, 0]
