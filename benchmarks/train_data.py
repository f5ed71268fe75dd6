"""`python -m benchmarks.train_data [TOKENS]`: tokens a second that a trainer can be fed with.

Random windows of made-up token arrays as int64 inputs and labels, by our loader and beside it, in
the same run and the same order, by what people use otherwise: nanoGPT's get_batch (a memmap slice
an instance, torch.stack), and OLMo's way (a torch Dataset that reads the bytes of an instance, a
DataLoader that collates). All of them must give the same ids. Documents are lognormal, 900 tokens
in the mean; a batch is 32 instances of 2,048 targets. All in one thread where not told otherwise.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import made_up
from benchmarks.results import machine
from benchmarks.tables import table
from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokens import TokenArrays
from dolma_pipe.train.config import BatchSettings, DataSettings
from dolma_pipe.train.data import open_instances
from dolma_pipe.train.data.order import Order

TOKENS = 100_000_000
LENGTH, BATCH = 2048, 32
SHARDS = 8
SEED = 1
BATCHES, ROUNDS = 200, 5
OURS = "ours, windows end to end"
WANTED = "wanted: 20M tokens/s a thread, windows end to end"

Numbers = npt.NDArray[np.int64]
Ids = tuple[Any, Any]
"""Inputs and labels of a batch, arrays or tensors."""
Side = Callable[[], Generator[Ids]]


def write_made_up(folder: Path, tokens: int) -> TokenArrays:
    """Token arrays of about so many tokens, which whole windows fill; no rows are told of them."""
    return made_up.write_made_up(folder, tokens, length=LENGTH, shards=SHARDS)


def ours(folder: Path, **settings: Any) -> Side:
    """Instances in the order of the first epoch."""
    instances = open_instances(DataSettings(tokens=str(folder), length=LENGTH, **settings))
    order = Order(len(instances), SEED, 0)

    def batches() -> Generator[Ids]:
        for numbers in positions(len(instances)):
            batch = instances.batch(order.at(numbers))
            yield batch.ids, batch.labels

    return batches


def our_feed(folder: Path) -> Side:
    """The same as tensors, read ahead by the thread of a training."""
    from dolma_pipe.train.feed import Feed
    from dolma_pipe.train.parallel import World

    instances = open_instances(DataSettings(tokens=str(folder), length=LENGTH))
    cpu = World(0, 1, _torch().device("cpu"))

    def batches() -> Generator[Ids]:
        with Feed(instances, BatchSettings(instances=BATCH, micro=BATCH), SEED, cpu) as feed:
            for step in feed:
                yield step.micro[0].ids, step.micro[0].labels

    return batches


def nanogpt(ids: npt.NDArray[np.uint16]) -> Side:
    """get_batch of nanoGPT's train.py, but for the positions, which are ours."""
    torch = _torch()
    count = windows(len(ids))
    order = Order(count, SEED, 0)

    def batches() -> Generator[Ids]:
        for numbers in positions(count):
            starts = (order.at(numbers) * LENGTH).tolist()
            rows = [ids[i : i + LENGTH].astype(np.int64) for i in starts]
            after = [ids[i + 1 : i + 1 + LENGTH].astype(np.int64) for i in starts]
            x = torch.stack([torch.from_numpy(row) for row in rows])
            yield x, torch.stack([torch.from_numpy(row) for row in after])

    return batches


