import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dolma_pipe import fasttext, fasttext_file
from dolma_pipe.errors import AssetError
from dolma_pipe.fasttext import FastTextModel, load_model, read_labels
from tests.slow.fasttext import HS, NS, OVA, SlowModel
from tests.slow.fasttext_writer import LABELS, WORDS, ModelFile
from tests.texts import packed, texts, texts_of

MODELS = {
    "softmax": ModelFile(),
    "hierarchical": ModelFile(loss=HS),
    "one_vs_all": ModelFile(loss=OVA),
    "negative_sampling": ModelFile(loss=NS, dim=8),
    "whole_words": ModelFile(maxn=0, minn=0, bucket=0),
    "no_end_of_line": ModelFile(words=WORDS[1:], maxn=0, minn=0, bucket=0),
    "word_bigrams": ModelFile(loss=HS, maxn=0, minn=0, word_ngrams=2),
    "word_fivegrams": ModelFile(word_ngrams=5, minn=0, maxn=1, dim=3),
    "quantised": ModelFile(loss=HS, quantised=True, qnorm=True),
    "quantised_output": ModelFile(quantised=True, quantised_output=True, dsub=2, dim=16),
    "all_quantised": ModelFile(loss=OVA, quantised=True, quantised_output=True, qnorm=True, dsub=4),
    "pruned": ModelFile(loss=HS, quantised=True, kept=40, word_ngrams=3),
    "pruned_of_all_ngrams": ModelFile(quantised=True, kept=0, word_ngrams=2),
    "version_11": ModelFile(version=11, maxn=3),
    "one_label": ModelFile(loss=HS, labels=("only",)),
    "no_words": ModelFile(words=(), dim=1),
}
PIECES = (
    *WORDS,
    "__label__en",
    "__label__other",
    "__label_",
    "</s> ",
    " the ",
    "< of >",
    "ok ok a and the of ",
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[FastTextModel, SlowModel]]:
    folder = tmp_path_factory.mktemp("models")
    paths = {name: file.write(folder / f"{name}.bin") for name, file in MODELS.items()}
    return {name: (load_model(path), SlowModel(path)) for name, path in paths.items()}


def predict(model: FastTextModel, documents: list[str], before: str = "") -> list[list[float]]:
    """Of each document every label's probability, then the likeliest label and its probability."""
    text, offsets = packed(documents, before)
    scores, top, top_score = model.predict(
        text, offsets[:-1], offsets[1:], np.arange(len(model.labels), dtype=np.int32)
    )
    together = model.predict_all(text, offsets[:-1], offsets[1:])
    np.testing.assert_allclose(together, scores, atol=1e-6)
    rows: list[list[float]] = np.column_stack([scores, top, top_score]).tolist()
    return rows


def check(model: FastTextModel, slow: SlowModel, document: str) -> None:
    *scores, top, top_score = predict(model, [document])[0]
    expected = [slow.probabilities(document, nudge) for nudge in (0, 1e-4, -1e-4)]
    if expected[0] is None:
        assert top == -1
        assert np.isnan([*scores, top_score]).all()
        return
    for label, score in enumerate(scores):
        assert any(p and score == pytest.approx(p[label], abs=2e-5) for p in expected)
    assert top_score == scores[int(top)] == max(scores)


@pytest.mark.parametrize("name", MODELS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=texts_of(*PIECES) | texts)
def test_equals_the_slow_reference(
    models: dict[str, tuple[FastTextModel, SlowModel]], name: str, document: str
) -> None:
    check(*models[name], document)


