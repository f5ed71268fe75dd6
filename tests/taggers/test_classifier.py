from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.errors import RecipeError
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Labels, Tagger
from tests.slow.fasttext import OVA, SlowModel
from tests.slow.fasttext_writer import ModelFile

Classifier = load(find("taggers", "classifier"), Tagger)

TEXTS = ["the of\nand", "été", "数据 the"]


def model(folder: Path, labels: tuple[str, ...]) -> str:
    return str(ModelFile(loss=OVA, labels=labels).write(folder / "quality.bin"))


def test_all_labels_or_those_asked_for(tmp_path: Path) -> None:
    path = model(tmp_path, ("hq", "low", "spam"))
    assert Classifier(model=path).columns() == ("hq", "low", "spam", "top", "top_score")
    assert Classifier(model=path, labels=("spam",)).columns() == ("spam", "top", "top_score")
    everything = Classifier(model=path).tag(batch_of(TEXTS))
    one = Classifier(model=path, labels=("spam",)).tag(batch_of(TEXTS))
    assert tuple(one) == ("spam", "top", "top_score")
    np.testing.assert_array_equal(everything["spam"], one["spam"])
    assert isinstance(everything["top"], Labels)
    assert everything["top"].names == ("hq", "low", "spam")


def test_scores_are_fasttext_probabilities(tmp_path: Path) -> None:
    path = model(tmp_path, ("hq", "low"))
    columns = Classifier(model=path).tag(batch_of(TEXTS))
    slow = SlowModel(Path(path))
    for label, name in enumerate(("hq", "low")):
        expected = [(slow.probabilities(text) or [])[label] for text in TEXTS]
        np.testing.assert_allclose(columns[name], expected, atol=1e-4)


def test_columns_need_no_model_when_labels_are_given() -> None:
    assert Classifier(model="not/there.bin", labels=("hq",)).columns() == ("hq", "top", "top_score")


def test_many_labels_must_be_chosen_from(tmp_path: Path) -> None:
    path = model(tmp_path, tuple(f"l{i}" for i in range(33)))
    with pytest.raises(RecipeError, match="has 33 labels"):
        Classifier(model=path).columns()
    assert Classifier(model=path, labels=("l32",)).columns() == ("l32", "top", "top_score")


def test_wrong_labels_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="knows no label 'hp'"):
        Classifier(model=model(tmp_path, ("hq", "low")), labels=("hp",)).check()
    with pytest.raises(RecipeError, match="column 'top' twice"):
        Classifier(model=model(tmp_path, ("top", "low"))).columns()


def test_levels_have_spans_and_shares(tmp_path: Path) -> None:
    path = model(tmp_path, ("hq", "low"))
    classifier = Classifier(model=path, labels=("low",), level="sentence")
    assert classifier.columns() == ("low", "top", "top_score", "low_spans", "low_share")
    assert classifier.numbers() == ("low", "top_score", "low_share")
    assert classifier.spans() == ("low_spans",)
    assert tuple(classifier.tag(batch_of(["The of. Été!", ""]))) == classifier.columns()
    assert tuple(classifier.tag(batch_of([]))) == classifier.columns()


def test_the_span_threshold_is_reached_at_itself(tmp_path: Path) -> None:
    path = model(tmp_path, ("hq", "low"))
    text = ["the of and"]
    paragraphs = Classifier(model=path, level="paragraph").tag(batch_of(text))
    score = paragraphs["hq"]
    assert isinstance(score, np.ndarray)
    at = round(float(score[0]), 6)
    for threshold, share in ((at, 1.0), (min(1.0, at + 1e-6), 0.0)):
        classifier = Classifier(model=path, level="paragraph", span_threshold=threshold)
        found = classifier.tag(batch_of(text))["hq_share"]
        assert isinstance(found, np.ndarray)
        assert found.tolist() == [share]


def test_labels_that_would_be_one_column_are_refused(tmp_path: Path) -> None:
    path = model(tmp_path, ("x", "x_spans"))
    with pytest.raises(RecipeError, match="column 'x_spans' twice"):
        Classifier(model=path, level="sentence").columns()
    assert "x_spans" in Classifier(model=path).columns()
