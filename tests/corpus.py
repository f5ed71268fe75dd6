"""Small inputs that tests make themselves: documents, a tokenizer, a recipe, and ways to run it."""

import hashlib
import json
import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import tokenizers
import zstandard

from tests.zygote import Zygote

STOP = "the be to of and that have with"
WORDS = [
    f"{a}{b}{c}"
    for a in ("b", "gr", "st", "m", "tr")
    for b in "aeiou"
    for c in ("nd", "ll", "rk", "te")
]

RECIPE = """
name: demo
seed: 7
sources:
  web:  {documents: data/web/*.jsonl.zst}
  wiki: {documents: data/wiki/*.jsonl.zst}
quality:
  taggers: [gopher, gopher_repetition]
  keep: {gopher.words: [10, 100000], gopher_repetition.top_2gram: [null, 0.3]}
content:
  taggers: [pii]
  keep: {pii.count: [null, 5]}
  mask: {pii.email: "|||EMAIL_ADDRESS|||"}
dedup:
  - exact: {}
  - minhash: {keep: longest}
mix:
  shares: {web: 0.6, wiki: 0.4}
  upsample: {web: {by: gopher.words, max: 3, discard: 0.2}, wiki: 2}
tokenize: {tokenizer: tokenizer.json, max_shard_tokens: 20000}
"""


def text(rng: random.Random, words: int) -> str:
    """Words that pass the quality rules, in lines."""
    stop = STOP.split()
    chosen = [rng.choice(stop) if rng.random() < 0.3 else rng.choice(WORDS) for _ in range(words)]
    return ".\n".join(" ".join(chosen[i : i + 12]) for i in range(0, words, 12)) + "."


def documents(seed: str, count: int) -> list[dict[str, object]]:
    """Documents with natural troubles: short ones, exact and near copies, e-mail addresses."""
    rng = random.Random(seed)
    texts: list[str] = []
    for i in range(count):
        kind = i % 10
        if kind == 3 and texts:
            texts.append(rng.choice(texts))
        elif kind == 5 and texts:
            texts.append(rng.choice(texts) + " and one more end")
        elif kind == 7:
            texts.append("too short")
        elif kind == 8:
            texts.append(text(rng, 60) + " write to someone@example.org for the rest")
        else:
            texts.append(text(rng, rng.randint(40, 300)))
    return [{"id": f"{seed}-{i}", "text": t, "metadata": {"n": i}} for i, t in enumerate(texts)]


def write_shard(path: Path, rows: list[dict[str, object]]) -> None:
    """A .jsonl.zst file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    path.write_bytes(zstandard.compress(lines))


def write_corpus(root: Path, shards: int = 3, count: int = 120) -> None:
    """data/, tokenizer.json and mix.yaml in root."""
    for source in ("web", "wiki"):
        for i in range(shards):
            rows = documents(f"{source}{i}", count)
            write_shard(root / "data" / source / f"{source}-{i:04}.jsonl.zst", rows)
    write_tokenizer(root / "tokenizer.json")
    (root / "mix.yaml").write_text(RECIPE)


def write_tokenizer(path: Path) -> None:
    """A byte-level BPE tokenizer of 400 ids, trained on our own words."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS), STOP], trainer)
    tokenizer.save(str(path))


def command(*arguments: object) -> list[str]:
    """The command line of dolma-pipe in this environment. Runs write no report.html, which costs
    them a second: tests of it start them in another way."""
    names = [str(argument) for argument in arguments[:2]]
    writes = names[:1] in (["run"], ["tag"], ["dedup"]) and names[1:] not in (["report"], ["index"])
    return [
        sys.executable,
        "-c",
        "from dolma_pipe.cli.main import main; main()",
        *map(str, arguments),
        *(["--no-report"] if writes and "--help" not in arguments else []),
    ]


WITH_AN_ENGINE = {
    "run",
    "tag",
    "dedup",
    "plan",
    "synthesize",
    "export documents",
    "attributes export",
    "attributes import",
}
WITHOUT_AN_ENGINE = {"dedup report"}


def starts_workers(arguments: tuple[object, ...]) -> bool:
    """Whether the command starts workers, and the test does not say how many."""
    names = {str(arguments[0]), " ".join(map(str, arguments[:2]))} if arguments else set()
    return not ("--workers" in arguments or names & WITHOUT_AN_ENGINE or not names & WITH_AN_ENGINE)


def one_worker(arguments: tuple[object, ...]) -> tuple[object, ...]:
    """The arguments with --workers 1 where the test does not say how many: a second one costs more
    than our small inputs."""
    return (*arguments, "--workers", 1) if starts_workers(arguments) else arguments


def dolma_pipe(root: Path, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in root, and expect an exit code.

    A fork of a process that has imported everything; where the test does not say how many workers,
    tasks run in the command's own process, which a second start would only delay.
    """
    environment = os.environ | {"DOLMA_PIPE_OFFLINE": "1"}
    given = [str(argument) for argument in one_worker(arguments)]
    if zygote().serves(environment):
        done = zygote().run(given, root, environment, inline=starts_workers(arguments))
    else:
        done = subprocess.run(
            command(*given), cwd=root, capture_output=True, text=True, env=environment, check=False
        )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@cache
def zygote() -> Zygote:
    return Zygote()


OUTSIDE_OF_THE_PROMISE = {"timings.json", "input-hashes.json", ".lock", "report.html"}


def tree(work: Path) -> dict[str, str]:
    """Every file of a work directory that falls under the promise of same bytes, with its hash."""
    return {
        path.relative_to(work).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(work.rglob("*"))
        if path.is_file() and path.name not in OUTSIDE_OF_THE_PROMISE
    }


def decided(work: Path) -> dict[str, str]:
    """The same without attributes/, which hold scores of earlier recipes, too."""
    return {
        name: digest
        for name, digest in tree(work).items()
        if not name.startswith(("attributes/", "records/attributes/"))
    }


def ran(work: Path) -> set[str]:
    """The tasks of the last run, '<pass> <key>', without those inside of deduplication."""
    tasks = json.loads((work / "timings.json").read_text())["tasks"]
    passes = {"curate", "sign", "encode", "plan", "assemble"}
    told = {f"{task['pass']} {task['task']}" for task in tasks if task["pass"] in passes}
    return told | ({"dedup"} if any(task["pass"] not in passes for task in tasks) else set())