@pytest.mark.parametrize("name", ["hierarchical", "pruned", "word_fivegrams"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    documents=st.lists(texts_of(*PIECES) | texts, max_size=5),
    before=st.sampled_from(["", "the 你"]),
)
def test_the_memo_never_shows(
    models: dict[str, tuple[FastTextModel, SlowModel]],
    name: str,
    documents: list[str],
    before: str,
) -> None:
    model = models[name][0]
    model._memo.words[:] = 0
    together = predict(model, documents, before)
    again = predict(model, documents)
    alone = []
    for document in documents:
        model._memo.words[:] = 0
        alone += predict(model, [document])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(again, alone)


def test_words_that_share_a_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ModelFile(loss=HS, word_ngrams=2).write(tmp_path / "m.bin")
    document = " ".join(f"w{i % 7}" if i % 3 else f"v{i}" for i in range(3000))
    roomy = predict(load_model(path), [document])
    fasttext._load.cache_clear()
    monkeypatch.setattr(fasttext, "MEMO_BYTES", 1)
    monkeypatch.setattr(fasttext, "FEWEST_SLOTS", 2)
    tight = load_model(path)
    assert len(tight._memo.words) == 2
    assert predict(tight, [document]) == roomy


@pytest.mark.parametrize("name", ["hierarchical", "word_bigrams"])
def test_long_words_and_long_documents(
    models: dict[str, tuple[FastTextModel, SlowModel]], name: str
) -> None:
    long = "é数a" * 3000
    check(*models[name], f"the {long} of {long}x")
    check(*models[name], "the of and ok zz\n" * 700)


def test_a_label_is_no_word(models: dict[str, tuple[FastTextModel, SlowModel]]) -> None:
    model = models["word_bigrams"][0]
    plain = predict(model, ["the of"])
    assert predict(model, ["the __label__en of", "__label__other the of __label__fr"]) == plain * 2
    assert predict(model, ["the __label__not of"]) != plain  # in the vocabulary as a word


def test_a_written_end_of_line_ends_the_document(
    models: dict[str, tuple[FastTextModel, SlowModel]],
) -> None:
    model = models["word_fivegrams"][0]
    assert predict(model, ["the of </s> and a"]) == predict(model, ["the\n of "])
    assert predict(model, ["the of </s>and"]) != predict(model, ["the of"])


def test_a_large_matrix_stays_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ModelFile(words=(*WORDS, "shifts the matrix")).write(tmp_path / "m.bin")
    copied = predict(load_model(path), ["the of and"])
    fasttext._load.cache_clear()
    monkeypatch.setattr(fasttext_file, "COPIED_BYTES", 0)
    mapped = load_model(path)
    assert not mapped._weights.input.flags.owndata
    assert predict(mapped, ["the of and"]) == copied


def test_labels_and_models_are_read_once_and_anew_when_the_file_changes(tmp_path: Path) -> None:
    path = ModelFile().write(tmp_path / "m.bin")
    assert load_model(path) is load_model(str(path))
    assert load_model(path).labels == read_labels(path) == LABELS
    ModelFile(labels=("hq", "low")).write(path)
    assert load_model(path).labels == read_labels(path) == ("hq", "low")


@pytest.mark.parametrize("name", ["hierarchical", "all_quantised", "pruned"])
def test_every_truncation_is_refused(tmp_path: Path, name: str) -> None:
    path = MODELS[name].write(tmp_path / "m.bin")
    whole = path.read_bytes()
    for size in [*range(0, 400, 7), *range(400, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(AssetError, match=r"m\.bin: [^\n]*$"):
            fasttext._load.__wrapped__(str(path), 0, size)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.integers(0, 700), value=st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\1\0\0\x70"])
)
def test_a_damaged_file_is_refused_or_read(tmp_path: Path, at: int, value: bytes) -> None:
    path = MODELS["pruned"].write(tmp_path / "m.bin")
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + value + whole[at + 4 :])
    try:
        model = fasttext._load.__wrapped__(str(path), 0, 0)
    except AssetError:
        return
    predict(model, ["the of and été"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": 2}, "word vectors, not a classifier"),
        ({"loss": 9}, "damaged"),
        ({"version": 13}, "not a fastText model"),
        ({"labels": ()}, "damaged"),
    ],
)
def test_what_is_no_classifier_is_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    path = replace(ModelFile(), **change).write(tmp_path / "m.bin")
    for read in (load_model, read_labels):
        with pytest.raises(AssetError, match=f"m.bin: .*{reason}"):
            read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a model, only some text")
    (tmp_path / "empty").touch()
    with pytest.raises(AssetError, match="text: not a fastText model"):
        load_model(tmp_path / "text")
    with pytest.raises(AssetError, match="empty: not a fastText model"):
        load_model(tmp_path / "empty")
    with pytest.raises(AssetError, match="none: No such file"):
        load_model(tmp_path / "none")
    with pytest.raises(AssetError, match="Is a directory"):
        load_model(tmp_path)


def test_dictionary_and_matrix_must_fit(tmp_path: Path) -> None:
    path = ModelFile(maxn=0, minn=0, bucket=0).write(tmp_path / "m.bin")
    raw = bytearray(path.read_bytes())
    raw[8:12] = struct.pack("<i", 9)  # the dimensions that the settings claim
    path.write_bytes(raw)
    with pytest.raises(AssetError, match="damaged"):
        load_model(path)
