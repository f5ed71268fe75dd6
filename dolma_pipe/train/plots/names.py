"""Names of evaluations to panels and labels; names from outside to what a picture can show."""

import re
from typing import NamedTuple

ACCURACIES = ("acc", "len_norm", "pmi_dc", "f1")
TASKS = "eval/downstream/"
AVERAGES = {"macro_average": "macro average", "micro_average": "micro average"}
CHANCE = {
    "arc": 1 / 4,
    "boolq": 1 / 2,
    "commonsense": 1 / 5,
    "copa": 1 / 2,
    "csqa": 1 / 5,
    "hellaswag": 1 / 4,
    "mmlu": 1 / 4,
    "openbook": 1 / 4,
    "piqa": 1 / 2,
    "sciq": 1 / 4,
    "social": 1 / 3,
    "winogrande": 1 / 2,
}
"""First letters of a task's name -> the accuracy of guessing."""
TITLES = {
    "bits_per_byte": "Held-out text: bits per byte",
    "CrossEntropyLoss": "Held-out text: cross entropy, nats a token",
    "Perplexity": "Held-out text: perplexity",
    "accuracy": "Zero-shot tasks: accuracy",
    "tasks bpb": "Zero-shot tasks: bits per byte of the right answers",
}


class Place(NamedTuple):
    """Where a curve of evaluations belongs. chance: of guessing, where known."""

    panel: str
    label: str
    chance: float | None = None


def place_of(name: str) -> Place:
    """eval/web/bits_per_byte, eval/downstream/piqa_acc, or another name."""
    if not name.startswith(TASKS):
        source, _, metric = name.removeprefix("eval/").rpartition("/")
        return Place(TITLES.get(metric, f"Evaluation: {metric}"), AVERAGES.get(source, source))
    task = name.removeprefix(TASKS)
    for metric in ACCURACIES:
        if task.endswith(f"_{metric}"):
            short = task.removesuffix(f"_{metric}")
            chance = next((c for begin, c in CHANCE.items() if short.startswith(begin)), None)
            return Place(TITLES["accuracy"], short, chance)
    short, _, metric = task.rpartition("_")
    title = f"tasks {metric}"
    return Place(TITLES.get(title, f"Zero-shot {title}"), short)


def shown(name: str, longest: int = 26) -> str:
    """A name from outside, without what cannot be drawn, cut in the middle where it is long.

    It never begins with _, which matplotlib takes for a curve without a name.
    """
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[len(text) - longest // 2 + 1 :]}"
    return re.sub(r"^(_|$)", r" \1", text)
