"""`python -m benchmarks.gpu_training`: tokens a second and MFU of training on one GPU.

Ours beside a plain torch loop like nanoGPT's and beside transformers' Trainer, on the same shapes,
weights and windows of made-up token arrays: bf16, fused AdamW, two micro-batches a step. A JSON
line a row as they come, and a table at the end. Rows stand in the order of their importance; one
that would not fit into the minutes that are left is left out, aloud. Needs torch and what a
training node has; NVIDIA or AMD. --tiny runs every side for three steps, on a CPU, too.
"""

import gc
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch

from benchmarks.made_up import write_made_up
from benchmarks.meter import Meter
from benchmarks.our_loop import Took, begun, run_loop
from benchmarks.plain_gpt import Job, Windows, plain_loop
from benchmarks.tables import table
from dolma_pipe.train.config import parse_config
from dolma_pipe.train.metrics.peaks import peak_flops
from dolma_pipe.train.model.initial import deviation
from dolma_pipe.train.model.presets import shape_of
from dolma_pipe.train.model.shape import ModelShape
from dolma_pipe.train.model.transformer import Model
from dolma_pipe.train.model.weights import save_weights

OURS, PLAIN, TRAINER = "ours", "plain torch", "transformers"
LONG = {"context": 32_768}
SLIDING = {"family": "olmo3", "norm_eps": 1e-6}
TINY = {"preset": "olmo-1m", "hidden_size": 64, "vocab_size": 500}
MODELS: dict[str, dict[str, Any]] = {
    "olmo-150m": {"preset": "olmo-150m", **LONG},
    "olmo-300m": {"preset": "olmo-300m", **LONG},
    "olmo-1b": {"preset": "olmo-1b", **LONG},
    "olmo3-like": {"preset": "olmo-1b", "sliding_window": 1024, **LONG, **SLIDING},
    "tiny": TINY,
    "tiny3": TINY | {"sliding_window": 32, **SLIDING},
}
"""olmo3-like: the shape of olmo-1b with windows of 1,024 tokens on three layers of four."""
LENGTHS = (2048, 4096)
MICROS = 2
TOKENS, TINY_TOKENS = 32_000_000, 20_000
AT_ONCE = ((120, 32_768), (70, 16_384), (36, 8_192), (20, 4_096), (0, 2_048))
"""GB of the GPU -> tokens of a micro-batch of olmo-1b. Smaller models take no more at 120 GB:
their logits must stay below 2**31."""
LR = 3e-4
WARM, TINY_WARM = 4, 2
GUESSED = {True: 75.0, False: 30.0}
"""Seconds of a row that compiles, and of one that does not, until one was measured."""
GOALS = "wanted: 40 % MFU for olmo-1b, waiting for data under 1 % of a step"


class Case(NamedTuple):
    """A row. compiled: as a whole, in ours also layer by layer ("layers"), or not at all ("")."""

    side: str
    model: str
    length: int
    documents: bool
    compiled: str


