"""One document: its text as it is, spans where they are, what became of it, and when it is gone."""

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dolma_pipe.browse import document
from dolma_pipe.browse.api import Api
from dolma_pipe.browse.pieces import Mark, pieces_of
from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.spans import masked
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report import difference
from dolma_pipe.report.explain import explain
from dolma_pipe.report.removed import Removed
from dolma_pipe.report.shifted import Shifted
from dolma_pipe.run import run
from dolma_pipe.tagger import Spans
from dolma_pipe.work import Work, spool
from tests.browse.asking import Asked
from tests.browse.conftest import HOSTILE, WIDE, documents
from tests.inline import Inline
from tests.object_store import ObjectStore, s3, server

__all__ = ["s3", "server"]


def by_id(api: Asked, name: str) -> dict[str, Any]:
    return next(row for row in api.all(id=name) if row["id"] == name)


def joined(pieces: list[dict[str, Any]]) -> str:
    return "".join(piece["text"] for piece in pieces)


def marked(text: dict[str, Any], column: str) -> list[str]:
    """What is marked, neighbouring pieces as one."""
    number = [mark["column"] for mark in text["marks"]].index(column)
    runs, inside = [], False
    for piece in text["pieces"]:
        covers = number in piece.get("marks", ())
        if covers:
            runs = [*runs[:-1], runs[-1] + piece["text"]] if inside else [*runs, piece["text"]]
        inside = covers
    return runs


def test_every_text_is_what_was_written(api: Asked) -> None:
    """Whatever became of it; nothing of it is lost between pieces."""
    rows = [*documents("web", random.Random(1)), *documents("wiki", random.Random(2))]
    texts = {row["id"]: str(row["text"]) for row in rows}
    for row in api.all():
        if row["id"] in ("web-51", "wiki-51"):
            continue  # controls are told by name there
        text = api.document(row, view="input")["text"]
        assert joined(text["pieces"]) == texts[row["id"]]
        assert text["bytes"] == row["bytes"] == len(texts[row["id"]].encode())


def test_spans_stand_where_they_are_among_wide_characters(api: Asked) -> None:
    row = by_id(api, "web-52")
    came = api.document(row, view="input", find="İSTANBUL")["text"]
    assert marked(came, "pii.email") == ["a@example.org", "b@example.org"]
    assert joined(came["pieces"]) == WIDE
    found = api.document(row, view="input", find="東京 A")["text"]
    assert marked(found, "search") == ["東京 a"]


def test_masks_are_marked_where_spans_were(api: Asked) -> None:
    kept = api.document(by_id(api, "web-52"))["text"]
    assert kept["view"] == "curated"
    assert marked(kept, "pii.email") == ["|||EMAIL_ADDRESS|||"] * 2
    assert joined(kept["pieces"]) == WIDE.replace("a@example.org", "|||EMAIL_ADDRESS|||").replace(
        "b@example.org", "|||EMAIL_ADDRESS|||"
    )


def test_overlapping_spans_become_pieces_of_both() -> None:
    text = "ab東京cd".encode()
    pieces = pieces_of(text, 0, len(text), [Mark(0, 1, 8), Mark(1, 5, 9), Mark(1, 5, 9)])
    assert [(piece.text, piece.marks) for piece in pieces] == [
        ("a", ()),
        ("b東", (0,)),
        ("京", (0, 1)),
        ("c", (1,)),
        ("d", ()),
    ]


def test_what_is_not_seen_is_made_visible(api: Asked) -> None:
    pieces = api.document(by_id(api, "wiki-51"), view="input")["text"]["pieces"]
    controls = [piece["text"] for piece in pieces if piece.get("control")]
    assert controls == ["U+202E", "U+202C", "U+001B", "U+200B"]
    shown = joined(pieces)
    assert not set("\u202e\u202c\x1b\u200b") & set(shown)
    assert "<script>document.title = 'taken'</script>" in shown
    assert [c for c in HOSTILE if ord(c) < 0x7F and c >= " "] == [
        c for piece in pieces if not piece.get("control") for c in piece["text"]
    ]


