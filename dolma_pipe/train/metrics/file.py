"""metrics.jsonl of a run: a JSON object a step and an evaluation, by OLMo's names. No torch."""

from contextlib import suppress
from pathlib import Path

import msgspec

METRICS, LOG = "metrics.jsonl", "log.txt"
STEP, RESTARTED = "step", "restarted"
LOSS = "train/CrossEntropyLoss"
PERPLEXITY = "train/Perplexity"
Z_LOSS = "train/ZLoss"
INSTANCES = "train/instances"
LR = "optim/learning_rate"
GRAD_NORM = "optim/total_grad_norm"
SKIPPED = "optim/step_skipped"
TOKENS = "throughput/total_tokens"
SPEED = "throughput/device/tokens_per_second"
MFU = "throughput/mfu"
MEMORY = "System/Peak GPU Memory (MB)"


class _Place(msgspec.Struct):
    step: int = -1


def cut_after(path: Path, step: int) -> None:
    """Leave the lines of metrics.jsonl up to a step, without what a killed writer left of a last
    one; at step 0 none. One truncation: a kill leaves the file as it was, or cut."""
    path.touch()
    end = 0
    with path.open("r+b") as file:
        for line in file if step else ():
            if not line.endswith(b"\n") or _step_of(line) > step:
                break
            end += len(line)
        file.truncate(end)


def last_metrics(path: Path) -> dict[str, float | None]:
    """The last value of each metric; none where there is no such file."""
    last: dict[str, float | None] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    last |= msgspec.json.decode(line, type=dict[str, float | None])
    except FileNotFoundError:
        pass
    return last


def _step_of(line: bytes) -> int:
    try:
        return msgspec.json.decode(line, type=_Place).step
    except (msgspec.DecodeError, UnicodeDecodeError):
        return -1  # left alone, as readers do