class Bench(NamedTuple):
    """What all rows share."""

    device: torch.device
    scratch: Path
    seconds: float
    tiny: bool

    def shape(self, case: Case) -> ModelShape:
        """Of the model of a row."""
        return shape_of(MODELS[case.model])

    def weights(self, case: Case) -> Path:
        """A checkpoint with first weights, which all sides begin with."""
        folder = self.scratch / case.model
        if not folder.exists():
            folder.mkdir()
            model = Model(self.shape(case)).to(self.device)
            draw = torch.Generator(self.device).manual_seed(0)
            with torch.no_grad():
                for name, p in model.named_parameters():
                    if p.dim() > 1:
                        p.normal_(0, deviation(model.shape, name), generator=draw)
            save_weights(dict(model.named_parameters()), model.shape, folder)
        return folder

    def meter(self) -> Meter:
        """For one row."""
        return Meter(self.device, self.seconds, TINY_WARM if self.tiny else WARM)

    def windows(self, case: Case) -> Windows:
        """What sides without our loader read."""
        return Windows(self.scratch / "tokens/all/part-00000.npy", "<u2", case.length, 0)

    def job(self, case: Case, micro: int, meter: Meter) -> Job:
        """For a side that is not ours."""
        compiled, windows = bool(case.compiled), self.windows(case)
        return Job(self.weights(case), windows, micro, MICROS, LR, compiled, self.device, meter)

    def micro(self, case: Case) -> int:
        """Instances of a micro-batch, to begin with."""
        if self.device.type != "cuda":
            return 2
        gigabytes = torch.cuda.get_device_properties(self.device).total_memory / 1e9
        tokens = next(tokens for least, tokens in AT_ONCE if gigabytes >= least)
        small = case.model in ("olmo-150m", "olmo-300m")
        return max(1, min(32_768, tokens * (2 if small else 1)) // case.length)


def ours(bench: Bench, case: Case, micro: int, meter: Meter) -> dict[str, Any]:
    """By the loop of `dolma-pipe train`."""
    out = bench.scratch / "run"
    shutil.rmtree(out, ignore_errors=True)
    data = {"tokens": str(bench.scratch / "tokens"), "length": case.length, "check": False}
    config = {
        "name": "ours",
        "start": str(bench.weights(case)),
        "data": data | {"mask_documents": case.documents},
        "batch": {"instances": micro * MICROS, "micro": micro},
        "steps": 10_000,
        "optimizer": {"lr": LR},
        "schedule": {"shape": "constant"},
        "compile": case.compiled == "whole",
        "device": bench.device.type,
        "out": str(out),
    }

    def between(took: Took) -> bool:
        return meter.step(took.loss, took.waited)

    with begun(parse_config(config)) as training:
        if case.compiled == "layers":
            training.loss_sums = torch.compile(training.loss_sums)
            for layer in training.model.layers():
                layer.compile()
        run_loop(training, between)
        return {"attention": training.attention, "waiting": meter.waiting}


def plain(bench: Bench, case: Case, micro: int, meter: Meter) -> dict[str, Any]:
    """By a loop like nanoGPT's."""
    plain_loop(bench.job(case, micro, meter), bench.shape(case))
    return {}


def trainer(bench: Bench, case: Case, micro: int, meter: Meter) -> dict[str, Any]:
    """By transformers' Trainer, where it is installed."""
    from benchmarks.hf_trainer import trainer_loop

    trainer_loop(bench.job(case, micro, meter), bench.scratch / "trainer")
    return {}


SIDES: dict[str, Callable[[Bench, Case, int, Meter], dict[str, Any]]]
SIDES = {OURS: ours, PLAIN: plain, TRAINER: trainer}


def measured(bench: Bench, case: Case) -> dict[str, Any]:
    """A row; where memory does not suffice, with half the micro-batch. What fails is told in it."""
    row: dict[str, Any] = case._asdict()
    micro = bench.micro(case)
    while micro:
        meter = bench.meter()
        try:
            row |= SIDES[case.side](bench, case, micro, meter)
        except Exception as error:  # whatever a compiler, a driver or a library may raise
            told, full = f"{type(error).__name__}: {error}", out_of_memory(error)
        else:
            return row | figures(bench, case, micro, meter)
        finally:
            forget()
        if not full:
            break
        micro //= 2
    return row | {"refused": " ".join(told.split())[:300]}


def figures(bench: Bench, case: Case, micro: int, meter: Meter) -> dict[str, Any]:
    """Of one row that ended well."""
    rate = meter.steps * micro * MICROS * case.length / meter.seconds
    on_gpu = bench.device.type == "cuda"
    peak = peak_flops(torch.cuda.get_device_name(bench.device)) if on_gpu else None
    return {
        "micro": micro,
        "steps": meter.steps,
        "step_seconds": round(meter.seconds / meter.steps, 4),
        "tokens_per_second": round(rate),
        "mfu": peak and round(rate * bench.shape(case).flops(case.length) / peak, 4),
        "peak_gb": round(meter.peak, 1),
        "loss": round(meter.loss, 4),
        "first_step_seconds": round(meter.first, 1),
    }


def out_of_memory(error: BaseException | None) -> bool:
    """Whether that is why, or why the error behind it."""
    while error is not None and not isinstance(error, torch.OutOfMemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def forget() -> None:
    """Models, what was compiled for them, and the memory of both."""
    if torch.cuda.is_available():
        torch.compiler.reset()
    gc.collect()
    torch.cuda.empty_cache()


def cases(models: list[str], lengths: list[int]) -> Iterator[Case]:
    """The most important first; of olmo3-like our side and the Trainer's alone."""
    wanted = set(product(models, lengths))
    whole = "whole"
    first = [
        Case(OURS, "olmo-1b", 2048, False, whole),
        Case(PLAIN, "olmo-1b", 2048, False, whole),
        Case(OURS, "olmo-1b", 2048, True, whole),
        Case(OURS, "olmo-1b", 2048, False, ""),
        Case(TRAINER, "olmo-1b", 2048, False, ""),
        Case(OURS, "olmo-1b", 4096, False, whole),
        Case(OURS, "olmo-1b", 4096, True, whole),
        Case(OURS, "olmo3-like", 4096, False, whole),
        Case(OURS, "olmo-150m", 2048, False, whole),
        Case(PLAIN, "olmo-150m", 2048, False, whole),
        Case(OURS, "olmo-300m", 2048, False, whole),
        Case(PLAIN, "olmo-300m", 2048, False, whole),
        Case(OURS, "olmo-1b", 2048, False, "layers"),
        Case(OURS, "olmo-1b", 2048, True, ""),
        Case(OURS, "olmo3-like", 4096, True, whole),
        Case(OURS, "olmo-150m", 2048, True, whole),
        Case(OURS, "olmo-300m", 2048, True, whole),
        Case(PLAIN, "olmo-1b", 4096, False, whole),
    ]
    rest = [
        Case(side, model, length, documents, compiled)
        for side, documents, compiled in (
            (OURS, False, ""),
            (TRAINER, False, ""),
            (OURS, False, whole),
            (OURS, True, whole),
            (PLAIN, False, whole),
            (OURS, True, ""),
            (PLAIN, False, ""),
            (TRAINER, False, whole),
            (OURS, False, "layers"),
        )
        for model, length in product(models, lengths)
        if not (side == PLAIN and "sliding_window" in MODELS[model])
    ]
    return (case for case in dict.fromkeys([*first, *rest]) if (case.model, case.length) in wanted)


def tiny_cases() -> list[Case]:
    """Every side once, without compiling."""
    kinds = [(OURS, "tiny", False), (OURS, "tiny3", True), (PLAIN, "tiny", False)]
    kinds.append((TRAINER, "tiny", False))
    return [Case(side, model, 64, documents, "") for side, model, documents in kinds]


def in_time(bench: Bench, given: list[Case], minutes: float) -> Iterator[dict[str, Any]]:
    """Rows, as they come, while one more like the longest of its kind so far would still fit."""
    ends = time.monotonic() + 60 * minutes
    longest: dict[bool, float] = {}
    for case in given:
        started, compiles = time.monotonic(), bool(case.compiled)
        if started + longest.get(compiles, GUESSED[compiles]) > ends and not bench.tiny:
            yield {**case._asdict(), "refused": "no time left: --minutes"}
            continue
        yield measured(bench, case)
        longest[compiles] = max(longest.get(compiles, 0.0), time.monotonic() - started)


def told(rows: list[dict[str, Any]]) -> str:
    """The table, and what self-tests said of flex_attention."""
    head = ("model", "length", "", "documents", "compiled", "micro-batch", "tokens/s", "MFU")
    head += ("step s", "peak GB", "waits for data", "loss", "first step s", "")
    lines = []
    for row in rows:
        line = [row["model"], f"{row['length']:,}", row["side"]]
        line += ["masked" if row["documents"] else "", row["compiled"]]
        if "refused" in row:
            lines.append([*line, *[""] * 8, f"not measured: {row['refused']}".replace("|", "/")])
            continue
        line += [str(row["micro"]), f"{row['tokens_per_second']:,}"]
        line += [f"{row['mfu']:.1%}" if row["mfu"] else "", f"{row['step_seconds']:.3f}"]
        line += [f"{row['peak_gb']:.1f}", f"{row['waiting']:.2%}" if "waiting" in row else ""]
        lines.append([*line, f"{row['loss']:.4f}", f"{row['first_step_seconds']:.0f}", ""])
    said = dict.fromkeys(
        f"- {row['model']}: {row['attention']}" for row in rows if "attention" in row
    )
    return "\n".join([f"### training on one GPU ({GOALS})\n", table(head, lines), "", *said])


def machine(device: torch.device) -> str:
    """The device and the versions that matter."""
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else platform.machine()
    memory = torch.cuda.get_device_properties(device).total_memory / 1e9 if on_gpu else 0
    below = f"ROCm {torch.version.hip}" if torch.version.hip else f"CUDA {torch.version.cuda}"
    return (
        f"Machine: {name}, {memory:.0f} GB, torch {torch.__version__}, {below}, Python"
        f" {platform.python_version()}."
    )


@click.command()
@click.option("--models", default=",".join(list(MODELS)[:4]), show_default=True)
@click.option("--lengths", default=",".join(map(str, LENGTHS)), show_default=True)
@click.option("--only", type=click.Choice(list(SIDES)), help="Only this side.")
@click.option("--seconds", default=6.0, show_default=True, help="Of a row, behind the warm-up.")
@click.option("--minutes", default=8.5, show_default=True, help="Of all rows.")
@click.option("--tiny", is_flag=True, help="Every side for three steps, without compiling.")
def main(
    models: str, lengths: str, only: str | None, seconds: float, minutes: float, tiny: bool
) -> None:
    """Measure training on the first GPU."""
    if not (tiny or torch.cuda.is_available()):
        raise click.ClickException(
            "torch finds no GPU (--tiny runs on a CPU, and measures nothing)"
        )
    asked = models.split(",")
    if unknown := set(asked) - set(MODELS):
        raise click.ClickException(f"unknown models {sorted(unknown)}: {', '.join(MODELS)}")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    given = tiny_cases() if tiny else list(cases(asked, [int(n) for n in lengths.split(",")]))
    given = [case for case in given if only in (None, case.side)]
    print(json.dumps({"machine": machine(device)}), flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-gpu-") as scratch:
        bench = Bench(device, Path(scratch), 0.0 if tiny else seconds, tiny)
        write_tokens(bench)
        for row in in_time(bench, given, minutes):
            print(json.dumps(row), flush=True)
            rows.append(row)
    print(f"\n{machine(device)}\n\n{told(rows)}")
    sys.exit(any("refused" in row for row in rows) and tiny)


def write_tokens(bench: Bench) -> None:
    """Arrays that no row reads to the end, so that all its batches have one size."""
    folder, tokens = bench.scratch / "tokens", TINY_TOKENS if bench.tiny else TOKENS
    vocabulary = 500 if bench.tiny else 50_280
    write_made_up(folder, tokens, length=max(LENGTHS), shards=1, vocabulary=vocabulary)


if __name__ == "__main__":
    main()
