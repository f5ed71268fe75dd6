"""A small world in which the commands of README.md and docs/ can run: every file and folder that
they name, made once from tiny inputs."""

import shutil
from pathlib import Path

import click
import pytest

from dolma_pipe.cli.main import cli
from tests.corpus import RECIPE, documents, write_corpus, write_shard
from tests.inline import Inline
from tests.train.made_checkpoints import make_run
from tests.train.tuned import adapted_model, small_model, write_adapted, write_whole

QUICKSTART = """
name: quickstart
seed: 1
sources:
  prose:    {documents: sample/prose/documents/*.jsonl.zst}
  docs:     {documents: sample/docs/documents/*.jsonl.zst}
  licences: {documents: sample/licences/documents/*.jsonl.zst}
  code:     {documents: sample/code/documents/*.jsonl.zst}
quality:
  taggers: [gopher]
  keep: {gopher.words: [20, 100000]}
dedup: [{exact: {}}]
mix:
  upsample: {prose: 3, docs: 3, licences: 3, code: 3}
  held_out: 0.1
tokenize: {tokenizer: tokenizer.json}
"""

SFT = """
name: sft
sources: {chat: {documents: data/chat/*.jsonl.zst, messages: true}}
tokenize: {tokenizer: tokenizer.json, chat: tulu}
"""

DAY = """
name: {name}
sources: {{{name}: {{documents: data/{source}/*.jsonl.zst}}}}
dedup: [{{exact: {{}}}}, {{minhash: {{}}}}]
"""

TRAINING = """
name: {name}
model:
  {{preset: olmo-1m, vocab_size: 400, hidden_size: 32, layers: 1, heads: 2, intermediate_size: 32}}
data: {{tokens: {tokens}, length: 32}}
batch: {{instances: 4}}
steps: 4
optimizer: {{lr: 3e-3}}
schedule: {{warmup: 1}}
checkpoints: {{every: 2}}
device: cpu
"""


def run(*arguments: str) -> int:
    """A command of dolma-pipe in this process; the exit code with which it says that it is done.

    Raises what the command raises.
    """
    try:
        cli.main(list(arguments), "dolma-pipe", standalone_mode=False)
    except SystemExit as ended:
        return int(ended.code or 0)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0


def inline(patch: pytest.MonkeyPatch) -> None:
    """Tasks of an engine run in this process, and nothing is fetched."""
    patch.setenv("DOLMA_PIPE_OFFLINE", "1")
    for module in ("engine.choice", "passes.prepare", "mixture.supply"):
        patch.setattr(f"dolma_pipe.{module}.new_engine", lambda *_, **__: Inline())


def make(root: Path) -> None:
    """The world below root, which is the current directory."""
    _inputs(root)
    for recipe in ("mix.yaml", "configs/quickstart.yaml", "sft.yaml"):
        run("run", recipe)
    run("run", "mix.yaml", "--stage", "dedup", "--work", "work/before")
    run("run", "edited.yaml", "--stage", "dedup", "--work", "work/after")
    run("attributes", "export", "mix.yaml", "exported")
    shutil.copytree(root / "exported", root / "DOLMA")
    run("tokens", "export", "work/demo", "mega", "--to", "megatron")
    for wiki in sorted((root / "mega").glob("wiki*")):
        wiki.rename(wiki.with_name(wiki.name.replace("wiki", "code")))
    _models(root)


def _inputs(root: Path) -> None:
    write_corpus(root, shards=1, count=60)
    named = documents("named", 1)[0] | {"id": "DOCUMENT-ID"}
    write_shard(root / "data/web/named.jsonl.zst", [named])
    for name in ("prose", "docs", "licences", "code"):
        write_shard(root / f"sample/{name}/documents/{name}.jsonl.zst", documents(name, 60))
    said = [{"role": "user", "content": "What is 2+2?"}, {"role": "assistant", "content": "4"}]
    chat = [{"id": f"chat-{i}", "messages": [*said, *said[: i % 2 * 2]]} for i in range(4)]
    write_shard(root / "data/chat/chat.jsonl.zst", chat)
    question = '{"id": 1, "question": "what?", "answer": "nothing"}\n'
    (root / "tests.jsonl").write_text(question)
    (root / "configs/train").mkdir(parents=True)
    files = {
        "configs/quickstart.yaml": QUICKSTART,
        "configs/train/quickstart.yaml": TRAINING.format(
            name="quickstart", tokens="work/quickstart"
        ),
        "train.yaml": TRAINING.format(name="mine", tokens="work/demo"),
        "sft.yaml": SFT,
        "edited.yaml": RECIPE.replace("[10, 100000]", "[60, 100000]"),
        "good.yaml": RECIPE.replace("name: demo", "name: good"),
        "monday.yaml": DAY.format(name="monday", source="web"),
        "tuesday.yaml": DAY.format(name="tuesday", source="wiki") + "dedup_index: index/monday\n",
    }
    for name, content in files.items():
        (root / name).write_text(content)


def _models(root: Path) -> None:
    """Runs: mine, a and b are trained; demo has made checkpoints; sft has adapters."""
    run("train", "train.yaml")
    for name in ("a", "b"):
        shutil.copytree(root / "runs/mine", root / "runs" / name)
    make_run(root / "runs/demo", (100, 200, 1000, 2000))
    base = write_whole(root / "base", small_model())
    write_adapted(root / "runs/sft/step400", adapted_model(), base)
