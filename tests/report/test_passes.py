"""What check says of a recipe."""

from pathlib import Path

import pytest

from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.passes import passes


def test_bands_that_a_threshold_chooses_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.jsonl").touch()
    Path("mix.yaml").write_text(
        "name: demo\n"
        "sources: {web: {documents: web.jsonl}}\n"
        "dedup:\n"
        "  - minhash: {bands: 16, rows: 8, threshold: 0.5}\n"
        "  - minhash: {}\n"
        "  - simhash: {radius: 2}\n"
    )
    told = passes(read_recipe(Path("mix.yaml"))).splitlines()
    chosen, default, fingerprint = [line for line in told if "hash " in line]
    assert "bands 25, rows 5, threshold 0.5" in chosen
    assert default == "  2 minhash bands 14, rows 8, verify 0.8"
    assert fingerprint == "  3 simhash radius 2"


def test_all_that_a_mix_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.jsonl").touch()
    Path("code.jsonl").touch()
    Path("mix.yaml").write_text(
        "name: demo\n"
        "sources: {web: {documents: web.jsonl}, code: {documents: code.jsonl}}\n"
        "tokenize: {tokenizer: t.json}\n"
        "mix:\n"
        "  target_tokens: 5000\n"
        "  mixer: {temperature: {temperature: 2}}\n"
        "  max_repeats: 3\n"
        "  held_out: {code: 0.01}\n"
        "  groups:\n"
        "    web:\n"
        "      by: length\n"
        "      at: [1000, 20000]\n"
        "      upsample: {<1000: {by: metadata.score, curve: monotone}}\n"
    )
    told = passes(read_recipe(Path("mix.yaml")))
    assert told.endswith(
        "  mix: 5,000 tokens, by temperature\n"
        "    web: share -, upsample 3\n"
        "      groups by length at 1000, 20000, by natural\n"
        "        <1000: share -, upsample monotone by metadata.score, at most 7\n"
        "    code: share -, upsample 3\n"
        "      held out: 0.01 of the documents"
    )


def test_what_is_the_same_for_several_sources_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("web", "code", "books-1", "books-2"):
        Path(f"{name}.jsonl").touch()
    Path("mix.yaml").write_text(
        "name: demo\n"
        "sources:\n"
        "  web: {documents: web.jsonl}\n"
        "  code: {documents: code.jsonl, quality: {keep: {gopher.words: [9, null]}}}\n"
        "  books: {documents: books-*.jsonl}\n"
        "quality: {taggers: [gopher], keep: {gopher.words: [50, null]}}\n"
        "tokenize: {tokenizer: t.json}\n"
        "mix: {upsample: {code: 2}}\n"
    )
    assert passes(read_recipe(Path("mix.yaml"))).splitlines() == [
        "recipe demo, seed 0",
        "pass 1, curate",
        "  web (1 shard), books (2 shards):",
        "    taggers: gopher",
        "    quality: keep 50 <= gopher.words",
        "  code (1 shard):",
        "    taggers: gopher",
        "    quality: keep 9 <= gopher.words",
        "pass 3, encode, plan and assemble",
        "  tokenizer t.json",
        "  mix: as many tokens as caps allow, by natural",
        "    web, books: share -, upsample 1",
        "    code: share -, upsample 2",
    ]
