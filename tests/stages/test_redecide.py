"""Decisions made again from stored scores: what is scored, and that history never shows."""

import importlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from dolma_pipe import run as passes
from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.engine.choice import EngineChoice
from dolma_pipe.manifest import InputHashes, stamp_of
from dolma_pipe.passes import prepare
from dolma_pipe.passes.context import Context, Nobody
from dolma_pipe.stored import AttributeFile, Unusable
from dolma_pipe.work import Work
from tests.corpus import decided, dolma_pipe, ran, tree, write_shard


class Inline(Engine):
    """Tasks in this process."""

    def slots(self) -> int:
        return 1

    def map(self, function: str, tasks: Iterable[Task], **_: Any) -> Iterator[Outcome]:
        module, _, name = function.partition(":")
        for task in tasks:
            args = msgspec.json.decode(msgspec.json.encode(task.args))
            value = getattr(importlib.import_module(module), name)(args)
            yield Outcome(task.key, msgspec.to_builtins(value), None, 1, 0.0, 0.0, "here")

    def close(self) -> None:
        pass


TAGGER = '''
from pathlib import Path
import numpy as np
from dolma_pipe.tagger import Labels, Spans, Tagger


class Logged(Tagger, frozen=True):
    """Tells whom it has scored."""

    cost = COST
    scale: float = 1.0

    def columns(self):
        return ("n", "odd", "hits", "kind")

    def spans(self):
        return ("hits",)

    def numbers(self):
        return ("n", "odd")

    def tag(self, batch):
        texts = list(batch.texts())
        with Path("NAME.log").open("a") as log:
            log.writelines(f"{i}\\n" for i in batch.documents.column("id").to_pylist())
        n = np.array([self.scale * text.count("LETTER") for text in texts])
        found = [[i for i, c in enumerate(text) if c == "#"][:3] for text in texts]
        starts = np.array([i for places in found for i in places], np.int64)
        offsets = np.concatenate([[0], np.cumsum([len(places) for places in found])])
        odd = np.where(n % 7 == 0, np.nan, n % 2)
        codes = np.array([int(x) % 3 - 1 for x in n], np.int32)
        return {
            "n": n,
            "odd": odd,
            "hits": Spans(offsets, starts, starts + 1, np.ones(len(starts))),
            "kind": Labels(codes, ("few", "many")),
        }
'''
COSTS = {"cheap": (0.5, "a"), "middle": (2.0, "b"), "dear": (9.0, "c")}


def texts(seed: str, count: int) -> list[dict[str, object]]:
    """Documents of a few letters, so that every threshold cuts somewhere."""
    rng = random.Random(seed)
    return [
        {"id": f"{seed}{i}", "text": "".join(rng.choices("aabbcc #\n", k=rng.randint(0, 60)))}
        for i in range(count)
    ]


