"""Everything that evaluation.held_out and evaluation.tasks ask for, measured on a model."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from torch import nn

from dolma_pipe.errors import TrainError
from dolma_pipe.tokens import TokenizerStamp
from dolma_pipe.train.config import EvaluationSettings
from dolma_pipe.train.evaluation.held_out import HeldOut
from dolma_pipe.train.evaluation.perplexity import Fits, chance_fits, perplexity
from dolma_pipe.train.evaluation.requests import chosen_tasks, read_task
from dolma_pipe.train.evaluation.scoring import BATCH_TOKENS
from dolma_pipe.train.evaluation.tasks import EncodedTask, TaskScore, task_score
from dolma_pipe.train.evaluation.tokenizer import load_tokenizer, tokenizer_file
from dolma_pipe.train.parallel import World


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; held_out is None where no arrays were given."""

    held_out: Fits | None
    tasks: dict[str, TaskScore]

    def metrics(self) -> dict[str, float]:
        """By OLMo's names, for metrics.jsonl."""
        return dict(_metrics(self))


class Evaluator:
    """Reads, checks and encodes once; then measures a model as often as wanted.

    notes: a line for each task that `all` would name, and that is not installed.
    """

    def __init__(
        self,
        settings: EvaluationSettings,
        *,
        length: int,
        vocab_size: int,
        eos_id: int,
        stamp: TokenizerStamp | None,
        near: Iterable[Path] = (),
        batch_tokens: int = BATCH_TOKENS,
        max_questions: int | None = None,
        progress: bool = False,
    ) -> None:
        """length: of a window, the model's context at most. vocab_size: ids that the model knows.
        stamp: the tokenizer that it was trained with, if that is known. near: folders (or files)
        where its tokenizer.json may be. progress: bars on a terminal.

        Raises TokensError and TrainError: damaged arrays, another tokenizer, no such task.
        """
        self._batch_tokens, self._progress = batch_tokens, progress
        given = [settings.held_out] if isinstance(settings.held_out, str) else settings.held_out
        folders = [Path(folder) for folder in given]
        self.held_out = HeldOut(folders, length, settings.max_documents) if folders else None
        for arrays in self.held_out.arrays if self.held_out else ():
            manifest = arrays.manifest
            if stamp is not None and manifest.tokenizer.sha256 != stamp.sha256:
                told = f"tokenizer {manifest.tokenizer.name}, the model's is {stamp.name}"
                raise TrainError(f"{arrays.name}: made by {told} (another sha256)")
            if manifest.vocab_size > vocab_size:
                told = f"{manifest.vocab_size:,} ids, the model knows {vocab_size:,}"
                raise TrainError(f"{arrays.name}: {told}: another tokenizer")
        names, self.notes = chosen_tasks(settings.tasks)
        tasks = [read_task(name, max_questions) for name in names]
        self.tasks: list[EncodedTask] = []
        if tasks:
            file = Path(settings.tokenizer) if settings.tokenizer else None
            tokenizer = load_tokenizer(tokenizer_file(file, stamp, near))
            self.tasks = [EncodedTask(t, tokenizer, length, eos_id, vocab_size) for t in tasks]

    def measure(self, model: nn.Module, world: World) -> Evaluation:
        """On all processes together; each must call it and gets the same.

        Precision is the caller's: under autocast the model computes in bf16, softmax in fp32.
        """
        size, fits = self._batch_tokens, None
        if self.held_out is not None:
            told = "held-out" if self._progress else None
            fits = perplexity(model, self.held_out, world, batch_tokens=size, told=told)
        scores = {}
        for encoded in self.tasks:
            name = encoded.task.name
            told = name if self._progress else None
            scores[name] = task_score(model, encoded, world, batch_tokens=size, told=told)
        return Evaluation(held_out=fits, tasks=scores)

    def chance(self) -> Fits | None:
        """What a model gets to which all tokens of the arrays' vocabulary are alike."""
        if self.held_out is None:
            return None
        sizes = [arrays.manifest.vocab_size for arrays in self.held_out.arrays]
        return chance_fits(self.held_out, max(sizes))

    def run(self, model: nn.Module, world: World) -> dict[str, float]:
        """measure, by OLMo's names."""
        return self.measure(model, world).metrics()


def _metrics(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    if found := evaluation.held_out:
        averages = {"macro_average": found.macro, "micro_average": found.micro}
        for name, fit in {**found.sources, **averages}.items():
            yield f"eval/{name}/CrossEntropyLoss", fit.loss
            yield f"eval/{name}/Perplexity", fit.perplexity
            yield f"eval/{name}/bits_per_byte", fit.bits_per_byte
    for name, score in evaluation.tasks.items():
        yield f"eval/downstream/{name}_{score.metric}", score.score
        yield f"eval/downstream/{name}_bpb", score.bits_per_byte
