"""`python -m benchmarks.deltas [NUMBERS]`: deltas of checkpoints, their size and speed.

Made-up weights of std .02 and a change of some std, both normal. Beside ours stands the plain way:
difference of raw bits, zigzag, byte planes, zlib at its default level. A core each, CPU seconds;
both decode to the same bits. The command is measured with its start-up, one thread.
"""

import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import cost_of
from benchmarks.race import ROOT, peer_environment
from benchmarks.results import machine, table
from dolma_pipe.train.checkpoints.coding import CHUNK, Bits, decode, encode, kind_of

NUMBERS = 100_000_000
"""Weights of the checkpoints that the command packs."""

STDS = (1e-5, 1e-4, 1e-3)
COMMAND = "from dolma_pipe.cli.main import main; main()"
WANTED = "wanted: 11, 27, 46 % for bf16"


def patterns(values: np.ndarray[Any, np.dtype[np.float32]], dtype: str) -> Bits:
    """float32 as it is, or rounded to the nearest even bf16."""
    bits = values.view(np.uint32)
    if dtype == "F32":
        return bits
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def plain(values: Bits, base: Bits) -> list[bytes]:
    """What the reference describes."""
    signed = (values - base).view(f"<i{values.itemsize}")
    zigzag = (signed << 1) ^ (signed >> (8 * values.itemsize - 1))
    planes = zigzag.view(np.uint8).reshape(-1, values.itemsize)
    return [zlib.compress(plane.tobytes()) for plane in planes.T]


def timed(function: Callable[[], Any], rounds: int = 5) -> tuple[float, Any]:
    """The least CPU seconds of some rounds, and what the last of them gave."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def coding_row(dtype: str, std: float) -> tuple[str, ...]:
    random = np.random.default_rng(0)
    before = random.standard_normal(CHUNK, np.float32) * np.float32(0.02)
    after = before + np.float32(std) * random.standard_normal(CHUNK, np.float32)
    base, values, kind = patterns(before, dtype), patterns(after, dtype), kind_of(dtype)
    coding, planes = timed(lambda: encode(values, base, kind))
    decoding, back = timed(lambda: decode(planes, base, kind, CHUNK))
    assert np.array_equal(back, values)
    beside, others = timed(lambda: plain(values, base), 2)
    size, megabytes = values.nbytes, values.nbytes / 1e6
    return (
        dtype,
        f"{std:g}",
        f"{sum(map(len, planes)) / size:.1%}",
        f"{sum(map(len, others)) / size:.1%}",
        f"{megabytes / coding:.0f}",
        f"{megabytes / beside:.0f}",
        f"{beside / coding:.1f} x",
        f"{megabytes / decoding:.0f}",
    )


def write_checkpoint(folder: Path, bits: Bits, dtype: str) -> None:
    """Tensors of 8 chunks, as a safetensors file."""
    folder.mkdir()
    header, end = {}, 0
    for number, part in enumerate(np.split(bits, range(8 * CHUNK, bits.size, 8 * CHUNK))):
        place = [end, end := end + part.nbytes]
        header[f"t{number}"] = {"dtype": dtype, "shape": [part.size], "data_offsets": place}
    told = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(told).to_bytes(8, "little") + told)
        file.write(bits.data)


def command_row(dtype: str, numbers: int, scratch: Path) -> tuple[str, ...]:
    """pack and unpack at a change of 1e-4."""
    random = np.random.default_rng(0)
    before = random.standard_normal(numbers, np.float32) * np.float32(0.02)
    write_checkpoint(scratch / "base", patterns(before, dtype), dtype)
    before += np.float32(1e-4) * random.standard_normal(numbers, np.float32)
    write_checkpoint(scratch / "new", bits := patterns(before, dtype), dtype)
    size, environment = bits.nbytes / 1e6, peer_environment() | {"PYTHONPATH": str(ROOT)}
    shared = [sys.executable, "-c", COMMAND, "checkpoints"]
    pack = [*shared, "pack", str(scratch / "new"), "--base", str(scratch / "base")]
    unpack = [*shared, "unpack", str(scratch / "deltas/new")]
    packing, unpacking = (
        cost_of([*command, "--workers", "1"], environment, scratch / "log", ROOT)
        for command in (pack, unpack)
    )
    cells = (f"{size / packing.cpu:.0f}", f"{size / unpacking.cpu:.0f}")
    peak = max(packing.peak, unpacking.peak) / 1e6
    return (dtype, f"{size:,.0f}", *cells, f"{peak:,.0f}")


def main(numbers: int = NUMBERS) -> None:
    rows = [coding_row(dtype, std) for dtype in ("BF16", "F32") for std in STDS]
    head = ("dtype", "change", "ours", "plain", "ours MB/s", "plain MB/s", "faster", "decode MB/s")
    print(f"### deltas of checkpoints ({WANTED})\n\n{machine()}\n\n{table(head, rows)}\n")
    commands = []
    for dtype in ("BF16", "F32"):
        with tempfile.TemporaryDirectory(prefix="dolma-pipe-deltas-") as scratch:
            commands.append(command_row(dtype, numbers, Path(scratch)))
    print(table(("dtype", "MB", "pack MB/s", "unpack MB/s", "peak MB"), commands))


if __name__ == "__main__":
    main(*(int(number.replace("_", "")) for number in sys.argv[1:]))
