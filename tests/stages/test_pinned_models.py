"""Models on other machines: by content what they were on the first, and unchanged while used."""

from pathlib import Path

import pytest

from dolma_pipe.assets import asset_hash
from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.shelf import find, load
from dolma_pipe.stages.filter import refuse_changed, stamps_of
from dolma_pipe.tagger import Tagger


def test_a_model_is_the_same_by_content_and_then_by_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for machine in ("one", "two"):
        (tmp_path / machine).mkdir()
        (tmp_path / machine / "model.bin").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path / "one")
    pinned = {"model.bin": asset_hash("model.bin")}
    monkeypatch.chdir(tmp_path / "two")
    stamps = stamps_of(pinned)
    refuse_changed(stamps)
    Path("model.bin").write_bytes(b"others!")
    with pytest.raises(InputError, match=r"model\.bin was changed during the run"):
        refuse_changed(stamps)
    with pytest.raises(InputError, match=r"model\.bin was changed during the run"):
        stamps_of(pinned)


def test_an_installed_tagger_of_another_version_is_refused() -> None:
    found = find("taggers", "gopher")
    other = type(found)(found.name, found.prefix, found.module, None, "0" * 64)
    assert load(found, Tagger)
    with pytest.raises(
        RecipeError, match=r"module dolma_pipe.taggers.gopher on .* another version"
    ):
        load(other, Tagger)
