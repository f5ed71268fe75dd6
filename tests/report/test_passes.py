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
