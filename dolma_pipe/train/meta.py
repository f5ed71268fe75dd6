"""meta.json of a checkpoint: where a training was when it was saved, and on what it was trained."""

import re
import subprocess
from pathlib import Path
from typing import Any, Literal

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.tokens import TokenizerStamp
from dolma_pipe.work import write_json

META = "meta.json"
FORMAT = "dolma-pipe checkpoint"
VERSION = 1
CHECKPOINT = re.compile(r"(?:step\d+|tokens\d+|\d{8}-\d{6}-step\d+)\Z")


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """step: optimizer steps done. tokens: targets read, padding counted. loss: of the last step,
    nats a target. epoch, instances: the data state, instances of this epoch that were read.
    data_sha256: of all arrays, and of how they are cut; seed: of their order. world: processes.
    git: the commit in the current folder. config: train.yaml, resolved."""

    format: str = FORMAT
    version: int = VERSION
    step: int
    tokens: int
    loss: float | None
    lr: float
    epoch: int
    instances: int
    data_sha256: str
    tokenizer: TokenizerStamp | None
    world: int
    created: str
    seed: int = 0
    git: str | None = None
    skip_window: list[tuple[float, float]] = []
    config: dict[str, Any]


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out there: with which settings and code it was trained."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return None
    return found.stdout.strip() or None


def write_meta(folder: Path, meta: Meta) -> None:
    """Into a checkpoint that is being written."""
    write_json(folder / META, meta)


def read_meta(folder: Path) -> Meta:
    """Raises TrainError where folder is no checkpoint of this version."""
    try:
        meta = msgspec.json.decode((folder / META).read_bytes(), type=Meta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"no checkpoint in {folder}: {META}: {error}") from None
    if meta.format != FORMAT or meta.version != VERSION:
        found = f"{meta.format} {meta.version}"
        raise TrainError(f"{folder / META} is {found}, not {FORMAT} {VERSION}")
    return meta


def checkpoint_name(meta: Meta, names: Literal["step", "tokens", "date"]) -> str:
    """What its folder is called: step1000, tokens2097152000 or 20260131-235959-step1000."""
    if names == "date":
        return f"{re.sub(r'[-:]', '', meta.created[:19]).replace('T', '-')}-step{meta.step}"
    return f"step{meta.step}" if names == "step" else f"tokens{meta.tokens}"


def checkpoint_folders(run: Path) -> list[Path]:
    """The whole checkpoints of a run, by step; what a killed writer left is none."""
    found = [path for path in run.glob("*") if CHECKPOINT.match(path.name)]
    whole = [path for path in found if (path / META).is_file()]
    return sorted(whole, key=lambda path: (read_meta(path).step, path.name))


def refuse_run(folder: Path, what: str) -> None:
    """Raises TrainError where a run stands in the place of one of its checkpoints. what: where it
    was given."""
    if found := checkpoint_folders(folder):
        raise TrainError(f"{what}: {folder} is a run: take one of its checkpoints, {found[-1]}")
