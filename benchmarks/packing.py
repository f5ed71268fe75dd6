"""`python -m benchmarks.packing [DOCUMENTS]`: packing plans of very many documents.

Prints seconds and memory of `dolma-pipe tokens pack --method best-fit` for lengths of several
kinds, and how many instances a reference packer needs for the same pieces: best-fit decreasing
item by item, a segment tree over the free tokens of instances. Where ai2-olmo-core is installed,
its packer runs beside ours on the same pieces.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from benchmarks.process import Cost, cost_of
from benchmarks.race import ROOT, peer_environment
from benchmarks.results import machine
from benchmarks.tables import table
from dolma_pipe.kernels.packing import pack_best_fit
from dolma_pipe.tokens import (
    Manifest,
    PackingPlan,
    TokenArrays,
    TokenizerStamp,
    TokenShard,
    TokenSource,
    write_manifest,
)
from dolma_pipe.tokens.packing_plan import FOLDER, TOKENS, read_plan

DOCUMENTS = 10_000_000
LENGTH = 4096
CAPACITY = LENGTH + 1
SHARD = 1_000_000
"""Documents of a shard."""

WANTED = "wanted: 10 s, 1 GB, as many instances as the reference"
BESIDE = 200_000
"""Documents that OLMo-core packs; its windows must be a power of two."""

COMMAND = "from dolma_pipe.cli.main import main; main()"

Lengths = npt.NDArray[np.int64]

KINDS: dict[str, Callable[[np.random.Generator, int], npt.NDArray[Any]]] = {
    "lognormal, median 540": lambda r, n: r.lognormal(6.3, 1.1, n),
    "like code: lognormal, median 1,100, heavy tail": lambda r, n: r.lognormal(7, 1.8, n),
    "all just above half a window": lambda r, n: r.integers(
        CAPACITY // 2 + 1, CAPACITY // 2 + 99, n
    ),
    "1 to a window, each as often": lambda r, n: r.integers(1, CAPACITY + 1, n),
    "two thirds of a window, or one third": lambda r, n: r.choice([2731, 1366, 1367], n),
    "one token each": lambda _, n: np.ones(n),
}


class Packed(NamedTuple):
    """cost: of the whole command, with its start-up. kernel, tree: seconds of the packers."""

    kind: str
    plan: PackingPlan
    cost: Cost
    kernel: float
    tree: float
    expected: int


def measured(kind: str, documents: int, scratch: Path) -> Packed:
    """Pack documents of one kind by the command, and their pieces by both packers."""
    folder = scratch / "tokens"
    lengths = KINDS[kind](np.random.default_rng(5), documents)
    write_borders(folder, np.clip(lengths, 1, 1 << 24).astype(np.int64))
    command = [sys.executable, "-c", COMMAND, "tokens", "pack", str(folder), "--name", "plan"]
    environment = peer_environment() | {"PYTHONPATH": str(ROOT)}
    cost = cost_of([*command, "--length", str(LENGTH)], environment, scratch / "log", ROOT)
    plan = read_plan(TokenArrays(folder), "plan")
    pieces = np.fromfile(folder / FOLDER / "plan" / TOKENS, np.uint32)
    started = time.perf_counter()
    pack_best_fit(pieces, CAPACITY)
    between = time.perf_counter()
    expected = reference(np.sort(pieces)[::-1], CAPACITY)
    ended = time.perf_counter()
    return Packed(kind, plan, cost, between - started, ended - between, expected)


def write_borders(folder: Path, lengths: Lengths) -> None:
    """Token arrays as far as a packer looks at them: the manifest and the offsets, no ids."""
    shards = []
    (folder / "all").mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(lengths), SHARD)):
        offsets = np.append(0, np.cumsum(lengths[start : start + SHARD]))
        file = f"all/part-{number:05d}"
        offsets.astype("<u8").tofile(folder / f"{file}.offsets.u64")
        shards.append(
            TokenShard(
                file=f"{file}.npy",
                documents=len(offsets) - 1,
                tokens=int(offsets[-1]),
                max_token_id=0,
                sha256="",
            )
        )
    tokens = int(lengths.sum())
    source = TokenSource(name="all", documents=len(lengths), tokens=tokens, shards=tuple(shards))
    manifest = Manifest(
        dtype="uint16",
        vocab_size=1,
        eos_id=0,
        pad_id=None,
        tokenizer=TokenizerStamp(name="none", sha256=""),
        token_bytes_sha256="",
        seed=1,
        fingerprint="",
        documents=len(lengths),
        tokens=tokens,
        sources=(source,),
    )
    write_manifest(folder, manifest)


@numba.njit  # type: ignore[untyped-decorator]
def reference(pieces: npt.NDArray[np.uint32], capacity: int) -> int:
    """Instances of best-fit decreasing; pieces are sorted, the longest first.

    tree: how many instances have so many free tokens, by leaf; sums of both children above.
    """
    leaves = 1
    while leaves <= capacity:
        leaves *= 2
    tree = np.zeros(2 * leaves, np.int64)
    instances = 0
    for size in pieces:
        node = leaves + np.int64(size)
        if tree[node] == 0:  # up, until there is something to the right; then down to its left
            while node > 1 and (node & 1 or tree[node + 1] == 0):
                node >>= 1
            node = node + 1 if node > 1 else 0
            while 0 < node < leaves:
                node = 2 * node if tree[2 * node] else 2 * node + 1
        room = node - leaves if node else capacity
        if node == 0:
            instances += 1
        while node:
            tree[node] -= 1
            node >>= 1
        node = leaves + room - np.int64(size)
        while node:
            tree[node] += 1
            node >>= 1
    return instances


def beside_olmo_core() -> str:
    """CPU seconds of its packer and of ours, one thread each, and the instances of both."""
    try:
        from olmo_core.data.utils import InstancePacker
    except ImportError as missing:
        return f"Not beside OLMo-core: {missing}."
    lengths = KINDS["lognormal, median 540"](np.random.default_rng(5), BESIDE)
    pieces = np.clip(lengths, 1, LENGTH).astype(np.uint32)
    ends = np.cumsum(pieces, dtype=np.int64)
    started = time.process_time()
    theirs = len(InstancePacker(LENGTH).pack_documents(np.stack([ends - pieces, ends], 1))[0])
    between = time.process_time()
    ours = pack_best_fit(pieces, LENGTH)[1]
    seconds = between - started, time.process_time() - between
    return (
        f"ai2-olmo-core {version('ai2-olmo-core')}, InstancePacker, {BESIDE:,} documents, windows"
        f" of {LENGTH:,} tokens: {theirs:,} instances in {seconds[0]:.2f} s; ours {ours:,} in"
        f" {seconds[1]:.4f} s, {seconds[0] / seconds[1]:,.0f} x."
    )


def row(packed: Packed) -> tuple[str, ...]:
    """A row of the table."""
    counts = packed.plan.counts
    return (
        packed.kind,
        f"{counts.documents:,}",
        f"{counts.pieces:,}",
        f"{packed.cost.cpu:.1f}",
        f"{packed.cost.wall:.1f}",
        f"{packed.cost.peak / 1e6:,.0f}",
        f"{packed.kernel:.2f}",
        f"{packed.tree:.2f}",
        f"{counts.instances:,}",
        f"{packed.expected:,}",
        f"{counts.padding / (counts.instances * packed.plan.capacity):.3%}",
        f"{counts.split_documents / counts.documents:.1%}",
    )


def main(documents: int = DOCUMENTS) -> None:
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-packing-") as scratch:
        measured("one token each", 10, Path(scratch))  # compiles
        rows = [row(measured(kind, documents, Path(scratch))) for kind in KINDS]
    head = (
        "lengths",
        "documents",
        "pieces",
        "CPU s",
        "wall s",
        "peak MB",
        "packer s",
        "reference s",
    )
    head = (*head, "instances", "reference", "padding", "split")
    print(f"### packing, {LENGTH:,} targets an instance ({WANTED})\n")
    print(f"{machine()}\n\n{table(head, rows)}\n\n{beside_olmo_core()}")


if __name__ == "__main__":
    main(*(int(number.replace("_", "")) for number in sys.argv[1:]))
