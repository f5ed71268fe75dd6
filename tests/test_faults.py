"""Bad input, bad disks, bad taggers: one line or quarantine, nothing lost, nothing half-written."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from tests.corpus import documents, dolma_pipe, write_corpus, write_shard

CURATE = """
name: faults
sources:
  web: {documents: data/web/*}
quality:
  taggers: [gopher]
  keep: {gopher.words: [10, 100000]}
"""


def lines(seed: str, count: int) -> bytes:
    rows = documents(seed, count)
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def write(root: Path, name: str, content: bytes) -> None:
    path = root / "data" / "web" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mix.yaml").write_text(CURATE)
    return tmp_path


def report(root: Path) -> dict[str, object]:
    intake: dict[str, object] = json.loads((root / "work" / "report.json").read_text())["intake"][0]
    return intake


def quarantine(root: Path) -> list[dict[str, object]]:
    paths = sorted((root / "work" / "quarantine").rglob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_all_kinds_of_damage_in_one_run(root: Path) -> None:
    good = lines("a", 100)
    write(root, "half.jsonl.zst", zstandard.compress(lines("b", 3000))[:-3000])
    write(root, "half.jsonl.gz", gzip.compress(lines("c", 3000), mtime=0)[:-3000])
    frames = [zstandard.compress(line + b"\n") for line in lines("d", 50).splitlines()]
    write(root, "frames.jsonl.zst", b"".join(frames))
    write(root, "empty.jsonl", b"")
    bad = [b"not json", b'{"id": "n"}', b'{"id": "t", "text": 5}', b'{"id": "u", "text": "\xff"}']
    odd = [
        b'{"id": 1, "text": "one"}',
        b'{"id": "b", "text": "b", "x": NaN}',
        b'{"text": "\\udc00"}',
    ]
    write(root, "bad.jsonl", good + b"\n".join([*bad, *odd, b"\xef\xbb\xbf" + b'{"text": "bom"}']))
    done = dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--stage", "content")
    intake = report(root)
    reasons = intake["reasons"]
    assert reasons == {
        "not JSON": 1,
        "no text": 1,
        "text has a wrong type": 1,
        "invalid UTF-8": 1,
        "truncated: the last compressed frame does not end": 2,
    }
    assert intake["repaired"] == 4
    assert intake["quarantined"] == len(quarantine(root)) == 6
    shards = {str(q["shard"]) for q in quarantine(root)}
    assert len(shards) == 3
    assert {shard.partition(".")[0] for shard in shards} == {"web/bad", "web/half"}
    assert [q["line"] for q in quarantine(root) if "bad" in str(q["shard"])] == [101, 102, 103, 104]
    assert "quarantined web: 6 of" in done.stdout


@pytest.mark.parametrize("content", [b"", b"not json\n"], ids=["empty", "all bad"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_shard_without_documents_goes_through_all_stages(
    root: Path, content: bytes, alone: bool
) -> None:
    write_corpus(root, shards=1, count=20)
    for path in (root / "data" / "web").iterdir():
        path.unlink()
    write(root, "none.jsonl", content)
    if not alone:
        write(root, "some.jsonl", lines("a", 30))
    recipe = (root / "mix.yaml").read_text().replace("data/web/*.jsonl.zst", "data/web/*")
    recipe = recipe.replace("shares:", "surplus: spread\n  shares:")
    (root / "mix.yaml").write_text(recipe)
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    dolma_pipe(root, "tokens", "verify", "work")
    dolma_pipe(root, "export", "documents", "mix.yaml", "out", "--work", "work")
    assert report(root)["documents"] == (0 if alone else 30)


def test_too_many_bad_lines_fail_the_run_in_one_line(root: Path) -> None:
    write(root, "a.jsonl", lines("a", 100) + b"bad\n" * 11)
    told = dolma_pipe(root, "run", "mix.yaml", "--work", "work", code=1).stderr
    assert told.splitlines()[-1] == (
        "dolma-pipe: 11 of 111 lines are bad, max_bad allows 10: most often 'not JSON' (11); "
        "see work/quarantine"
    )
    for allowed in ("11", "0.1"):
        (root / "mix.yaml").write_text(CURATE + f"max_bad: {allowed}\n")
        dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    (root / "mix.yaml").write_text(CURATE + "max_bad: 0.09\n")
    dolma_pipe(root, "run", "mix.yaml", "--work", "work", code=1)


def test_a_document_of_200_mb_is_quarantined_in_little_memory(root: Path) -> None:
    path = root / "data" / "web" / "huge.jsonl.zst"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as stream:
        stream.write(lines("a", 10) + b'{"id": "huge", "text": "')
        for _ in range(200):
            stream.write(b"word " * 200_000)
        stream.write(b'"}\n' + lines("b", 10))
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    assert report(root)["reasons"] == {"longer than 16777216 bytes": 1}
    assert report(root)["documents"] == 20


def test_memory_follows_the_batch_and_not_the_file(root: Path) -> None:
    """A worker stays under 1 GB on a shard of 400 MB."""
    path = root / "data" / "web" / "large.jsonl.zst"
    path.parent.mkdir(parents=True)
    text = json.loads(lines("a", 1))["text"] * 5
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as stream:
        for i in range(400_000_000 // len(text)):
            stream.write(json.dumps({"id": str(i), "text": text}).encode() + b"\n")
    script = (
        "import resource, subprocess, sys\n"
        "from tests.corpus import command\n"
        "subprocess.run(command('run', 'mix.yaml', '--workers', 1), check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        )
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.splitlines()[-1]) * 1024 < 1e9


KILLER = """
import os, signal
import numpy as np
from dolma_pipe.tagger import Tagger

class Killer(Tagger):
    def columns(self):
        return ("n",)

    def tag(self, batch):
        if any("POISON" in text for text in batch.texts()):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"n": np.zeros(len(batch))}
"""


def test_a_shard_that_kills_its_worker_is_named_and_the_rest_finishes(root: Path) -> None:
    (root / "killer.py").write_text(KILLER)
    (root / "mix.yaml").write_text(CURATE.replace("[gopher]", "[./killer.py, gopher]"))
    for name in "abc":
        write(root, f"{name}.jsonl", lines(name, 20))
    write(root, "p.jsonl", b'{"text": "POISON"}')
    done = dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--workers", 2, code=1)
    assert done.stderr.splitlines()[-1] == (
        "dolma-pipe: finished without shard web/p: killed its worker 3 times; "
        "run again to try it again"
    )
    assert "FAILED web/p" in done.stdout
    assert sorted(p.name for p in (root / "work/curated/web").glob("*.zst")) == [
        f"{name}.jsonl.zst" for name in "abc"
    ]
    (root / "killer.py").write_text(KILLER.replace("SIGKILL", "SIGCONT"))
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    assert (root / "work/curated/web/p.jsonl.zst").exists()


def test_a_bug_in_a_tagger_keeps_its_traceback_and_exits_3(root: Path) -> None:
    (root / "buggy.py").write_text(KILLER.replace("os.kill(os.getpid(), signal.SIGKILL)", "1 / 0"))
    (root / "mix.yaml").write_text(
        CURATE.replace("[gopher]", "[./buggy.py]")
        .replace("gopher", "buggy")
        .replace("words", "n")
        .replace("10,", "0,")
    )
    write(root, "a.jsonl", b'{"text": "POISON"}')
    told = dolma_pipe(root, "run", "mix.yaml", "--work", "work", code=3).stderr
    assert "ZeroDivisionError" in told
    assert "buggy.py" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("data/web/*", "empty"), "empty is a directory without data files"),
        (("data/web/*", "data/web/x.jsonl"), "no file matches data/web/x.jsonl"),
        (("gopher.words", "gopher.wrods"), "(did you mean 'gopher.words'?)"),
        (("quality", "qualitty"), "unknown key 'qualitty' (did you mean 'quality'?)"),
    ],
)
def test_a_wrong_recipe_is_one_line_before_any_data(
    root: Path, change: tuple[str, str], told: str
) -> None:
    (root / "empty").mkdir()
    write(root, "a.jsonl", lines("a", 5))
    (root / "mix.yaml").write_text(CURATE.replace(*change))
    for name in ("check", "run"):
        done = dolma_pipe(root, name, "mix.yaml", code=1)
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("dolma-pipe: mix.yaml:")
        assert told in done.stderr
    assert not (root / "work").exists()


def test_wrong_usage_is_exit_2(root: Path) -> None:
    assert "No such option" in dolma_pipe(root, "run", "--wrong", code=2).stderr
    assert "missing.yaml: cannot be read" in dolma_pipe(root, "run", "missing.yaml", code=1).stderr


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/usr/bin/unshare").exists(), reason="root may write anywhere"
)
def test_a_read_only_work_directory_is_one_line(root: Path) -> None:
    write(root, "a.jsonl", lines("a", 5))
    (root / "work").touch()  # a file where a folder should be: no user may write into it
    told = dolma_pipe(root, "run", "mix.yaml", "--work", "work", code=1).stderr
    assert told.startswith("dolma-pipe: cannot use work directory work: ")
    assert len(told.splitlines()) == 1


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = root / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_nothing_half_written(root: Path, small_disk: Path) -> None:
    for i in range(20):
        write(root, f"a{i:02}.jsonl", lines(f"a{i}", 120))
    arguments = ("run", "mix.yaml", "--workers", 2, "--work")
    told = dolma_pipe(root, *arguments, small_disk / "work", code=1).stderr
    assert "No space left on device" in told.splitlines()[-1]
    assert "Traceback" not in told
    curated = list((small_disk / "work" / "curated").rglob("*.zst"))
    for path in curated:
        zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    assert not list(small_disk.rglob("*-tmp"))
    dolma_pipe(root, "run", "mix.yaml", "--work", root / "work")


def test_short_empty_one_word_and_chinese_documents_survive_dedup(root: Path) -> None:
    write_corpus(root, shards=1, count=20)
    texts = [
        "",
        " ",
        "one",
        "two",
        "one two three",
        "four",
        "我们都是好朋友今天天气很好大家一起去公园玩",
        "他们昨天在图书馆里看了很多有趣的历史书籍",
        "!!!",
        "???",
    ]
    rows: list[dict[str, object]] = [{"id": str(i), "text": text} for i, text in enumerate(texts)]
    write_shard(root / "data/web/web-0000.jsonl.zst", [*rows, {"id": "copy", "text": "one"}])
    (root / "mix.yaml").write_text(
        "name: short\nsources: {web: {documents: data/web/*}}\ndedup: [exact: {}, minhash: {}]\n"
    )
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    flows = json.loads((root / "work/report.json").read_text())["flows"]
    assert (flows[-1]["documents_in"], flows[-1]["documents_out"]) == (11, 10)