def tagger(root: Path, name: str, letter: str | None = None) -> None:
    cost, usual = COSTS[name]
    content = TAGGER.replace("COST", str(cost)).replace("LETTER", letter or usual)
    (root / f"{name}.py").write_text(content.replace("NAME", name))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two shards, one with bad lines, a repeated id and blank lines; three taggers that log."""
    write_shard(tmp_path / "data/a.jsonl.zst", texts("a", 80))
    lines = [json.dumps(row) for row in texts("b", 60)]
    lines[5:5] = ["not json", "", lines[0], '{"text": 5}', '{"id": 7, "text": "aabb#"}']
    (tmp_path / "data/b.jsonl").write_text("\n".join(lines))
    for name in COSTS:
        tagger(tmp_path, name)
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prepare, "new_engine", lambda *_: Inline())
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut here
    return tmp_path


USUAL: dict[str, Any] = {
    "taggers": ["./cheap.py", "./middle.py", "./dear.py"],
    "keep": {"cheap.n": [2, None], "middle.n": [3, None], "dear.n": [3, None]},
    "mask": {"cheap.hits": "<hash>"},
}


def write(root: Path, **changes: Any) -> None:
    recipe = {
        "name": "again",
        "sources": {"web": {"documents": str(root / "data" / "*")}},
        "quality": USUAL | changes,
        "dedup": [{"exact": {"keep": "highest cheap.n"}}, {"minhash": {"shingle": 2}}],
    }
    (root / "mix.yaml").write_text(json.dumps(recipe))


def scored(root: Path) -> dict[str, list[str]]:
    """Ids that each tagger was given since the last call, sorted."""
    told = {}
    for name in COSTS:
        log = root / f"{name}.log"
        told[name] = sorted(log.read_text().split()) if log.exists() else []
        log.unlink(missing_ok=True)
    return told


def run(root: Path, work: str = "work", force: bool = False) -> dict[str, list[str]]:
    """Run in this process, tell whom the taggers have scored."""
    return _told(root, work, force, lambda context: passes.run(context))


def tag(
    root: Path, *taggers: str, work: str = "work", score_all: bool = False
) -> dict[str, list[str]]:
    """Tag in this process, tell whom the taggers have scored."""
    return _told(root, work, False, lambda context: passes.tag(context, (), taggers, score_all))


def _told(
    root: Path, work: str, force: bool, act: Callable[[Context], object]
) -> dict[str, list[str]]:
    scored(root)
    with prepare.prepared(
        root / "mix.yaml", root / work, EngineChoice(), force, Nobody()
    ) as context:
        act(context)
    return scored(root)


def like_fresh(root: Path) -> None:
    """What is in work/ is what a run from nothing makes."""
    shutil.rmtree(root / "fresh", ignore_errors=True)
    run(root, "fresh")
    assert decided(root / "work") == decided(root / "fresh")
    for path in sorted((root / "fresh/attributes").rglob("*.parquet")):
        fresh = pq.read_table(path).to_pylist()
        now = pq.read_table(root / "work" / path.relative_to(root / "fresh")).to_pylist()
        for one, other in zip(fresh, now, strict=True):
            assert {k: other[k] for k in one if one[k] is not None and k != "scored"} == {
                k: v for k, v in one.items() if v is not None and k != "scored"
            }
            assert one["dropped_by"] == other["dropped_by"]


def attributes(root: Path, work: str = "work") -> dict[str, dict[str, Any]]:
    """Rows of all attributes by id, `scored` as the prefixes of the taggers."""
    rows: dict[str, dict[str, Any]] = {}
    for path in (root / work / "attributes").rglob("*.parquet"):
        description = json.loads(pq.read_metadata(path).metadata[b"dolma_pipe"])
        for row in pq.read_table(path).to_pylist():
            bits = row["scored"]
            names = [t["prefix"] for k, t in enumerate(description["taggers"]) if bits >> k & 1]
            rows[row["id"]] = row | {"scored": set(names)}
    return rows


def without(root: Path, prefix: str, work: str = "work") -> list[str]:
    """Ids of the documents that a tagger has not scored."""
    return sorted(i for i, row in attributes(root, work).items() if prefix not in row["scored"])


NOBODY: dict[str, list[str]] = {name: [] for name in COSTS}


def test_attributes_describe_themselves(root: Path) -> None:
    run(root)
    path = root / "work/attributes/web/b.parquet"
    names = pq.read_schema(path).names
    assert names[:5] == ["line", "id", "bytes", "dropped_by", "scored"]
    assert names[5:] == sorted(f"{t}.{c}" for t in COSTS for c in ("n", "odd", "hits", "kind"))
    description = json.loads(pq.read_metadata(path).metadata[b"dolma_pipe"])
    assert [t["prefix"] for t in description["taggers"]] == ["cheap", "middle", "dear"]
    assert (description["lines"], description["quarantined"], description["repaired"]) == (64, 3, 1)
    for row in attributes(root).values():
        for prefix in COSTS:
            assert (row[f"{prefix}.hits"] is not None) == (prefix in row["scored"])
            assert (row[f"{prefix}.n"] is not None) == (prefix in row["scored"])
        assert "cheap" in row["scored"]


def test_a_tightened_rule_scores_nothing(root: Path) -> None:
    run(root)
    before = decided(root / "work")
    write(root, keep={"cheap.n": [6, None], "middle.n": [5, None], "dear.n": [4, None]})
    assert run(root) == NOBODY
    assert ran(root / "work") >= {"curate web/a", "curate web/b"}
    assert decided(root / "work") != before
    like_fresh(root)


def test_a_loosened_rule_scores_who_was_never_scored(root: Path) -> None:
    write(root, keep={"cheap.n": [6, None], "dear.n": [3, None]})
    run(root)
    lacking = [i for i in without(root, "dear") if attributes(root)[i]["cheap.n"] >= 3]
    write(root, keep={"cheap.n": [3, None], "dear.n": [3, None]})
    assert lacking
    assert run(root) == NOBODY | {"middle": lacking, "dear": lacking}
    like_fresh(root)
    write(root, keep={"cheap.n": [6, None], "dear.n": [3, None]})
    assert run(root) == NOBODY
    like_fresh(root)


def test_another_mask_scores_nothing_and_leaves_the_attributes(root: Path) -> None:
    run(root)
    before = tree(root / "work/attributes")
    write(root, mask={"middle.hits": "", "dear.hits": ""})
    assert run(root) == NOBODY
    assert tree(root / "work/attributes") == before
    like_fresh(root)


def test_an_added_tagger_scores_alone_and_a_removed_one_is_remembered(root: Path) -> None:
    fewer = {"taggers": ["./cheap.py", "./dear.py"], "keep": {"cheap.n": [2, None]}}
    write(root, **fewer)
    run(root)
    write(root)
    alive = sorted(i for i, row in attributes(root).items() if row["cheap.n"] >= 2)
    assert run(root) == NOBODY | {"middle": alive}
    like_fresh(root)
    write(root, **fewer)
    assert run(root) == NOBODY
    assert "middle.n" not in pq.read_schema(root / "work/curated/web/a.columns.parquet").names
    like_fresh(root)
    write(root)
    assert run(root) == NOBODY
    like_fresh(root)


def test_another_setting_or_source_of_a_tagger_scores_with_it_again(root: Path) -> None:
    run(root)
    write(root, taggers=["./cheap.py", {"./middle.py": {"scale": 0.5}}, "./dear.py"])
    happened = run(root)
    assert happened["cheap"] == happened["dear"] == []
    assert len(happened["middle"]) == len(attributes(root)) - len(without(root, "middle"))
    like_fresh(root)
    write(root)
    tagger(root, "middle", "a")
    happened = run(root)
    assert happened["cheap"] == []
    assert happened["middle"]
    like_fresh(root)


def test_a_column_of_the_same_name_takes_the_place_of_the_old_one(root: Path) -> None:
    """a.py with name: cheap has cheap.n, as cheap.py had."""
    run(root)
    renamed = {"./middle.py": {"name": "cheap"}}
    write(root, taggers=[renamed], keep={"cheap.n": [2, None]}, mask={})
    assert len(run(root)["middle"]) == len(attributes(root))
    like_fresh(root)
    write(root)
    assert run(root)["cheap"]
    like_fresh(root)


def test_an_overwritten_input_is_scored_as_a_whole(root: Path) -> None:
    run(root)
    rows = texts("a", 80)
    rows[3]["text"] = "aaabbbccc" * 3
    write_shard(root / "data/a.jsonl.zst", rows)
    assert run(root)["cheap"] == sorted(str(row["id"]) for row in rows)
    like_fresh(root)


def test_an_input_that_changes_unseen_is_noticed_when_it_is_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(root)
    path = str(root / "data/a.jsonl.zst")
    old = InputHashes(Work(root / "work")).get(path, stamp_of(path))
    with monkeypatch.context() as patched:
        patched.setattr(InputHashes, "get", lambda *_: old)
        rows = texts("a", 80)
        rows[3]["text"] = "aaabbbccc" * 3
        write_shard(root / "data/a.jsonl.zst", rows)
        write(root, keep={"cheap.n": [1, None]})
        run(root)
    like_fresh(root)


def test_a_flipped_bit_of_a_page_is_noticed(root: Path) -> None:
    run(root)
    path = root / "work/attributes/web/a.parquet"
    content = path.read_bytes()
    whole = [group.rows for group in AttributeFile(path).groups()]
    group = pq.read_metadata(path).row_group(0)
    pages = sum(group.column(i).total_compressed_size for i in range(group.num_columns))
    unnoticed = 0
    for place in range(4, pages, 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            now = [group.rows for group in AttributeFile(path).groups()]
            unnoticed += now != whole
        except Unusable:
            continue
    assert unnoticed == 0


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda work: (work / "attributes/web/b.parquet").write_bytes(b"PAR1"),
        lambda work: (work / "attributes/web/b.parquet").unlink(),
        lambda work: flipped(work / "attributes/web/b.parquet"),
        lambda work: (work / "quarantine/web/b.jsonl").unlink(),
        lambda work: flipped(work / "quarantine/web/b.jsonl"),
        lambda work: shutil.copy(
            work / "attributes/web/a.parquet", work / "attributes/web/b.parquet"
        ),
    ],
)
def test_what_is_damaged_is_not_used(root: Path, damage: Callable[[Path], Any]) -> None:
    run(root)
    damage(root / "work")
    write(root, keep={"cheap.n": [1, None], "middle.n": [3, None]})
    happened = run(root)
    assert [i for i in happened["cheap"] if i.startswith("a")] == []
    assert len(happened["cheap"]) == 61
    like_fresh(root)


def test_force_scores_again(root: Path) -> None:
    first = run(root)
    assert run(root, force=True) == first
    like_fresh(root)


def test_scores_of_all_documents_serve_a_run_that_wants_few(root: Path) -> None:
    happened = tag(root, score_all=True)
    assert {len(ids) for ids in happened.values()} == {141}
    assert run(root) == NOBODY
    like_fresh(root)
    assert tag(root, score_all=True) == NOBODY
    shutil.rmtree(root / "work")
    run(root)
    lacking = {name: without(root, name) for name in COSTS}
    assert tag(root, score_all=True) == lacking
    assert {len(row["scored"]) for row in attributes(root).values()} == {3}


def test_taggers_by_name_add_to_what_is_there(root: Path) -> None:
    told = dolma_pipe(root, "tag", "mix.yaml", "--tagger", "chaep", "--work", "work", code=1)
    assert told.stderr.splitlines()[-1] == (
        "dolma-pipe: no tagger of web is 'chaep' (did you mean 'cheap'?)"
    )
    everybody = sorted(attributes_of_all(root))
    assert tag(root, "middle") == NOBODY | {"middle": everybody}
    # the rule on middle.n counts, those on columns that are not there do not
    assert {row["dropped_by"] for row in attributes(root).values()} == {None, "middle.n"}
    alive = sorted(i for i, row in attributes(root).items() if row["dropped_by"] is None)
    assert tag(root, "dear") == NOBODY | {"dear": alive}
    assert tag(root, "dear") == NOBODY
    assert ran(root / "work") == set()
    assert tag(root, "cheap")["dear"] == []
    assert run(root) == NOBODY
    like_fresh(root)


def attributes_of_all(root: Path) -> dict[str, dict[str, Any]]:
    tag(root, work="other")
    return attributes(root, "other")


def test_a_tagger_that_is_not_asked_is_never_called(root: Path) -> None:
    """Where its scores are there they count, where not its rule does not."""
    write(root, keep={"cheap.n": [8, None], "dear.n": [4, None]})
    run(root)
    lacking = set(without(root, "dear"))
    write(root, keep={"cheap.n": [2, None], "dear.n": [4, None]})
    assert tag(root, "cheap") == NOBODY
    rows = attributes(root)
    assert {row["dropped_by"] for i, row in rows.items() if i in lacking} == {None, "cheap.n"}
    assert "dear.n" in {row["dropped_by"] for row in rows.values()}
    assert run(root)["dear"]
    like_fresh(root)


DEATH = {
    "before the record": "import dolma_pipe.manifest as p\n"
    "p.write_record = lambda *_: os._exit(9)\n",
    "between its records": "import dolma_pipe.manifest as p\nreal = p.write_record\n"
    "def write(work, stage, *more):\n"
    "    return os._exit(9) if stage == 'curate' else real(work, stage, *more)\n"
    "p.write_record = write\n",
}


@pytest.mark.parametrize("death", DEATH.values(), ids=list(DEATH))
def test_a_killed_decision_keeps_all_scores(root: Path, death: str) -> None:
    run(root)
    write(root, keep={"cheap.n": [6, None], "middle.n": [3, None]})
    script = f"import os\n{death}from dolma_pipe.cli.main import main\nmain()"
    arguments = ["run", "mix.yaml", "--work", "work", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=root, capture_output=True, check=False
    )
    assert done.returncode == 9
    assert not (root / "work/records/curate/web/a.json").exists()
    assert run(root) == NOBODY
    like_fresh(root)
    write(root)
    assert run(root) == NOBODY


def test_an_empty_shard_is_decided_again(root: Path) -> None:
    (root / "data/c.jsonl").touch()
    run(root)
    write(root, keep={"cheap.n": [6, None], "middle.n": [3, None]})
    assert run(root) == NOBODY
    like_fresh(root)


def test_the_user_is_told_what_was_used(root: Path) -> None:
    run(root)
    write(root, keep={"cheap.n": [2, None], "middle.n": [5, None]})
    told = dolma_pipe(root, "run", "mix.yaml", "--work", "work").stderr
    assert "documents whose scores were there: cheap 141, dear " in told
    timings = json.loads((root / "work/timings.json").read_text())["tasks"]
    scores = {t["task"]: t["scores"]["reused"]["cheap"] for t in timings if "scores" in t}
    assert scores == {"web/a": 80, "web/b": 61}


def edited(rng: random.Random) -> dict[str, Any]:
    """A recipe near the usual one."""
    names = rng.sample(sorted(COSTS), rng.randint(1, 3))
    keep = {f"{n}.n": [rng.randint(0, 6), None] for n in names if rng.random() < 0.8}
    keep |= {f"{n}.odd": [None, 0.5] for n in names if rng.random() < 0.2}
    return {
        "taggers": [
            {f"./{n}.py": {"scale": rng.choice([1.0, 1.0, 1.0, 0.5])}}
            if rng.random() < 0.5
            else f"./{n}.py"
            for n in names
        ],
        "keep": dict(rng.sample(sorted(keep.items()), len(keep))),
        "mask": {f"{n}.hits": rng.choice(["", "<#>"]) for n in names if rng.random() < 0.5},
    }


@pytest.mark.parametrize("seed", range(12))
def test_history_never_shows(root: Path, seed: int) -> None:
    """Any sequence of edits, partial taggings and runs ends in what a fresh run makes."""
    rng = random.Random(seed)
    for _ in range(4):
        recipe = edited(rng)
        if "cheap" not in str(recipe["taggers"]):
            recipe["taggers"].append("./cheap.py")  # dedup asks for its column
        write(root, **recipe)
        for _ in range(rng.randint(0, 2)):
            name = rng.choice([n for n in COSTS if n in str(recipe["taggers"])])
            tag(root, *rng.choice([(), (name,)]), score_all=rng.random() < 0.3)
        run(root)
        like_fresh(root)


def test_nor_does_it_with_two_workers(root: Path) -> None:
    for recipe in ({}, {"mask": {}}, {"keep": {"cheap.n": [1, None], "dear.n": [4, None]}}):
        write(root, **recipe)
        dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--workers", 2)
    like_fresh(root)