def test_long_texts_come_in_stretches(api: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """That begin and end between code points, and together are the text."""
    monkeypatch.setattr(document, "STRETCH", 7)
    monkeypatch.setattr(document, "BEFORE", 3)
    row = by_id(api, "web-52")
    whole, start = "", 0
    while start < row["bytes"]:
        text = api.document(row, view="input", from_=start)["text"]
        assert text["start"] <= start < text["end"]
        whole, start = whole + joined(text["pieces"]), text["end"]
    assert whole == WIDE
    text = api.document(row, view="input", find="b@example")["text"]
    assert "b@" in joined(text["pieces"])
    api.document(row, from_="x", status=400)


def test_it_is_told_as_explain_tells_it(api: Asked) -> None:
    recipe = read_recipe(Path("mix.yaml"))
    for name in ("web-1", "web-40", "wiki-46", "web-45"):
        [found] = explain(recipe, Work("work/looked"), name)
        told = api.document(by_id(api, name))["explained"]
        assert told["dropped_by"] == found.dropped_by
        assert told["copies"] == found.copies
        assert told["kept_for"] == found.kept_for
        stored = {score["column"]: score["value"] for score in told["scores"]}
        for score in found.scores:
            if score.origin == "stored":
                assert stored[score.column] == score.value
        assert [v["column"] for v in told["verdicts"] if v["reason"]] == [
            v.column for v in found.verdicts if v.reason
        ]


def test_a_duplicate_stands_beside_what_was_kept(api: Asked) -> None:
    removed = pq.read_table("work/looked/dedup/removed.parquet").to_pylist()
    assert {row["entry"] for row in removed} == {1, 2, 3}
    for told in removed:
        if told["kept_id"] is None:
            continue
        shown = api("document", shard=told["removed_shard"], row=told["removed_row"])
        duplicate = shown["explained"]["duplicate"]
        assert (duplicate["kept_shard"], duplicate["kept_row"]) == (
            told["kept_shard"],
            told["kept_row"],
        )
        kept = api("document", shard=told["kept_shard"], row=told["kept_row"])
        assert kept["explained"]["id"] == told["kept_id"]
        assert told["removed_id"] in [one["id"] for one in kept["gone"]]
        both = api(
            "beside",
            kept=told["kept_shard"],
            kept_row=told["kept_row"],
            copy=told["removed_shard"],
            copy_row=told["removed_row"],
        )
        if told["entry"] == 1:
            assert (both["kept_only"], both["copy_only"]) == (0, 0)
        else:
            own = [*both["kept"], *both["copy"]]
            words = [joined(piece).strip() for kind, piece in own if kind in ("gone", "new")]
            assert "changed" in words
            assert both["kept_only"] + both["copy_only"] == 2
    api("beside", kept="web/web-0", kept_row=9999, copy="web/web-0", copy_row=0, status=404)
    api("beside", kept="web/web-0", copy="web/web-0", copy_row=0, status=400)


def test_both_sides_have_their_own_lines(api: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of each text, where nothing is left out; white space is not marked."""
    monkeypatch.setattr(difference, "AROUND", 1000)
    copy = api.document(api.all(verdict="duplicate:3")[0])
    told = copy["explained"]["duplicate"]
    both = api(
        "beside",
        kept=told["kept_shard"],
        kept_row=told["kept_row"],
        copy=copy["explained"]["shard"],
        copy_row=copy["row"],
    )
    kept = api("document", shard=told["kept_shard"], row=told["kept_row"])
    for side, whole in ((both["kept"], kept), (both["copy"], copy)):
        shown = "".join(joined(pieces) for _, pieces in side)
        assert shown == joined(whole["text"]["pieces"])
        for kind, pieces in side:
            assert joined(pieces)
            assert kind == "same" or joined(pieces) == joined(pieces).strip()
    lines = ["\n" in joined(one["text"]["pieces"]) for one in (kept, copy)]
    assert sorted(lines) == [False, True]


@pytest.mark.usefixtures("api")
def test_what_was_removed_is_opened_once_for_all_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = []

    class Told(Removed):
        def __init__(self, work: Work) -> None:
            opened.append(work)
            super().__init__(work)

    monkeypatch.setattr("dolma_pipe.browse.opened.Removed", Told)
    looking = Asked(Api("work/looked"))
    copies = [looking.document(row) for row in looking.all(verdict="duplicate")]
    assert len(copies) > 5
    assert all(copy["explained"]["duplicate"] for copy in copies)
    assert len(opened) == 1


@pytest.mark.parametrize("shard", ["../../mix", "/etc/passwd", "web/web-0/../web-0", "web/web-9"])
def test_only_shards_of_the_run_are_read(api: Asked, shard: str) -> None:
    api("document", shard=shard, line=1, status=404)
    api("document", shard=shard, row=0, status=404)
    api("line", shard=shard, line=1, status=404)
    api("beside", kept=shard, kept_row=0, copy=shard, copy_row=0, status=404)


def test_what_cannot_be_asked(api: Asked) -> None:
    api("document", shard="web/web-0", status=400)
    api("document", shard="web/web-0", line=1, row=1, status=400)
    api("document", shard="web/web-0", line=1, view="x", status=400)
    api("document", shard="web/web-0", line=10**9, status=404)
    api("document", line=1, status=400)
    api("run", x=1, status=400)
    api("nothing", status=404)


@pytest.fixture
def copied(looked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run, to be damaged."""
    shutil.copytree(looked, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.usefixtures("copied")
def test_inputs_that_are_gone() -> None:
    """What was kept is read, of the rest there are scores and a note."""
    shutil.rmtree("data")
    api = Asked(Api("work/looked"))
    kept = api.document(api.all(verdict="kept")[0])
    assert kept["text"]["pieces"]
    gone = api.document(api.all(verdict="dropped")[0])
    assert gone["text"]["pieces"] == []
    assert "start from the folder" in gone["text"]["note"]
    assert gone["explained"]["scores"]
    found = api("documents", text="the")
    assert found["rows"]
    assert "not searched" in found["notes"][0]
    assert api("documents", text="the", verdict="kept")["notes"] == []


def test_an_input_that_is_another_now(copied: Path) -> None:
    shutil.copy(copied / "data/wiki/wiki-0.jsonl.zst", copied / "data/web/web-0.jsonl.zst")
    api = Asked(Api("work/looked"))
    note = api.document(api.all(verdict="dropped", source="web")[0])["text"]["note"]
    assert "not the input of this run any more" in note


def test_a_run_that_is_being_made_anew(copied: Path) -> None:
    api = Asked(Api("work/looked"))
    api.all()
    (copied / "work/looked/attributes/web/web-1.parquet").unlink()
    assert "is not there" in api("documents", source="web", status=503)
    (copied / "work/looked/manifest.json").unlink()
    assert "no work directory" in api("documents", status=503)
    with pytest.raises(WorkError):
        Api("work/looked")
    recipe = (copied / "mix.yaml").read_text().replace("[8, 120]", "[8, 1000]")
    (copied / "mix.yaml").write_text(recipe)
    run(Context(read_recipe(Path("mix.yaml")), Work("work/looked"), Inline()))
    assert api.all(verdict="dropped", column="gopher.words", min=120) == []


@pytest.mark.usefixtures("copied")
def test_a_run_of_few_stages_with_a_shard_that_failed() -> None:
    context = Context(read_recipe(Path("mix.yaml")), Work("work/early"), Inline())
    run(context, "quality")
    Path("work/early/attributes/wiki/wiki-2.parquet").unlink()
    api = Asked(Api("work/early"))
    told = api("run")
    assert list(told["missing"]) == ["wiki/wiki-2"]
    assert (told["deduplicated"], told["entries"]) == (False, [])
    assert "pii.email" not in told["columns"]
    rows = api.all()
    assert {row["verdict"] for row in rows} == {"kept", "dropped"}
    shown = api.document(rows[0])
    assert shown["explained"]["kept_for"] is None
    assert shown["explained"]["copies"] is None


@pytest.mark.usefixtures("copied")
def test_a_bug_is_told_and_the_next_question_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Asked(Api("work/looked"))
    with monkeypatch.context() as broken:
        broken.setattr("dolma_pipe.browse.api.question", lambda *_: 1 // 0)
        assert "a bug" in api("documents", status=500)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert api("documents")["rows"]


def test_a_run_on_an_object_store(
    copied: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(spool.VARIABLE, str(copied / "spool"))
    work = copied / "work/looked"
    for path in work.rglob("*"):
        if path.is_file():
            key = f"runs/{path.relative_to(work).as_posix()}"
            s3.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes())
    here, there = Asked(Api("work/looked")), Asked(Api("s3://bucket/runs"))
    rows = here.all()
    assert there.all() == rows
    some = [row for row in rows if row["id"] in ("web-46", "web-45", "web-40", "web-52")]
    assert [there.document(row) for row in some] == [here.document(row) for row in some]
    assert there.all(text="changed") == here.all(text="changed")
    assert s3.asked("PUT") == [] or all("runs/" in path for path in s3.asked("PUT"))


def test_spans_are_shifted_as_masks_shift_them() -> None:
    """Against the text with its masks: what no mask covers is the same in both."""
    chance = random.Random(5)
    text = "".join(chr(0x100 + k) for k in range(60)).encode()
    for _ in range(300):
        columns = [spans_of(chance, 60) for _ in range(2)]
        masks = [(columns[0], b"|x|"), (columns[1], b"")]
        offsets = np.array([0, len(text)], np.int64)
        made = masked(np.frombuffer(text, np.uint8), offsets, masks)[0].tobytes()
        shifted = Shifted([(spans, len(new)) for spans, new in masks])
        assert shifted.grown == len(made) - len(text)
        hidden = {
            at
            for spans in columns
            for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)
            for at in range(start, end)
        }
        for start in range(0, 120, 2):
            for end in range(start + 2, min(start + 9, 121), 2):
                if not hidden & set(range(start, end)):
                    first, last = shifted.of(start, end)
                    assert made[first:last] == text[start:end]


def test_a_span_partly_under_a_mask_has_all_of_the_mask() -> None:
    starts, ends = np.array([4], np.int64), np.array([10], np.int64)
    shifted = Shifted([(Spans(np.array([0, 1], np.int64), starts, ends, np.ones(1)), 3)])
    found = [shifted.of(*span) for span in ((2, 6), (6, 12), (5, 7), (4, 10), (0, 4), (10, 12))]
    assert found == [(2, 7), (4, 9), (4, 7), (4, 7), (0, 4), (7, 9)]


def spans_of(chance: random.Random, characters: int) -> Spans:
    borders = sorted(chance.sample(range(characters + 1), 2 * chance.randint(0, 4)))
    ends = 2 * np.array(borders, np.int64)
    count = len(borders) // 2
    offsets = np.array([0, count], np.int64)
    return Spans(offsets, ends[::2], ends[1::2], np.ones(count))
