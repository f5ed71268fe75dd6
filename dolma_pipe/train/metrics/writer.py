"""What a training tells while it runs: metrics.jsonl, lines on the terminal, TensorBoard."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch

from dolma_pipe.errors import MissingExtra, WorkError
from dolma_pipe.train.config import MetricsSettings
from dolma_pipe.train.metrics.file import (
    GRAD_NORM,
    LOG,
    LOSS,
    LR,
    MEMORY,
    METRICS,
    MFU,
    RESTARTED,
    SPEED,
    STEP,
    TOKENS,
    cut_after,
)
from dolma_pipe.train.metrics.numbers import duration
from dolma_pipe.train.metrics.pace import Clock, Pace
from dolma_pipe.train.parallel import World


class Metrics:
    """Told by the main process; calls of the others do nothing.

    total_steps, total_tokens: where the training ends. step, tokens: where it goes on; what
    metrics.jsonl has after that step is cut off. Tokens are those of all processes.
    flops_per_token, peak_flops: for MFU. Raises WorkError where the folder cannot be written,
    MissingExtra where TensorBoard is wanted and not installed.
    """

    def __init__(
        self,
        folder: Path,
        settings: MetricsSettings,
        world: World,
        *,
        total_steps: int,
        total_tokens: int,
        step: int = 0,
        tokens: int = 0,
        flops_per_token: float | None = None,
        peak_flops: float | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._folder, self._every = folder, settings.every
        self._world, self._pace = world, Pace(clock)
        self._total_steps, self._total_tokens = total_steps, total_tokens
        self._step, self._tokens, self._restarted = step, tokens, step > 0
        self._mfu = flops_per_token / peak_flops if flops_per_token and peak_flops else 0.0
        self._losses: list[float] = []
        self._told_one = False
        self._board: Any = None
        if world.is_main:
            with _writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                cut_after(folder / METRICS, step)
            if settings.tensorboard:
                self._board = _board(folder / "tensorboard", step)

    def pause(self) -> AbstractContextManager[None]:
        """Around evaluating and saving, whose time is not that of steps."""
        return self._pace.pause()

    def step(self, values: Mapping[str, float]) -> None:
        """After each optimizer step. values: STEP, LOSS, LR, GRAD_NORM, TOKENS (since the very
        start) and what else there is; speed, MFU and memory are added. NaN is written as null."""
        if not self._world.is_main:
            return
        line = dict(values)
        tokens = int(line[TOKENS]) - self._tokens
        self._step, self._tokens = int(line[STEP]), int(line[TOKENS])
        if seconds := self._pace.step(tokens):
            line[SPEED] = tokens / seconds / self._world.size
        if SPEED in line and self._mfu:
            line[MFU] = line[SPEED] * self._mfu
        if self._world.device.type == "cuda":
            line[MEMORY] = torch.cuda.max_memory_allocated(self._world.device) / 1e6
        if self._restarted:
            line[RESTARTED], self._restarted = 1, False
        self._write(line)
        self._losses.append(float(line[LOSS]))
        if not self._told_one or self._step % self._every == 0 or self._step >= self._total_steps:
            self.say(self._told(line))
            self._losses, self._told_one = [], True

    def evaluated(self, values: Mapping[str, float]) -> None:
        """A line of its own, at the last step unless values has another."""
        if not self._world.is_main:
            return
        self._write({STEP: self._step, TOKENS: self._tokens, **values})
        short = {name.removeprefix("eval/"): value for name, value in values.items()}
        ends = ("/bits_per_byte", "_acc")
        told = [f"{name} {value:.4f}" for name, value in short.items() if name.endswith(ends)]
        self.say("  ".join([f"step {values.get(STEP, self._step):,} evaluated", *told]))

    def say(self, text: str) -> None:
        """A line on the terminal and in log.txt, without control characters."""
        if self._world.is_main:
            line = "".join(char if char.isprintable() else "?" for char in text)
            print(line, file=sys.stderr, flush=True)
            _append(self._folder / LOG, line.encode())

    def close(self) -> None:
        """When the training ends."""
        if self._board is not None:
            self._board.close()

    def _write(self, values: Mapping[str, float]) -> None:
        line = {name: v if isinstance(v, int) else float(v) for name, v in values.items()}
        _append(self._folder / METRICS, msgspec.json.encode(line))
        if self._board is not None:
            for name in line.keys() - {STEP, RESTARTED}:
                self._board.add_scalar(name, line[name], line[STEP])

    def _told(self, line: Mapping[str, float]) -> str:
        total = f"{self._total_steps:,}"
        parts = [f"step {self._step:>{len(total)},}/{total}"]
        parts.append(f"loss {sum(self._losses) / len(self._losses):.4f}")
        parts.append(f"lr {line[LR]:.2e}  grad norm {line[GRAD_NORM]:.3g}")
        if rate := self._pace.since_asked():
            parts.append(f"{rate:,.0f} tokens/s")
            if self._mfu:
                parts.append(f"MFU {rate / self._world.size * self._mfu:.1%}")
        if MEMORY in line:
            parts.append(f"memory {line[MEMORY] / 1e3:.1f} GB")
        if (seconds := self._pace.remaining(self._total_tokens - self._tokens)) is not None:
            parts.append(f"ETA {duration(seconds)}")
        return "  ".join(parts)


def _append(path: Path, line: bytes) -> None:
    """Opened anew for each line: whoever is killed leaves nothing unwritten."""
    with _writing(path), path.open("ab") as file:
        file.write(line + b"\n")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkError(f"cannot write {path}: {error.strerror or error}") from error


def _board(folder: Path, step: int) -> Any:
    """TensorBoard, which forgets what it has after that step."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtra("tensorboard", "tensorboard") from None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else 0)
