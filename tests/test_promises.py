"""Same bytes for any number of workers and after any kill; only what depends on a change runs
again."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.corpus import (
    command,
    decided,
    documents,
    dolma_pipe,
    ran,
    tree,
    write_corpus,
    write_shard,
)

WEB = [f"web/web-{i:04}" for i in range(3)]
WIKI = [f"wiki/wiki-{i:04}" for i in range(3)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and its finished run with two workers; tests copy it."""
    root = tmp_path_factory.mktemp("finished")
    write_corpus(root)
    dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--workers", 2)
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    """The finished run, to be changed."""
    shutil.copytree(finished, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


def again(root: Path) -> set[str]:
    """Run once more and tell what ran; what comes out, begun by two workers and ended by one
    process, must be what a run from nothing makes."""
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    happened = ran(root / "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "fresh")
    assert decided(root / "work") == decided(root / "fresh")
    return happened


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_same_bytes_for_one_and_two_workers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")  # sets have another order: all forks have one seed
    dolma_pipe(root, "run", "mix.yaml", "--work", "one", "--workers", 1)
    made = tree(root / "work")
    assert tree(root / "one") == made
    assert len([name for name in made if name.startswith("tokens/") and name.endswith(".npy")]) > 2


def test_a_finished_run_does_nothing(root: Path) -> None:
    before = tree(root / "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    assert ran(root / "work") == set()
    assert tree(root / "work") == before


def test_packing_plans_stay_as_long_as_their_arrays(root: Path) -> None:
    for method in ("best-fit", "concatenate"):
        dolma_pipe(root, "tokens", "pack", "work", "--length", 99, "--method", method)
    before = tree(root / "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--force")
    assert tree(root / "work") == before
    dolma_pipe(root, "tokens", "verify", "work")
    edit(root / "mix.yaml", "wiki: 2}", "wiki: 1}")
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    assert not (root / "work/tokens/packed").exists()


def records(work: Path) -> int:
    return len(list((work / "records").rglob("*.json")))


def killed(root: Path, work: str, after: int) -> bool:
    """Run, and kill -9 the driver once so many records are new; False where the run was faster."""
    before = records(root / work)
    run = subprocess.Popen(
        command("run", "mix.yaml", "--work", work, "--workers", 2),
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while run.poll() is None and records(root / work) - before < after:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    return run.wait() == -signal.SIGKILL


@pytest.mark.parametrize("moments", [(0, 1, 5), (2, 3, 12), (7, 6, 1)])
def test_kill_9_at_any_moment_and_go_on(root: Path, moments: tuple[int, ...]) -> None:
    """Of 20 records: while curating, deduplicating, encoding and assembling."""
    rng = random.Random(sum(moments))
    hits = 0
    for after in moments:
        hits += killed(root, "killed", after)
        time.sleep(rng.uniform(0, 0.3))
    assert hits >= 2
    dolma_pipe(root, "run", "mix.yaml", "--work", "killed", "--workers", 2)
    assert tree(root / "killed") == tree(root / "work")


def dies_before_the_record_of(stage: str) -> str:
    return f"""
import dolma_pipe.manifest as m
write = m.write_record
def dies(work, stage, *more):
    return os._exit(9) if stage == {stage!r} else write(work, stage, *more)
m.write_record = dies
"""


DIES_BEFORE_THE_TABLE = """
from dolma_pipe.stages.dedup import Steps
run = Steps.over_parts
def over_parts(self, function, *args, **more):
    return os._exit(9) if "publish_table" in function else run(self, function, *args, **more)
Steps.over_parts = over_parts
"""


@pytest.mark.parametrize(
    ("death", "old", "new"),
    [
        (dies_before_the_record_of("curate"), "|||EMAIL_ADDRESS|||", "|||EMAIL_ADRRESS|||"),
        (DIES_BEFORE_THE_TABLE, "keep: longest}", "keep: longest, verify: 0.99}"),
        (dies_before_the_record_of("encode"), "keep: longest", "keep: first"),
        (dies_before_the_record_of("mix"), "seed: 7", "seed: 8"),
    ],
    ids=["curate", "dedup", "encode", "mix"],
)
def test_an_edit_that_is_killed_and_undone_leaves_nothing(
    root: Path, death: str, old: str, new: str
) -> None:
    """Killed between outputs and their record: equal sizes must not pass for the first recipe's."""
    before = tree(root / "work")
    edit(root / "mix.yaml", old, new)
    script = f"import os\n{death}\nfrom dolma_pipe.cli.main import main\nmain()"
    arguments = ["run", "mix.yaml", "--work", "work", "--workers", "2"]
    killed_run = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=root, capture_output=True, check=False
    )
    assert killed_run.returncode == 9
    edit(root / "mix.yaml", new, old)
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    assert tree(root / "work") == before


def test_a_moved_corpus_is_named_by_its_new_place(root: Path) -> None:
    (root / "data").rename(root / "moved")
    edit(root / "mix.yaml", "data/web", "moved/web")
    edit(root / "mix.yaml", "data/wiki", "moved/wiki")
    assert {task.split()[0] for task in again(root)} == {"plan", "assemble"}


def test_interrupt_is_one_line_and_130(root: Path) -> None:
    run = subprocess.Popen(
        command("run", "mix.yaml", "--work", "interrupted"),
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a background job inherits that SIGINT is ignored, and ignores it, too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert run.stderr is not None
    assert "curate" in run.stderr.readline()
    run.send_signal(signal.SIGINT)
    told = run.communicate()[1]
    assert run.returncode == 130
    assert told.strip().endswith("dolma-pipe: interrupted; run again to go on")
    assert "Traceback" not in told


def test_an_overwritten_input_runs_what_depends_on_it(root: Path) -> None:
    rows = documents("web1", 120)
    rows[0]["text"] = str(rows[0]["text"]) + " changed"
    write_shard(root / "data/web/web-0001.jsonl.zst", rows)
    happened = again(root)
    assert {task for task in happened if task.startswith("curate")} == {"curate web/web-0001"}
    assert {"dedup", "encode web/web-0001", "plan web"} <= happened
    assert "encode web/web-0000" not in happened


def test_an_input_that_was_only_touched_runs_nothing(root: Path) -> None:
    path = root / "data/web/web-0001.jsonl.zst"
    path.write_bytes(path.read_bytes())
    assert again(root) == set()


def test_an_added_and_a_removed_file(root: Path) -> None:
    write_shard(root / "data/web/web-0003.jsonl.zst", documents("new", 50))
    happened = again(root)
    assert {task for task in happened if task.startswith("curate")} == {"curate web/web-0003"}
    shutil.rmtree(root / "fresh")
    (root / "data/web/web-0000.jsonl.zst").unlink()
    happened = again(root)
    assert not {task for task in happened if task.startswith("curate")}
    assert not list((root / "work").rglob("*web-0000*"))


def test_an_edited_rule_runs_the_sources_that_have_it(root: Path) -> None:
    edit(
        root / "mix.yaml",
        "wiki: {documents: data/wiki/*.jsonl.zst}",
        "wiki: {documents: data/wiki/*.jsonl.zst, quality: {keep: {gopher.words: [50, null]}}}",
    )
    happened = again(root)
    assert {t for t in happened if t.startswith("curate")} == {f"curate {key}" for key in WIKI}


def test_an_edited_dedup_entry_signs_again_and_tags_nothing(root: Path) -> None:
    edit(
        root / "mix.yaml",
        "minhash: {keep: longest}",
        "minhash: {keep: longest, bands: 20, rows: 5}",
    )
    happened = again(root)
    assert not [task for task in happened if task.startswith("curate")]
    assert {t for t in happened if t.startswith("sign")} == {f"sign {key}" for key in WEB + WIKI}
    assert "dedup" in happened


def test_another_threshold_of_verification_does_not_even_sign(root: Path) -> None:
    edit(root / "mix.yaml", "keep: longest", "keep: longest, verify: 0.9")
    assert not [task for task in again(root) if task.startswith(("curate", "sign"))]


def test_only_the_mix_changed_encodes_nothing(root: Path) -> None:
    edit(root / "mix.yaml", "{web: 0.6, wiki: 0.4}", "{web: 0.5, wiki: 0.5}")
    assert {task.split()[0] for task in again(root)} == {"plan", "assemble"}


def test_an_edited_tagger_runs_again(root: Path) -> None:
    tagger = (
        "import numpy as np\nfrom dolma_pipe.tagger import Tagger\n"
        "class Mine(Tagger):\n"
        "    def columns(self):\n        return ('marks',)\n"
        "    def tag(self, batch):\n"
        "        return {'marks': np.array([t.count('.') for t in batch.texts()])}\n"
    )
    (root / "mine.py").write_text(tagger)
    edit(root / "mix.yaml", "[gopher,", "[./mine.py, gopher,")
    edit(root / "mix.yaml", "keep: {gopher.words", "keep: {mine.marks: [2, null], gopher.words")
    again(root)
    shutil.rmtree(root / "fresh")
    (root / "mine.py").write_text(tagger.replace("count('.')", "count('e')"))
    happened = again(root)
    assert {t for t in happened if t.startswith("curate")} == {
        f"curate {key}" for key in WEB + WIKI
    }


def test_a_lost_output_is_made_again(root: Path) -> None:
    (root / "work/curated/web/web-0002.jsonl.zst").unlink()
    (root / "work/tokens/tokenizer.json").unlink()
    happened = again(root)
    assert {task.split()[0] for task in happened} == {"curate", "plan", "assemble"}


def test_force_does_everything_again(root: Path) -> None:
    before = tree(root / "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--force")
    assert {task.split()[0] for task in ran(root / "work")} >= {"curate", "dedup", "encode", "plan"}
    assert tree(root / "work") == before


def test_a_folder_of_somebody_else_is_no_work_directory(root: Path) -> None:
    (root / "theirs" / "attributes").mkdir(parents=True)
    (root / "theirs" / "attributes" / "precious.parquet").touch()
    told = dolma_pipe(root, "run", "mix.yaml", "--work", "theirs", code=1).stderr
    assert told.splitlines() == [
        "dolma-pipe: theirs is not empty and no work directory of ours: choose another with --work"
    ]
    assert (root / "theirs" / "attributes" / "precious.parquet").exists()


def test_a_run_does_not_read_what_it_wrote(root: Path) -> None:
    edit(root / "mix.yaml", "data/web/*.jsonl.zst", "'**/web-*.jsonl.zst'")
    told = dolma_pipe(root, "run", "mix.yaml", "--work", "work", code=1).stderr
    assert "lies in the work directory work" in told


def test_two_runs_do_not_share_a_work_directory(root: Path) -> None:
    run = subprocess.Popen(
        command("run", "mix.yaml", "--work", "shared"),
        cwd=root,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    assert run.stderr is not None
    run.stderr.readline()
    second = dolma_pipe(root, "run", "mix.yaml", "--work", "shared", code=1)
    assert second.stderr.strip() == "dolma-pipe: another run uses the work directory shared"
    run.communicate()
    assert run.returncode == 0


def test_every_shard_is_accounted_for(root: Path) -> None:
    import pyarrow.parquet as pq

    work = root / "work"
    for key in WEB + WIKI:
        counts = json.loads((work / "records" / "curate" / f"{key}.json").read_text())["counts"]
        dropped = sum(counts["dropped"].values())
        assert counts["lines"] == counts["kept"] + dropped + counts["quarantined"] == 120
        assert counts["bytes"] > counts["kept_bytes"] > 0
        attributes = pq.read_table(work / "attributes" / f"{key}.parquet")
        assert len(attributes) == 120
        assert attributes.column("dropped_by").null_count == counts["kept"]
        removed = np.fromfile(work / "dedup" / "removed" / f"{key}.u8", np.uint8)
        assert len(removed) == counts["kept"]
        encoded = json.loads((work / "records" / "encode" / f"{key}.json").read_text())["counts"]
        assert encoded["documents"] == (removed == 0).sum()
    report = json.loads((work / "report.json").read_text())
    for before, after in zip(report["flows"], report["flows"][2:], strict=False):
        assert before["documents_out"] == after["documents_in"]
        assert before["documents_out"] == before["documents_in"] - sum(before["dropped"].values())
    for row in report["mix"]:
        assert row["encoded"] == row["used"] + row["discarded"] + row["over_budget"]
        assert row["output"] == row["used"] + row["repeats"]


def test_what_is_exported_is_what_survives(root: Path) -> None:
    dolma_pipe(root, "export", "documents", "mix.yaml", "out", "--work", "work")
    import zstandard

    total = 0
    for path in sorted((root / "out").rglob("*.jsonl.zst")):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
        rows = [json.loads(line) for line in content.splitlines()]
        assert all("someone@example.org" not in row["text"] for row in rows)
        total += len(rows)
    report = json.loads((root / "work" / "report.json").read_text())
    assert total == sum(f["documents_out"] for f in report["flows"] if f["stage"] == "dedup")
