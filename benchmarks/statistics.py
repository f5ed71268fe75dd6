"""`python -m benchmarks.statistics [FOLDER [ROUNDS]]`: corpus statistics beside plain Python's.

Plain Python counts as WIMBD's scripts do: str.split, and a collections.Counter for words and each
n-gram, domains, texts and lengths. Both sides read the same file of JSON lines, on one core, and
must find the same. Documents in which the sides see other words are left out: those in scripts
without spaces, and those with the four separators U+001C to U+001F.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlparse

from benchmarks.corpus import Corpus
from benchmarks.race import peer_environment
from benchmarks.results import machine
from benchmarks.tables import table
from dolma_pipe.passes.context import Nobody
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.statistics.corpora import find_corpora
from dolma_pipe.statistics.measure import measure
from dolma_pipe.statistics.settings import Settings
from tests.inline import Inline

NGRAMS = (1, 2, 3, 5, 10)
TOP = 20
ROUNDS = 5
LARGE, SMALL = 4 * 10**9, 10**8
"""Bytes of tables: at the most, of which little is needed here, and where counts have bounds."""
WANTED = "wanted: 5 x plain Python on one core, memory bounded"


def write_documents(folder: Path, path: Path) -> tuple[int, int]:
    """The documents of which both sides see the same words; how many, and bytes of text."""
    documents = size = 0
    with path.open("wb") as file:
        for source, shards in Corpus(folder).sources.items():
            for shard in shards:
                for batch in ShardReader(shard, source=source, quarantine=_pass_over):
                    words = (batch.words.offsets[1:] - batch.words.offsets[:-1]).tolist()
                    raws = batch.documents.column("raw")
                    for row, text in enumerate(batch.texts()):
                        if len(text.split()) == words[row]:
                            file.write(raws[row].as_py() + b"\n")
                            documents, size = documents + 1, size + len(text.encode())
    return documents, size


def ours(path: Path, memory: int) -> dict[str, Any]:
    """What both sides tell, by `dolma-pipe stats`."""
    settings = Settings(
        parts=("ngrams", "urls", "duplicates"), ngrams=NGRAMS, top=TOP, memory=memory
    )
    [found] = measure(find_corpora((f"all={path}",)), settings, Inline(), Nobody()).corpora
    assert found.addresses is not None
    assert found.duplicates is not None
    return {
        "documents": found.documents,
        "bytes": found.bytes,
        "words": found.words,
        "lengths": {str(one.least): one.documents for one in found.lengths["words"].by_power},
        "ngrams": {
            str(of.words): {
                "distinct": of.frequencies.distinct.value,
                "once": of.frequencies.once.value,
                "top": [item.lower for item in of.frequencies.top],
                "off": of.frequencies.error,
            }
            for of in found.ngrams
        },
        "domains": [item.lower for item in found.addresses.domains.top],
        "texts": found.duplicates.texts.distinct.value,
    }


def plain(path: Path) -> dict[str, Any]:
    """The same in plain Python."""
    ngrams: dict[int, Counter[tuple[str, ...]]] = {size: Counter() for size in NGRAMS}
    lengths, domains, texts = Counter[int](), Counter[str](), set[bytes]()
    documents = size = words = 0
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            document = json.loads(line)
            text = document["text"]
            split = text.split()
            documents, words = documents + 1, words + len(split)
            content = text.encode()
            size += len(content)
            lengths[1 << len(split).bit_length() >> 1] += 1
            for number, counter in ngrams.items():
                counter.update(zip(*(split[i:] for i in range(number)), strict=False))
            if host := _host(document.get("metadata", {}).get("url")):
                domains[host] += 1
            if split:
                texts.add(hashlib.md5(content, usedforsecurity=False).digest())
    return {
        "documents": documents,
        "bytes": size,
        "words": words,
        "lengths": {str(least): lengths[least] for least in _powers(lengths)},
        "ngrams": {
            str(number): {
                "distinct": len(counter),
                "once": round(sum(n == 1 for n in counter.values()) / len(counter), 6),
                "top": [n for _, n in counter.most_common(TOP)],
                "off": 0,
            }
            for number, counter in ngrams.items()
        },
        "domains": [n for _, n in domains.most_common(TOP)],
        "texts": len(texts),
    }


SIDES: dict[str, Callable[[Path], dict[str, Any]]] = {
    f"dolma-pipe stats --memory {LARGE // 10**9}GB": lambda path: ours(path, LARGE),
    f"dolma-pipe stats --memory {SMALL // 10**6}MB": lambda path: ours(path, SMALL),
    "plain Python": plain,
}


def _host(url: object) -> str | None:
    host = urlparse(url).netloc.lower().removeprefix("www.") if isinstance(url, str) else ""
    return host if "." in host else None


def _powers(lengths: Counter[int]) -> list[int]:
    """0, 1, 2, 4, ... from the least to the greatest."""
    bits = [least.bit_length() for least in lengths]
    return [1 << bit >> 1 for bit in range(min(bits), max(bits) + 1)]


def _pass_over(_: Quarantined) -> None:
    """A bad line has no text."""


def side(name: str, path: Path, few: Path) -> dict[str, Any]:
    """One round of a side in this process, after a warm-up: CPU seconds, peak memory, result."""
    SIDES[name](few)
    started = time.process_time()
    found = SIDES[name](path)
    cpu = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu": cpu, "peak": peak, "found": found}


def measured(folder: Path, rounds: int = ROUNDS) -> str:
    """The section of RESULTS.md."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-statistics-") as scratch:
        path, few = Path(scratch) / "all.jsonl", Path(scratch) / "few.jsonl"
        documents, size = write_documents(folder, path)
        with path.open("rb") as file:
            few.write_bytes(b"".join(next(file) for _ in range(8)))
        for _ in range(rounds):
            for name in SIDES:
                command = [sys.executable, "-m", "benchmarks.statistics", "--side", name]
                done = subprocess.run(
                    [*command, str(path), str(few)],
                    env=peer_environment(),
                    capture_output=True,
                    text=True,
                    check=True,
                )
                rows[name].append(json.loads(done.stdout))
    exact, short, python = (rows[name] for name in SIDES)
    for one, other in zip(exact, python, strict=True):
        assert one["found"] == other["found"], "the sides do not find the same"
    head = ("side", "MB/s", "times plain Python", "peak MB")
    lines = [
        (
            name,
            f"{size / 1e6 / median(run['cpu'] for run in runs):.1f}",
            f"{median(p['cpu'] / own['cpu'] for p, own in zip(python, runs, strict=True)):.1f} x",
            f"{max(run['peak'] for run in runs) / 1e6:,.0f}",
        )
        for name, runs in rows.items()
    ]
    off = max(of["off"] for of in short[0]["found"]["ngrams"].values())
    grams = ", ".join(map(str, NGRAMS))
    return "\n".join(
        [
            f"### corpus statistics, {folder.name} ({WANTED})",
            "",
            f"Command: `python -m benchmarks.statistics {folder.name}`. {documents:,} documents, "
            f"{size / 1e6:.1f} MB; words, {grams}-grams, domains, equal texts, lengths.",
            "The first and the last find the same; with the small memory counts are at most "
            f"{off:,} too low. Peak memory is that of the process.",
            "",
            table(head, lines),
            "",
        ]
    )


def main() -> None:
    """Print the section, or what one side found."""
    if sys.argv[1:2] == ["--side"]:
        name, path, few = sys.argv[2:]
        print(json.dumps(side(name, Path(path), Path(few))))
        return
    print(machine() + "\n")
    folder, *rounds = sys.argv[1:] or ["sample"]
    print(measured(Path(folder), *map(int, rounds)))


if __name__ == "__main__":
    main()
