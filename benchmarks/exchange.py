"""Attributes to dolma and back: does its mixer keep and mask what we do, are its spans ours?

python -m benchmarks.exchange FOLDER (in dolma's layout)
"""

import gzip
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import zstandard

from benchmarks.corpus import Corpus
from benchmarks.peers import peer_python
from benchmarks.race import ROOT, peer_environment
from benchmarks.recipe import our_recipe, written
from dolma_pipe.dolma import variable_name

MAIN = "from dolma_pipe.cli.main import main; main()"
TAGGERS = ("gopher_v1", "pii_regex_with_counts_fast_v2")


class Mixed(NamedTuple):
    """Documents of a source after our rules and masks, and after dolma's mixer on our attributes.

    unequal: in one of the two only, or with another text.
    """

    source: str
    ours: int
    dolma: int
    masked: int
    unequal: int


class Tagged(NamedTuple):
    """What dolma's taggers said of a source. unequal: values that import has otherwise."""

    source: str
    documents: int
    spans: int
    unequal: int


def mixed(corpus: Corpus, python: Path, scratch: Path, recipe: Path) -> Iterator[Mixed]:
    """Export with a recipe of rules and masks, mix with dolma, compare with `export documents`."""
    ours, theirs = scratch / "documents", scratch / "exchanged"
    work = ["--work", str(scratch / "work"), "--workers", "1"]
    _dolma_pipe("attributes", "export", recipe, theirs, "--name", "ours", *work)
    _dolma_pipe("export", "documents", recipe, ours, *work)
    _call(str(python.parent / "dolma"), "-c", str(theirs / "ours.mixer.json"), "mix")
    for source in corpus.sources:
        own = dict(_texts(sorted((ours / source / "documents").glob("*.zst"))))
        peer = dict(_texts(sorted((theirs / source / "mixed").glob("*.gz"))))
        unequal = sum(own.get(key) != peer.get(key) for key in own.keys() | peer.keys())
        masked = sum("|||" in text for text in own.values())
        yield Mixed(source, len(own), len(peer), masked, unequal)


def tagged(corpus: Corpus, python: Path, scratch: Path, recipe: Path) -> Iterator[Tagged]:
    """Run dolma's taggers, import, and compare each value and each masked text with its own."""
    folder, out = scratch / "tagged", scratch / "imported"
    for source, paths in corpus.sources.items():
        documents = folder / source / "documents"
        documents.mkdir(parents=True)
        for path in paths:
            (documents / path.name).symlink_to(path)
        command = ["tag", "--documents", f"{documents}/*", "--experiment", "peer"]
        command += ["--taggers", *TAGGERS, "--processes", "1"]
        _call(str(python.parent / "dolma"), *command)
    _dolma_pipe("attributes", "import", recipe, folder, out, "--workers", "1")
    for source, paths in corpus.sources.items():
        yield _compared(source, paths, folder / source / "attributes" / "peer", out / source)


def _compared(source: str, paths: list[Path], attributes: Path, out: Path) -> Tagged:
    """Spans by the text that they cover, numbers by value."""
    documents = spans = unequal = 0
    for path in paths:
        texts = dict(_texts([path]))
        name = path.name.partition(".jsonl")[0]
        rows = {row["id"]: row for row in pq.read_table(out / f"{name}.parquet").to_pylist()}
        for line in _lines(attributes / path.name):
            told = json.loads(line)
            text, row = texts[told["id"]], rows[told["id"]]
            documents += 1
            for attribute, given in told["attributes"].items():
                column = attribute.removeprefix(f"{variable_name('peer')}__")
                found = row[f"{column}.spans"] or []
                covered = [text.encode()[s["start"] : s["end"]].decode() for s in found]
                spans += len(given)
                unequal += row[column] != (given[0][2] if given else None)
                unequal += "".join(covered) != "".join(text[a:b] for a, b, _ in _joined(given))
    return Tagged(source, documents, spans, unequal)


def _joined(spans: list[tuple[int, int, float]]) -> Iterator[tuple[int, int, float]]:
    """Sorted, each character once."""
    last = 0
    for start, end, score in sorted(spans):
        if end > last:
            yield max(start, last), end, score
            last = end


def rules_and_masks(corpus: Corpus, path: Path) -> Path:
    """The recipe of the whole run up to stage 3."""
    recipe = our_recipe(corpus, None, "gpt-neox-olmo")
    stages = ("name", "sources", "language", "quality", "content")
    return written(path, {key: recipe[key] for key in stages})


def _lines(path: Path) -> list[str]:
    packed = path.read_bytes()
    if path.name.endswith(".gz"):
        packed = gzip.decompress(packed)
    elif path.name.endswith(".zst"):
        packed = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    return [line for line in packed.decode().split("\n") if line]


def _texts(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for line in itertools.chain.from_iterable(map(_lines, paths)):
        document = json.loads(line)
        yield document["id"], document["text"]


def _dolma_pipe(*arguments: object) -> None:
    _call(sys.executable, "-c", MAIN, *map(str, arguments))


def _call(*command: str) -> None:
    environment = peer_environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: {done.stderr[-2000:]}")


def main(folder: str) -> None:
    """Print a line a source; exit 1 where anything differs."""
    corpus, python, wrong = Corpus(Path(folder)), peer_python("dolma"), 0
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-exchange-") as scratch:
        place = Path(scratch)
        recipe = rules_and_masks(corpus, place / "recipe.json")
        print(f"{'mixed':14} {'ours':>8} {'dolma':>8} {'masked':>8} {'unequal':>8}")
        for row in mixed(corpus, python, place, recipe):
            print(f"{row[0]:14} " + " ".join(f"{n:8,}" for n in row[1:]), flush=True)
            wrong += row.unequal
        print(f"{'tagged':14} {'documents':>9} {'spans':>9} {'unequal':>8}")
        for told in tagged(corpus, python, place, recipe):
            print(f"{told[0]:14} {told[1]:9,} {told[2]:9,} {told[3]:8,}", flush=True)
            wrong += told.unequal
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
