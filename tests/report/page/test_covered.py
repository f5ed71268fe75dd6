"""Personal data that no mask replaces: no text of a finished run shows it, wherever it is from."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dolma_pipe.report.comparison.gather import comparison_of
from dolma_pipe.report.finished import FinishedRun, finished_run
from dolma_pipe.report.page import covered, duplicates
from dolma_pipe.report.page.gather import page_of
from dolma_pipe.report.page.model import Example
from dolma_pipe.run import run
from tests.corpus import write_shard
from tests.report.page.runs import context

RECIPE = """
name: private
sources:
  web:
    documents: data/web/*
    content:
      taggers: [pii, gopher]
      keep: {gopher.words: [MIN, null]}
      mask: {pii.email: "[mail]"}
dedup: [{minhash: {bands: 30, rows: 3, verify: 0.5}}]
"""
WORDS = " ".join(f"word{k}" for k in range(40))
PHONE = "415-555-0132"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FinishedRun, FinishedRun]]:
    """Copies with an address, which is masked, and a number behind it, which is not; the second run
    drops the short ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("covered"))
        texts = [f"Écris à a{k}@example.org\nor call {PHONE} or {k}: {WORDS}" for k in range(4)]
        texts += [f"call {PHONE} then", *(f"{WORDS[::-1]} {k}" for k in "AB")]
        rows = [{"id": str(k), "text": text} for k, text in enumerate(texts)]
        write_shard(Path("data/web/0.jsonl.zst"), rows)
        run(context("a", RECIPE.replace("MIN", "1")))
        run(context("b", RECIPE.replace("MIN", "9")))
        yield finished_run("a"), finished_run("b")


def text_of(example: Example) -> str:
    return "".join(piece.text for piece in example.pieces)


def test_duplicates_show_the_column_instead(runs: tuple[FinishedRun, FinishedRun]) -> None:
    page = page_of(runs[0])
    assert PHONE not in msgspec.json.encode(page).decode()
    cluster = next(one for one in page.dedup[0].biggest if one.kept.id == "0")
    beginning = "Écris à [mail] or call ⟨pii.phone⟩ or "
    for copy in cluster.copies:
        for whole in (cluster.kept, copy.document):
            assert " ".join(text_of(whole).split()).startswith(beginning)
        for side in (copy.kept, copy.copy):
            assert "or call ⟨pii.phone⟩ or" in "".join(piece.text for piece in side)


def test_documents_that_left_too(runs: tuple[FinishedRun, FinishedRun]) -> None:
    told = comparison_of(*runs)
    assert [text_of(one.document) for one in told.examples] == ["call ⟨pii.phone⟩ then"]
    assert PHONE not in msgspec.json.encode(told).decode()


def test_beginnings_of_those_alone_that_have_none(
    runs: tuple[FinishedRun, FinishedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> dict[str, tuple[str, str]]:
        clusters = page_of(runs[0]).dedup[0].biggest
        return {one.kept.id: (text_of(one.kept)[:12], one.kept.note) for one in clusters}

    monkeypatch.setattr(duplicates, "READ", 0)
    assert shown() == {"0": ("", covered.UNKNOWN), "5": (WORDS[::-1][:12], duplicates.NO_TEXT)}
    monkeypatch.undo()
    monkeypatch.setattr(covered, "in_curated", lambda *_: None)
    assert shown()["0"] == ("", covered.UNKNOWN)
