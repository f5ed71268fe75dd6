"""A small finished run with all that a page shows: rules on both ends, spans, labels, documents
without a score, hostile text, duplicates, a curve."""

import random
from pathlib import Path

from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.work import Work
from tests.corpus import text, write_shard, write_tokenizer
from tests.inline import Inline

HOSTILE = "<script>alert(1)</script> \u202egnp \x1b[31m & </div>"
RECIPE = """
name: demo
seed: 7
sources:
  web:
    documents: data/web/*
    content:
      taggers: [pii]
      keep: {pii.count: [null, 1], metadata.n: [0, 90]}
      mask: {pii.email: "|||EMAIL_ADDRESS|||"}
  code:
    documents: data/code/*
    quality: {taggers: [gopher, code], keep: {gopher.words: [30, 100]}}
  none: {documents: data/none/*}
quality: {taggers: [gopher], keep: {gopher.words: [30, 100]}}
dedup:
  - exact: {}
  - minhash: {bands: 30, rows: 3, verify: 0.5}
mix:
  shares: {web: 0.7, code: 0.3, none: 0}
  upsample: {web: {by: gopher.words, max: 3, discard: 0.2}, code: 2}
tokenize: {tokenizer: tokenizer.json}
"""


def documents(seed: str, count: int) -> list[dict[str, object]]:
    """Of 20 to 118 words; every tenth has two addresses, some are copies, some have no number."""
    chance = random.Random(seed)
    rows: list[dict[str, object]] = []
    for i in range(count):
        told = " ".join(text(chance, 20 + (i * 7) % 99).split())
        if i % 10 == 4:
            told = f"{HOSTILE} {told} write to some{i}@example.org, or other{i}@example.org"
        if i % 10 == 5:
            told += f" mail someone{i}@example.org"
        if i % 10 == 8:
            told = f"{rows[i - 2]['text']} and a new end {i}"
        if i % 10 == 9:
            told = str(rows[i - 3]["text"])
        rows.append({"id": f"{seed}-{i}", "text": told, "metadata": {"ext": ".py", "n": i}})
        if i % 7 == 3:
            rows[-1]["metadata"] = {"ext": ".rs"}
    rows[0]["id"] = f"{HOSTILE}-{seed}"
    return rows


def write_inputs(root: Path, shards: int = 3, count: int = 60) -> None:
    """data/, tokenizer.json and mix.yaml in root."""
    for source in ("web", "code"):
        for i in range(shards):
            write_shard(root / f"data/{source}/{i}.jsonl.zst", documents(f"{source}{i}", count))
    write_shard(root / "data/none/0.jsonl.zst", [])
    write_tokenizer(root / "tokenizer.json")
    (root / "mix.yaml").write_text(RECIPE)


def context(work: str = "work", recipe: str | None = None) -> Context:
    """A run in the current directory, in this process."""
    if recipe is not None:
        Path("mix.yaml").write_text(recipe)
    return Context(read_recipe(Path("mix.yaml")), Work(work), Inline())


def write_run(root: Path, shards: int = 3, count: int = 60) -> None:
    """Inputs, and work/ made of them; root is the current directory."""
    write_inputs(root, shards, count)
    run(context())
