"""Texts that an entry of `dedup:` edits, from the recipe to tokens and exports."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tokenizers
import zstandard

from tests.corpus import dolma_pipe, ran, tree, write_shard, write_tokenizer

FRAME = "This is the frame that stands around every page of ours"
RECIPE = """
name: demo
sources:
  web:  {documents: data/web/*.jsonl.zst}
  wiki: {documents: data/wiki/*.jsonl.zst}
content:
  taggers: [pii]
  mask: {pii.email: "|||EMAIL_ADDRESS|||"}
dedup:
  - exact: {}
  - lines: {prefer: [wiki]}
  - minhash: {}
mix: {upsample: {web: 1, wiki: 1}}
tokenize: {tokenizer: tokenizer.json}
"""


def body(name: str, lines: int) -> str:
    return "\n".join(f"{name} has some own line number {i}, a@example.org" for i in range(lines))


def corpus() -> dict[str, list[str]]:
    """Ids are source and number. Of web/3 nothing but the frame is left, web/4 is web/2."""
    long = body("long", 5)
    web = [
        f"{FRAME}\n{body('one', 3)}",
        f"{body('two', 3)}\n\n{FRAME}\n",
        long,
        f"{FRAME}\r\n{FRAME}",
        f" {long}",
        "short",
    ]
    return {"web": web, "wiki": [f"é\n{FRAME}", body("wiki", 4)]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("edits")
    for source, texts in corpus().items():
        rows: list[dict[str, object]] = [
            {"id": f"{source}/{i}", "text": text} for i, text in enumerate(texts)
        ]
        write_shard(root / "data" / source / "0.jsonl.zst", rows[:4])
        if rows[4:]:
            write_shard(root / "data" / source / "1.jsonl.zst", rows[4:])
    write_tokenizer(root / "tokenizer.json")
    (root / "mix.yaml").write_text(RECIPE)
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    return root


def expected() -> dict[str, str]:
    masked = {
        f"{source}/{i}": text.replace("a@example.org", "|||EMAIL_ADDRESS|||")
        for source, texts in corpus().items()
        for i, text in enumerate(texts)
    }
    for gone in ("web/3", "web/4"):
        del masked[gone]
    masked["web/0"] = masked["web/0"].removeprefix(FRAME + "\n")
    masked["web/1"] = masked["web/1"].replace("\n\n" + FRAME, "")
    return masked


def exported(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*.jsonl.zst")):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
        rows = [json.loads(line) for line in content.splitlines()]
        found |= {row["id"]: row["text"] for row in rows}
    return found


def test_exports_and_tokens_hold_what_is_left(finished: Path) -> None:
    dolma_pipe(finished, "export", "documents", "mix.yaml", "out", "--work", "work")
    assert exported(finished / "out") == expected()
    parts = sorted((finished / "work/tokens").rglob("part-*.npy"))
    ids = np.concatenate([np.fromfile(part, np.uint16) for part in parts])
    tokenizer = tokenizers.Tokenizer.from_file(str(finished / "tokenizer.json"))
    told = tokenizer.decode(ids.tolist(), skip_special_tokens=False).split("<|endoftext|>")
    assert sorted(filter(None, told)) == sorted(expected().values())


def test_the_reports_add_up(finished: Path) -> None:
    report = json.loads((finished / "work/dedup/report.json").read_text())
    documents, size = report["documents"], report["entries"][0]["bytes"]
    for entry in report["entries"]:
        assert (entry["documents"], entry["bytes"]) == (documents, size)
        documents -= entry["removed_documents"]
        size -= entry["removed_bytes"] + entry["cut_bytes"]
    left = expected()
    assert (documents, size) == (len(left), sum(len(text.encode()) for text in left.values()))
    assert report["kept"] == documents
    flows = json.loads((finished / "work/report.json").read_text())["flows"]
    after = [flow for flow in flows if flow["stage"] == "dedup"]
    assert sum(flow["documents_out"] for flow in after) == documents
    assert sum(flow["bytes_out"] for flow in after) == size
    dropped: dict[str, int] = {}
    for flow in after:
        for method, number in flow["dropped"].items():
            dropped[method] = dropped.get(method, 0) + number
    assert dropped == {"exact": 1, "lines": 1, "minhash": 0}
    rows = pq.read_table(finished / "work/dedup/removed.parquet").to_pylist()
    assert {row["removed_id"]: row["kept_id"] for row in rows} == {"web/4": "web/2", "web/3": None}


def test_explain_tells_what_was_cut(finished: Path) -> None:
    def told(name: str) -> str:
        return dolma_pipe(finished, "explain", "mix.yaml", name, "--work", "work").stdout

    by = "removed by dedup entry 2 (lines), without regard to another document, score 1"
    assert by in told("web/3")
    assert "for web/2 of web, similarity 1" in told("web/4")
    assert f", {len(FRAME) + 2} bytes cut out of it" in told("web/1")
    assert "cut out" not in told("wiki/0")
    known: list[dict[str, Any]] = json.loads(
        dolma_pipe(finished, "explain", "mix.yaml", "web/0", "--work", "work", "--json").stdout
    )
    assert sum(cut["end"] - cut["start"] for cut in known[0]["cuts"]) == len(FRAME) + 1


def again(root: Path, text: str) -> set[str]:
    """Run with this recipe: what ran. The result must be that of a run from nothing."""
    (root / "mix.yaml").write_text(text)
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    happened = ran(root / "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "fresh", "--force")
    assert tree(root / "work") == tree(root / "fresh")
    return happened


def test_only_what_depends_on_an_entry_runs_again(finished: Path) -> None:
    work = finished / "work"
    assert again(finished, RECIPE) == set()
    assert len(list((work / "dedup/cuts").rglob("*.i64"))) == 3
    happened = again(finished, RECIPE.replace("prefer: [wiki]", "prefer: [web]"))
    assert {name for name in happened if name.startswith(("curate", "sign", "encode"))} == {
        "encode web/0",
        "encode wiki/0",
    }
    happened = again(finished, RECIPE.replace("prefer: [wiki]", "action: annotate"))
    assert {"dedup", "encode web/0", "sign web/0"} <= happened  # minhash is signed early, now
    assert "curate web/0" not in happened
    assert not list((work / "dedup/cuts").rglob("*"))
    assert len(list((work / "dedup/annotations").rglob("*.parquet"))) == 3
    again(finished, RECIPE)
    assert not list((work / "dedup/annotations").rglob("*"))
    assert len(list((work / "dedup/cuts").rglob("*.i64"))) == 3


def test_methods_alone(finished: Path) -> None:
    work = finished / "alone"
    dolma_pipe(finished, "dedup", "mix.yaml", "--work", "alone", "--method", "lines")
    report = json.loads((work / "dedup/report.json").read_text())
    assert [entry["method"] for entry in report["entries"]] == ["lines"]
    assert report["cut_bytes"] > 0
    dolma_pipe(finished, "dedup", "mix.yaml", "--work", "alone", "--method", "minhash")
    report = json.loads((work / "dedup/report.json").read_text())
    assert [entry["cut_bytes"] for entry in report["entries"]] == [0]
    assert not list((work / "dedup/cuts").rglob("*"))
    dolma_pipe(finished, "run", "mix.yaml", "--work", "alone")
    assert tree(work) == tree(finished / "work")
