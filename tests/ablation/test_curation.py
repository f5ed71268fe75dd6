"""What the recipes of an ablation get in common, and what stays theirs."""

from pathlib import Path

import pytest

from dolma_pipe.ablation.curation import Common, adapted
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe

COMMON = Common(tokenizer="common.json", seed=5, share=0.1)
RECIPE = """
name: demo
seed: 7
sources: {web: {documents: web.jsonl}, wiki: {documents: wiki.jsonl}}
quality: {taggers: [gopher], keep: {gopher.words: [10, null]}}
dedup: [{exact: {}}]
mix:
  target_tokens: 1000
  shares: {web: 0.6, wiki: 0.4}
  held_out: {web: 0.5}
tokenize: {tokenizer: own.json, eos: <end>, max_shard_tokens: 77, output: elsewhere}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(tmp_path)
    for name in ("web.jsonl", "wiki.jsonl"):
        Path(name).write_text('{"id": "1", "text": "x"}\n')
    Path("mix.yaml").write_text(RECIPE)
    return read_recipe(Path("mix.yaml"))


def test_tokenizer_seed_and_held_out_share_are_common(recipe: Recipe) -> None:
    found = adapted(recipe, COMMON)
    assert found.seed == 5
    assert found.mix is not None
    assert found.mix.held_out == 0.1
    assert found.mix.target_tokens == 900
    assert found.mix.shares == {"web": 0.6, "wiki": 0.4}
    assert found.tokenize is not None
    assert (found.tokenize.tokenizer, found.tokenize.eos) == ("common.json", None)
    assert (found.tokenize.max_shard_tokens, found.tokenize.output) == (77, None)
    assert (found.sources, found.dedup) == (recipe.sources, recipe.dedup)


def test_without_a_common_tokenizer_the_own_one_stays(recipe: Recipe) -> None:
    found = adapted(recipe, COMMON._replace(tokenizer=None))
    assert found.tokenize is not None
    assert (found.tokenize.tokenizer, found.tokenize.eos) == ("own.json", "<end>")
    assert found.tokenize.output is None


@pytest.mark.usefixtures("recipe")
def test_a_recipe_without_mix_and_tokenizer_gets_both() -> None:
    Path("mix.yaml").write_text(RECIPE.split("mix:\n")[0])
    found = adapted(read_recipe(Path("mix.yaml")), COMMON)
    assert found.mix is not None
    assert (found.mix.held_out, found.mix.target_tokens) == (0.1, None)
    assert found.tokenize is not None
    assert found.tokenize.tokenizer == "common.json"
