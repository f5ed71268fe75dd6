"""`python -m benchmarks.training [STEPS]`: what our training loop costs on a CPU, in one thread.

A step of the loop as it is (reading ahead, masks, loss, norm, optimizer, metrics.jsonl) beside a
bare loop of the same model with the same weights, which has its only batch in memory and tells
nothing; they take turns step by step. Then forward and backward alone, beside transformers' model
with the same weights and its own loss.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.made_up import write_made_up
from benchmarks.results import machine
from benchmarks.tables import table

STEPS, WARM = 40, 4
LENGTH, MICRO, MICROS = 256, 4, 2
MODEL = "olmo-1m"
VOCABULARY = 4096
TOKENS = 400_000
WANTED = "wanted: 1.05 of a bare loop at most"

BARE, OURS = "bare loop, the batch in memory", "our loop, as it is"
Micros = list[tuple[Any, Any]]
"""ids and labels of each micro-batch."""


class Both(NamedTuple):
    """Medians of wall-clock seconds and of CPU seconds of the training thread."""

    wall: float
    cpu: float


def bare_loop(shape: Any, batch: Micros, lr: float) -> Callable[[], float]:
    """A step of nanoGPT's loop on one batch; returns the loss."""
    import torch
    import torch.nn.functional as F
    from torch.nn.utils import clip_grad_norm_

    from dolma_pipe.train.model.initial import initialise
    from dolma_pipe.train.model.transformer import Model

    model = Model(shape)
    initialise(model, 0)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )

    def step() -> float:
        total = 0.0
        for ids, labels in batch:
            logits = model(ids)
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten()) / len(batch)
            total += float(loss.detach())
            loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return total

    return step


def loops(scratch: Path, steps: int, model: str | dict[str, Any]) -> dict[str, Both]:
    """Steps of both loops, in turns. Raises AssertionError where the first loss is not the same."""
    from benchmarks.our_loop import Took, begun, run_loop
    from dolma_pipe.train.config import parse_config

    write_made_up(scratch / "tokens", TOKENS, length=LENGTH, shards=1, vocabulary=VOCABULARY)
    config = {"name": "ours", "model": model, "device": "cpu", "out": str(scratch / "run")}
    config |= {"data": {"tokens": str(scratch / "tokens"), "length": LENGTH}}
    config |= {"batch": {"instances": MICRO * MICROS, "micro": MICRO}, "steps": WARM + steps + 1}
    with begun(parse_config(config)) as training:
        with training.feed() as feed:
            batch = [(micro.ids, micro.labels) for micro in next(feed).micro]
        bare = bare_loop(training.shape, batch, training.config.optimizer.lr / 10)
        ours, theirs, losses = [], [], []

        def turn(took: Took) -> bool:
            wall, cpu = time.perf_counter(), time.thread_time()
            losses.append((took.loss, bare()))
            ours.append(took)
            theirs.append((time.perf_counter() - wall, time.thread_time() - cpu))
            return len(ours) >= WARM + steps

        run_loop(training, turn)
    assert abs(losses[0][0] - losses[0][1]) < 1e-4 * losses[0][0], losses[0]
    return {
        BARE: _medians(theirs[WARM:]),
        OURS: _medians([(took.seconds, took.cpu) for took in ours[WARM:]]),
    }


def models(steps: int, model: str | dict[str, Any]) -> dict[str, Both]:
    """Forward and backward of a micro-batch by both models, in turns. Raises AssertionError where
    their logits differ."""
    import torch
    from transformers import OlmoConfig, OlmoForCausalLM

    from dolma_pipe.train.loss import loss_sums
    from dolma_pipe.train.model.initial import initialise
    from dolma_pipe.train.model.presets import shape_of
    from dolma_pipe.train.model.transformer import Model

    shape = shape_of(model)
    ours, theirs = Model(shape), OlmoForCausalLM(OlmoConfig(**shape.to_hf()))
    initialise(ours, 0)
    theirs.load_state_dict(ours.state_dict(), strict=False)  # the output's are the embeddings
    ids = torch.randint(1, VOCABULARY, (MICRO, LENGTH), generator=torch.Generator().manual_seed(1))
    labels = ids.roll(-1, 1)
    with torch.no_grad():
        assert torch.allclose(ours(ids), theirs(ids).logits, atol=1e-4)

    def our_pass() -> None:
        (loss_sums(ours(ids), labels, with_z=False).cross_entropy / labels.numel()).backward()

    def their_pass() -> None:
        theirs(ids, labels=ids, use_cache=False).loss.backward()

    sides = {"transformers, OlmoForCausalLM": (theirs, their_pass), "our model": (ours, our_pass)}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(WARM + steps):
        for name, (each, once) in sides.items():
            wall, cpu = time.perf_counter(), time.thread_time()
            once()
            took[name].append((time.perf_counter() - wall, time.thread_time() - cpu))
            each.zero_grad(set_to_none=True)
    return {name: _medians(seconds[WARM:]) for name, seconds in took.items()}


def _medians(seconds: Sequence[tuple[float, float]]) -> Both:
    return Both(median(wall for wall, _ in seconds), median(cpu for _, cpu in seconds))


def measured(steps: int = STEPS, model: str | dict[str, Any] = MODEL) -> str:
    """The section of the results."""
    title = "### training loop on a CPU, one thread"
    try:
        import torch
    except ImportError as missing:
        return f"{title}\n\nNot measured: {missing}.\n"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-training-") as scratch:
        told = [_told(f"a step of {MICROS} micro-batches", loops(Path(scratch), steps, model))]
    try:
        told.append(_told("forward and backward of one micro-batch", models(steps, model)))
    except ImportError as missing:
        told.append(f"Not beside transformers: {missing}.\n")
    of = f"{model}, micro-batches of {MICRO} x {LENGTH} tokens, fp32, torch {torch.__version__}"
    return f"{title} ({WANTED})\n\n{of}; medians of {steps} turns.\n\n" + "\n".join(told)


def _told(what: str, found: dict[str, Both]) -> str:
    first = next(iter(found.values()))
    rows = []
    for name, both in found.items():
        ratios = [f"{mine / its:.3f}" for mine, its in zip(both, first, strict=True)]
        rows.append((name, *(f"{seconds * 1e3:.1f}" for seconds in both), *ratios))
    head = (what, "wall ms", "CPU ms of the thread", "wall, of the first", "CPU, of the first")
    return table(head, rows) + "\n"


def main(steps: int = STEPS) -> None:
    print(f"{machine()}\n\n{measured(steps)}")


if __name__ == "__main__":
    main(*(int(number.replace("_", "")) for number in sys.argv[1:]))
