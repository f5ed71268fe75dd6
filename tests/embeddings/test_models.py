"""Models by name: what is said of one that is not there, and the real MiniLM."""

import importlib.util
import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dolma_pipe.assets import MADE, asset_path
from dolma_pipe.cli.assets import command
from dolma_pipe.embeddings import check_model, load_embedder, model_assets
from dolma_pipe.embeddings.distill import principal_components, rarity
from dolma_pipe.embeddings.static import read_static
from dolma_pipe.errors import AssetError, MissingExtra, UserError
from tests.cli.json_page import checked
from tests.embeddings.models import vocabulary, write_tiny_bert, write_tiny_static
from tests.slow.cosine import cosine
from tests.texts import packed


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOLMA_PIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOLMA_PIPE_OFFLINE", "1")
    return tmp_path / "cache"


def test_a_misspelt_model_is_told_the_nearest_name() -> None:
    with pytest.raises(AssetError, match=r"^there is no .* 'minilmm' \(did you mean minilm\?\)$"):
        model_assets("minilmm")
    with pytest.raises(AssetError, match=r"\(named models: minilm, static\)$"):
        model_assets("no/such/file")


@pytest.mark.usefixtures("empty_cache")
def test_a_static_model_that_was_not_made_says_how() -> None:
    for use in (check_model, load_embedder):
        with pytest.raises(AssetError, match=r"run: dolma-pipe assets distill$") as told:
            use("static")
        assert "\n" not in str(told.value)


@pytest.mark.usefixtures("empty_cache")
def test_minilm_that_cannot_be_fetched_says_how() -> None:
    with pytest.raises(AssetError, match="dolma-pipe assets fetch minilm"):
        load_embedder("minilm")


def test_torch_that_is_not_installed_is_an_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny_bert(tmp_path)
    real = importlib.util.find_spec

    def without_torch(name: str) -> ModuleSpec | None:
        return None if name == "torch" else real(name)

    monkeypatch.setattr("dolma_pipe.embeddings.find_spec", without_torch)
    with pytest.raises(MissingExtra, match=r"pip install 'dolma-pipe\[semantic\]'"):
        check_model(folder)
    with pytest.raises(MissingExtra, match="torch"):
        load_embedder(folder, chunk=17)


def test_a_model_that_changed_under_its_name_is_loaded_again(tmp_path: Path) -> None:
    path = write_tiny_static(tmp_path, dimensions=5)
    assert load_embedder(path).dimensions == 5
    assert load_embedder(path) is load_embedder(path)
    write_tiny_static(tmp_path, dimensions=6)
    assert load_embedder(path).dimensions == 6


