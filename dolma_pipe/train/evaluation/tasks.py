"""Zero-shot multiple choice: the answer that the model finds likeliest, as OLMo's in-loop
evaluation has it."""

import math
from typing import Any

import msgspec
import numpy as np
from torch import nn

from dolma_pipe.errors import TrainError
from dolma_pipe.train.data import IGNORED
from dolma_pipe.train.evaluation.requests import Metric, Task
from dolma_pipe.train.evaluation.scoring import (
    BATCH_TOKENS,
    F64,
    I64,
    log_likelihoods,
)
from dolma_pipe.train.parallel import World


class TaskScore(msgspec.Struct, frozen=True, kw_only=True):
    """acc: share of questions whose likeliest answer is right. len_norm: whose likeliest per
    character is, the space before it counted. bits_per_byte: of the right answers, the mean over
    questions. metric: which of them this task is measured by. chance: what guessing gets.
    """

    metric: Metric
    acc: float
    len_norm: float
    bits_per_byte: float
    chance: float
    questions: int

    @property
    def score(self) -> float:
        """By the task's own metric."""
        return self.acc if self.metric == "acc" else self.len_norm


class EncodedTask:
    """Every answer as a sequence: its question before it, and only its own tokens as labels.

    Question and answer are encoded apart, so that an answer is the same tokens everywhere. What is
    longer than `length` loses its beginning.
    """

    def __init__(self, task: Task, tokenizer: Any, length: int, eos_id: int, ids: int) -> None:
        """tokenizer: of `tokenizers`. eos_id: before an answer that has no question. ids: what the
        model knows; TrainError where the tokenizer has others."""
        self.task = task
        self._length = length
        answers = [answer for question in task.questions for answer in question.answers]
        contexts = _encoded(tokenizer, [answer.context for answer in answers])
        wordings = _encoded(tokenizer, [answer.continuation for answer in answers])
        begin = _begin(tokenizer)
        self._pairs = [
            (begin + contexts[answer.context] or [eos_id], wordings[answer.continuation])
            for answer in answers
        ]
        for answer in answers:
            if not wordings[answer.continuation]:
                told = f"the answer {answer.continuation!r} gives no tokens"
                raise TrainError(f"task {task.name}: {told}")
        sizes = [len(context) + len(wording) - 1 for context, wording in self._pairs]
        self.lengths: I64 = np.minimum(np.array(sizes, np.int64), length)
        highest = max((max(context + wording) for context, wording in self._pairs), default=0)
        if highest >= ids:
            told = f"the tokenizer gives id {highest}, the model has {ids}"
            raise TrainError(f"task {task.name}: {told}: another tokenizer")

    def __getitem__(self, number: int) -> tuple[I64, I64]:
        context, wording = self._pairs[number]
        inputs = np.array((context + wording)[:-1], np.int64)
        labels = np.array([IGNORED] * (len(context) - 1) + wording, np.int64)
        return inputs[-self._length :], labels[-self._length :]


def task_score(
    model: nn.Module,
    encoded: EncodedTask,
    world: World,
    *,
    batch_tokens: int = BATCH_TOKENS,
    told: str | None = None,
) -> TaskScore:
    """Score every answer once."""
    scores = log_likelihoods(model, encoded, world, batch_tokens=batch_tokens, told=told)
    return scored(encoded.task, scores)


def scored(task: Task, log_likelihoods: F64) -> TaskScore:
    """log_likelihoods: float64[answers], nats, in the order of questions and their answers."""
    right = np.zeros(2)
    bits = chance = 0.0
    start = 0
    for question in task.questions:
        texts = [answer.continuation for answer in question.answers]
        nats = log_likelihoods[start : start + len(texts)]
        start += len(texts)
        by_length = nats / [max(1, len(text)) for text in texts]
        right += nats.argmax() == question.gold, by_length.argmax() == question.gold
        gold_bytes = max(1, len(texts[question.gold].encode()))
        bits -= nats[question.gold] / math.log(2) / gold_bytes
        chance += 1 / len(texts)
    count = len(task.questions)
    acc, len_norm = (right / count).tolist()
    return TaskScore(
        metric=task.metric,
        acc=acc,
        len_norm=len_norm,
        bits_per_byte=float(bits) / count,
        chance=chance / count,
        questions=count,
    )


def _encoded(tokenizer: Any, texts: list[str]) -> dict[str, list[int]]:
    """Ids of each text; answers share their questions."""
    unique = list(dict.fromkeys(texts))
    found = tokenizer.encode_batch(unique, add_special_tokens=False)
    return {text: list(encoding.ids) for text, encoding in zip(unique, found, strict=True)}


def _begin(tokenizer: Any) -> list[int]:
    """What the tokenizer itself puts before a text: a BOS of Llama's, nothing of OLMo's."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    at = next((i for i in range(len(whole)) if whole[i : i + len(plain)] == plain), 0)
    return list(whole[:at])
