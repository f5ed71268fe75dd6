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


def test_the_mix_is_told_as_the_recipe_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.jsonl").touch()
    Path("mix.yaml").write_text(
        "name: demo\n"
        "sources: {web: {documents: web.jsonl}, code: {documents: web.jsonl}}\n"
        "mix:\n"
        "  mixer: {unimax: {max: 2}}\n"
        "  max_repeats: 4\n"
        "  groups: {web: {by: length, at: [1024]}}\n"
        "  held_out: {code: 0.01}\n"
        "tokenize: {tokenizer: gpt-neox-olmo}\n"
    )
    assert passes(read_recipe(Path("mix.yaml"))).splitlines()[-3:] == [
        "    mixer unimax",
        "    web: share -, upsample 4, groups by length",
        "    code: share -, upsample 4, held out 0.01",
    ]