def olmo(path: Path, count: int, workers: int) -> Side:
    """OLMo's MemMapDataset and IterableDataset: indices shuffled before, bytes read, collated."""
    torch = _torch()
    order = Order(count, SEED, 0).at(np.arange(count))

    class Windows(torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return count

        def __getitem__(self, number: int) -> dict[str, Any]:
            with path.open("rb") as file:
                file.seek(2 * LENGTH * int(order[number]))
                buffer = file.read(2 * (LENGTH + 1))
            array = np.frombuffer(buffer, np.uint16)
            return {"input_ids": torch.tensor(array.astype(np.int_), dtype=torch.long)}

    def collate(items: list[dict[str, Any]]) -> Any:
        return torch.stack([item["input_ids"] for item in items])

    def batches() -> Generator[Ids]:
        loader = torch.utils.data.DataLoader(
            Windows(), batch_size=BATCH, num_workers=workers, collate_fn=collate
        )
        for rows in loader:
            yield rows[:, :-1], rows[:, 1:]

    return batches


def windows(tokens: int) -> int:
    """Whole windows of a stream."""
    return (tokens - 1) // LENGTH


def positions(count: int) -> Iterator[Numbers]:
    """Of one batch after the other, epoch after epoch."""
    start = 0
    while True:
        yield np.arange(start, start + BATCH) % count
        start += BATCH


def same(sides: dict[str, Side]) -> None:
    """Raises AssertionError where one of them has other ids than the first."""
    first = next(iter(sides.values()))
    expected = [(np.asarray(x), np.asarray(y)) for x, y in islice(first(), 3)]
    for name, side in sides.items():
        for found, wanted in zip(islice(side(), 3), expected, strict=True):
            for one, other in zip(found, wanted, strict=True):
                assert np.array_equal(np.asarray(one), other), name


class Speed(NamedTuple):
    """Tokens a second, and tokens a second of CPU time in this process."""

    wall: float
    cpu: float


def speeds(sides: dict[str, Side], batches: int, rounds: int) -> dict[str, Speed]:
    """Medians of some rounds, in each of which the sides take turns."""
    found: dict[str, list[Speed]] = {name: [] for name in sides}
    tokens = batches * BATCH * LENGTH
    for _ in range(rounds):
        for name, side in sides.items():
            given = side()
            next(given)  # workers and files are there
            started, cpu = time.perf_counter(), time.process_time()
            for _ in islice(given, batches):
                pass
            seconds = time.perf_counter() - started
            found[name].append(Speed(tokens / seconds, tokens / (time.process_time() - cpu)))
            given.close()
    return {name: Speed(*np.median(speeds, axis=0).tolist()) for name, speeds in found.items()}


def measured(
    tokens: int, batches: int = BATCHES, rounds: int = ROUNDS, workers: Sequence[int] = (0, 2)
) -> str:
    """The section of the results. workers: processes of DataLoader."""
    try:
        torch = _torch()
    except ImportError as missing:
        return f"### feeding a trainer\n\nNot measured: {missing}.\n"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-train-data-") as scratch:
        folder, path = Path(scratch) / "tokens", Path(scratch) / "train.bin"
        arrays = write_made_up(folder, tokens)
        plan = pack(folder, PackSettings(length=LENGTH))[0]
        np.concatenate([arrays.ids(shard) for shard in arrays.shards()]).tofile(path)
        count = windows(arrays.manifest.tokens)
        equal = {
            OURS: ours(folder),
            "the same, as tensors from the reading thread": our_feed(folder),
            "nanoGPT, get_batch": nanogpt(np.memmap(path, np.uint16, "r")),
            **{f"OLMo's way, DataLoader, {n} workers": olmo(path, count, n) for n in workers},
        }
        same(equal)
        packed = {"view": "packed", "plan": plan}
        views = {
            "documents masked": ours(folder, mask_documents=True),
            "packed": ours(folder, **packed),
            "packed, documents masked": ours(folder, **packed, mask_documents=True),
            "padded, a document an instance": ours(folder, view="padded"),
        }
        found = speeds(equal | views, batches, rounds)
    rows = [_row(name, speed, found[OURS]) for name, speed in found.items()]
    head = ("side", "M tokens/s", "M tokens a CPU second here", "windows end to end are faster by")
    size = f"{arrays.manifest.tokens:,} tokens in {SHARDS} files"
    return f"### feeding a trainer, {size} ({WANTED})\n\n{table(head, rows)}\n"


def _row(name: str, speed: Speed, ours: Speed) -> tuple[str, ...]:
    ratio = f"{ours.wall / speed.wall:.2f} x"
    return name, f"{speed.wall / 1e6:,.1f}", f"{speed.cpu / 1e6:,.1f}", ratio


def _torch() -> Any:
    import torch
    import torch.utils.data

    return torch


def main(tokens: int = TOKENS) -> None:
    print(f"{machine()}\n\n{measured(tokens)}")


if __name__ == "__main__":
    main(*(int(number.replace("_", "")) for number in sys.argv[1:]))
