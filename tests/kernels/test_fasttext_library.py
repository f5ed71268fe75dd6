"""Models trained by the fastText library itself predict the same here."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.fasttext import load_model
from tests.slow.fasttext import SlowModel
from tests.texts import packed

fasttext = pytest.importorskip("fasttext")

SYLLABLES = ("ba", "né", "数", "据", "го", "род", "ไทย", "x", "12", "-", "𝒜")
TRAINING: dict[str, dict[str, Any]] = {
    "softmax": {"loss": "softmax"},
    "subwords": {"loss": "softmax", "minn": 2, "maxn": 4},
    "hierarchical": {"loss": "hs", "minn": 1, "maxn": 3},
    "one_vs_all": {"loss": "ova", "minn": 3, "maxn": 5},
    "negative_sampling": {"loss": "ns", "wordNgrams": 2},
    "word_trigrams": {"loss": "hs", "wordNgrams": 3, "minn": 2, "maxn": 3},
    "few_words": {"loss": "softmax", "minCount": 1000, "minn": 2, "maxn": 3},
}
QUANTISING: dict[str, dict[str, Any]] = {
    "plain": {},
    "quantised": {"dsub": 2},
    "normed": {"dsub": 3, "qnorm": True},
    "pruned": {"cutoff": 300, "qnorm": True},
    "output": {"qout": True, "qnorm": True},
}


def make_word(rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randint(1, 5)))


def make_texts(seed: int, count: int) -> list[tuple[int, str]]:
    """A label of 300, and a line of words most of which stand near that label's own."""
    words = [make_word(random.Random(i)) for i in range(900)]
    rng = random.Random(seed)
    labels = [rng.randrange(300) for _ in range(count)]
    return [
        (label, " ".join(words[int(3 * label + rng.gauss(0, 5)) % 900] for _ in range(20)))
        for label in labels
    ]


@pytest.fixture(scope="module")
def training_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quantising needs at least 256 rows of what it quantises: hence the many labels."""
    path = tmp_path_factory.mktemp("training") / "lines.txt"
    lines = [f"__label__l{label} {text}\n" for label, text in make_texts(1, 3000)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("quantising", QUANTISING)
@pytest.mark.parametrize("training", TRAINING)
def test_same_labels_and_probabilities(
    training: str, quantising: str, training_file: Path, tmp_path: Path
) -> None:
    library = fasttext.train_supervised(
        str(training_file),
        dim=10,
        epoch=5,
        lr=1.0,
        thread=1,
        verbose=0,
        bucket=2000,
        **TRAINING[training],
    )
    if quantising != "plain":
        library.quantize(str(training_file), **QUANTISING[quantising])
    path = tmp_path / "model.bin"
    library.save_model(str(path))
    model, slow = load_model(path), SlowModel(path)
    documents = [text for _, text in make_texts(2, 60)]
    documents += ["", "ba", "__label__l1 ba __label__new", "ba </s> né", "neverseen\tword\0ba"]
    every = np.arange(len(model.labels), dtype=np.int32)
    text, offsets = packed(documents)
    scores, top, top_score = model.predict(text, offsets[:-1], offsets[1:], every)
    together = model.predict_all(text, offsets[:-1], offsets[1:])
    np.testing.assert_allclose(together, scores, atol=1e-6)
    for document, row, label, score in zip(documents, scores, top, top_score, strict=True):
        names, probabilities = library.predict(document, k=-1)
        expected = dict(zip(names, probabilities, strict=True))
        if not expected:
            assert label == -1
            continue
        assert score == pytest.approx(min(1.0, probabilities[0]), abs=1e-4)
        # Labels that are level on paper may change places in the last bit.
        assert expected[f"__label__{model.labels[label]}"] >= probabilities[0] - 1e-5
        assert row[label] == score
        found = np.array([expected.get(f"__label__{name}", 0.0) for name in model.labels])
        np.testing.assert_allclose(row, np.minimum(found, 1), atol=1e-3)
        nudged = [slow.probabilities(document, nudge) for nudge in (0, 1e-4, -1e-4)]
        assert np.min(np.abs(np.array(nudged) - row), axis=0).max() < 2e-5
