"""Scores by paragraph and sentence against fastText's, part by part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dolma_pipe import fasttext_levels
from dolma_pipe.batch import batch_of
from dolma_pipe.fasttext_levels import Aggregate, Level, label_scores
from dolma_pipe.tagger import Column, Labels, Spans
from tests.slow import levels as slow
from tests.slow.fasttext import HS, OVA, SlowModel
from tests.slow.fasttext_writer import LABELS, ModelFile
from tests.slow.sentences import sentences
from tests.texts import texts, texts_of

PIECES = ("the ", "of", "été. ", "\n", "数据。", "ตัวอักษร", "A. ", " \n \n", "? Ok")
MODELS = {
    "softmax": ModelFile(),
    "hierarchical": ModelFile(loss=HS),
    "one_vs_all": ModelFile(loss=OVA),
    "no_end_of_line": ModelFile(loss=HS, words=("the", "of"), maxn=0, minn=0, bucket=0),
}
PARTS = {"paragraph": slow.paragraphs, "sentence": sentences}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def numbers(column: Column) -> list[float]:
    assert isinstance(column, np.ndarray)
    return [float(x) for x in column]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", PARTS)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    documents=st.lists(texts_of(*PIECES) | texts, max_size=4),
    aggregate=st.sampled_from(["mean", "max"]),
    block=st.sampled_from([1, 3, 4096]),
)
def test_equals_the_slow_reference(
    folder: Path,
    name: str,
    level: Level,
    documents: list[str],
    aggregate: Aggregate,
    block: int,
) -> None:
    path = folder / f"{name}.bin"
    if not path.exists():
        MODELS[name].write(path)
    model = SlowModel(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasttext_levels, "MOST_PARTS", block)
        found = label_scores(str(path), LABELS, batch_of(documents), level, aggregate, 0.4)
    top, top_score = found["top"], numbers(found["top_score"])
    assert isinstance(top, Labels)
    for d, document in enumerate(documents):
        parts = PARTS[level](document)
        scores = [numbers(found[label])[d] for label in LABELS]
        checked = [
            slow.fold(parts, nudged(model, by), aggregate == "max") for by in (0, 1e-4, -1e-4)
        ]
        if checked[0] is None:
            assert np.isnan([*scores, top_score[d]]).all()
            assert top.codes[d] == -1
            continue
        for label, score in enumerate(scores):
            low, *_, high = sorted(c[label] for c in checked if c)
            assert low - 3e-5 <= score <= high + 3e-5
        assert top_score[d] == max(scores) == scores[top.codes[d]]


def nudged(model: SlowModel, nudge: float) -> Any:
    return lambda part: model.probabilities(part, nudge)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_spans_are_the_parts_that_reach_the_threshold(folder: Path, threshold: float) -> None:
    path = ModelFile(loss=HS).write(folder / "spans.bin")
    documents = ["", "the of. A and été!\n\n 数据。ok  ", "\n", "é the ok", "A? " * 50]
    found = label_scores(str(path), ("fr",), batch_of(documents), "sentence", "mean", threshold)
    spans, share = found["fr_spans"], numbers(found["fr_share"])
    assert isinstance(spans, Spans)
    model = SlowModel(path)
    for d, document in enumerate(documents):
        parts = sentences(document)
        scored = [(part, (model.probabilities(part) or [])[1]) for part in parts]
        expected = [(part, score) for part, score in scored if score >= threshold]
        here = slice(spans.offsets[d], spans.offsets[d + 1])
        places = zip(spans.starts[here], spans.ends[here], strict=True)
        assert [document.encode()[a:b].decode() for a, b in places] == [p for p, _ in expected]
        assert spans.scores[here].tolist() == pytest.approx([s for _, s in expected], abs=2e-5)
        whole = sum(map(len, parts))
        assert share[d] == (sum(len(p) for p, _ in expected) / whole if whole else 0)


def test_a_document_of_one_part_has_its_score(folder: Path) -> None:
    path = str(ModelFile(loss=HS).write(folder / "one.bin"))
    batch = batch_of(["the of and été", "", "数据 ok"])
    whole = label_scores(path, LABELS, batch)
    for level in PARTS:
        parts = label_scores(path, LABELS, batch, level)  # type: ignore[arg-type]
        for label in LABELS:
            expected = [x if d != 1 else np.nan for d, x in enumerate(numbers(whole[label]))]
            np.testing.assert_allclose(numbers(parts[label]), expected, atol=1e-6)


SENTENCES = ("bad words here", "good ones there", "we go on", "it is 数据", "never seen: xyz")


@pytest.mark.parametrize("level", PARTS)
def test_parts_score_as_the_library_scores_them(folder: Path, level: Level) -> None:
    fasttext = pytest.importorskip("fasttext")
    training = folder / "training.txt"
    lines = [f"__label__{'toxic' if s == 0 else 'fine'} {SENTENCES[s]}\n" for s in (0, 1, 2, 3)]
    training.write_text("".join(lines * 50), encoding="utf-8")
    library = fasttext.train_supervised(
        str(training), dim=8, epoch=3, minn=2, maxn=3, bucket=500, wordNgrams=2, thread=1, verbose=0
    )
    library.save_model(str(folder / "toxic.bin"))
    documents = [
        ". ".join(s.capitalize() for s in SENTENCES) + ".",
        "\n".join(SENTENCES * 2) + "\n\n",
        "Bad words here.\n\nGood ones there! We go on",
        "",
    ]

    def probabilities(part: str) -> list[float]:
        names, values = library.predict(part, k=-1)
        found = dict(zip(names, values, strict=True))
        return [min(1.0, float(found[f"__label__{label}"])) for label in ("toxic", "fine")]

    model = str(folder / "toxic.bin")
    for aggregate in ("mean", "max"):
        found = label_scores(model, ("toxic", "fine"), batch_of(documents), level, aggregate, 0.4)  # type: ignore[arg-type]
        for d, document in enumerate(documents):
            expected = slow.fold(PARTS[level](document), probabilities, aggregate == "max")
            scores = [numbers(found[label])[d] for label in ("toxic", "fine")]
            np.testing.assert_allclose(scores, expected or [np.nan] * 2, atol=1e-4)