def test_distil_from_the_command_line(tmp_path: Path, empty_cache: Path) -> None:
    pytest.importorskip("torch")
    folder = write_tiny_bert(tmp_path / "bert")
    arguments = ["distill", "--model", folder, "--dimensions", "8", "--device", "cpu"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.output.startswith(str(empty_cache))
    assert load_embedder("static").dimensions == 8
    made = MADE["static"].path.read_bytes()
    done = CliRunner().invoke(command, [*arguments, "--out", str(tmp_path / "my.npz"), "--json"])
    made_now = checked("assets distill", json.loads(done.stdout))
    assert (made_now.tokens, made_now.dimensions) == (len(vocabulary()), 8)
    assert (tmp_path / "my.npz").read_bytes() == made
    assert "made " in CliRunner().invoke(command, ["list"]).output
    rows, _ = read_static(tmp_path / "my.npz")
    assert rows.shape == (len(vocabulary()), 8)
    assert not rows[:5].any()  # [PAD] and the like
    assert rows[5:].any(axis=1).all()
    assert [path.name for path in MADE["static"].path.parent.iterdir()] == ["static-minilm.npz"]


def test_a_static_model_cannot_be_distilled(tmp_path: Path) -> None:
    path = write_tiny_static(tmp_path)
    done = CliRunner().invoke(command, ["distill", "--model", path])
    assert isinstance(done.exception, UserError)
    assert "is static already" in str(done.exception)


def test_principal_components_keep_distances_and_put_the_most_first() -> None:
    chance = np.random.default_rng(3)
    vectors = chance.standard_normal((50, 6)) * np.array([1.0, 9.0, 3.0, 0.5, 2.0, 0.1])
    turned = principal_components(vectors, 6)
    assert np.allclose(turned.mean(axis=0), 0)
    assert (np.diff(turned.var(axis=0)) < 0).all()
    assert np.allclose(
        np.linalg.norm(turned[:, None] - turned[None], axis=2),
        np.linalg.norm(vectors[:, None] - vectors[None], axis=2),
    )
    assert (principal_components(vectors, 2) == turned[:, :2]).all()


def test_rare_tokens_weigh_more() -> None:
    """p of the first of 4: (1 / 2) / (1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) = 30 / 77."""
    weights = rarity(4)
    assert (np.diff(weights) > 0).all()
    assert np.isclose(weights[0], 1e-4 / (1e-4 + 30 / 77))


MEAL = [0.033242, 0.004406, -0.006277, 0.048379, -0.138702, -0.033617]
MEAL_AND_OTHERS = [0.90823, -0.10496, -0.12068]
"""sentence-transformers 6.2.0: first components of "A man is eating food.", and its cosines."""


@pytest.mark.asset
def test_minilm_is_that_of_sentence_transformers() -> None:
    pytest.importorskip("torch")
    texts = [
        "A man is eating food.",
        "A man eats a meal.",
        "The girl is carrying a baby.",
        "Deduplication removes near copies from a corpus.",
    ]
    found = load_embedder("minilm", "cpu").embed(*packed(texts))
    assert np.abs(found[0, :6] / 8192 - np.array(MEAL)).max() < 1e-4
    cosines = [cosine(found[0].tolist(), other.tolist()) for other in found[1:]]
    assert np.abs(np.array(cosines) - np.array(MEAL_AND_OTHERS)).max() < 2e-4


JOBS = "The company said on Monday that it will cut 500 jobs in Ohio by the end of the year."
SAME = [
    (JOBS, "On Monday, the company said it will cut 500 jobs in Ohio by the end of the year."),
    ("How do I reset the password of my account?", "How can I reset my account password?"),
    ("The cat sat on the mat near the window.", "Near the window, the cat sat on the mat."),
    ("Paris is the capital of France.", "The capital of France is Paris."),
    ("A man is playing a guitar on the street.", "A man plays the guitar in the street."),
]
OTHER = [
    (JOBS, "The river flooded several villages in the valley after a week of rain."),
    ("How do I reset the password of my account?", "How do I cancel my subscription?"),
    ("A man is playing a guitar on the street.", "A man is eating a sandwich on the street."),
    ("Paris is the capital of France.", "Berlin is the capital of Germany."),
    ("The meeting starts at nine o'clock.", "The meeting does not start at nine o'clock."),
]


@pytest.mark.asset
def test_paraphrases_are_above_the_threshold_and_neighbours_below() -> None:
    pytest.importorskip("torch")
    embedder = load_embedder("minilm", "cpu")
    for pairs, same in ((SAME, True), (OTHER, False)):
        for pair in pairs:
            one, other = embedder.embed(*packed(list(pair))).tolist()
            assert (cosine(one, other) >= 0.95) == same, pair


@pytest.mark.asset
def test_the_tokens_of_minilm_are_those_of_its_tokenizer() -> None:
    from tokenizers import Tokenizer

    from dolma_pipe.embeddings.word_pieces import WordPieces

    content = asset_path("minilm-tokenizer").read_bytes()
    reference = Tokenizer.from_str(content.decode())
    reference.no_truncation()
    reference.no_padding()
    text = f"{JOBS} naïve café — 你好，世界! ひらがな 한국어 x²+y²=z² https://a.b/c?d=e"
    text += "\x00\x0b\u200b e\u0301"
    found = [
        token
        for tokens, _ in WordPieces(content, "minilm").tokens(*packed([text]))
        for token in tokens.tolist()
    ]
    assert found == reference.encode(text, add_special_tokens=False).ids
