"""Several models on the same text and the same questions."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

import msgspec
import torch

from dolma_pipe.errors import TrainError
from dolma_pipe.tokens import Manifest, TokenArrays
from dolma_pipe.train.config import EvaluationSettings
from dolma_pipe.train.evaluation.evaluator import Evaluation, Evaluator
from dolma_pipe.train.evaluation.held_out import held_out_folder
from dolma_pipe.train.evaluation.models import OF_MOST, FoundModel, find_models, load_model
from dolma_pipe.train.evaluation.perplexity import Fits
from dolma_pipe.train.evaluation.scoring import BATCH_TOKENS
from dolma_pipe.train.evaluation.tokenizer import ids_of, sha256_of
from dolma_pipe.train.parallel import World

Precision = Literal["fp32", "bf16"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """length: tokens of a window, of all models the same. chance: the held-out text by a model to
    which all tokens are alike. notes: what could not be checked."""

    length: int
    chance: Fits | None
    models: dict[str, Evaluation]
    notes: list[str]


def compare(
    given: list[Path],
    settings: EvaluationSettings,
    world: World,
    *,
    length: int | None = None,
    precision: Precision | None = None,
    batch_tokens: int = BATCH_TOKENS,
    max_questions: int | None = None,
    named: Callable[[str], Path | None] = lambda _: None,
) -> Comparison:
    """Measure one model after the other.

    length: by default the smallest context of them, 2048 at most (Paloma's). precision: of matrix
    products; by default bf16 on a GPU. named: where the tokenizer of a name lies.

    Raises TrainError: no model, another tokenizer, nothing to evaluate on.
    """
    if not settings.held_out and not settings.tasks:
        raise TrainError("nothing to evaluate on: name held-out arrays or tasks")
    models = find_models(given)
    length = length or min(OF_MOST, *(model.context for model in models))
    for model in models:
        if model.context < length:
            raise TrainError(f"{model.name}: its context is {model.context}, not {length}")
    manifests = _manifests(settings)
    notes = [note for model in models for note in _notes(model, manifests)]
    measured, chance = {}, None
    for model in models:
        evaluator = Evaluator(
            settings,
            length=length,
            vocab_size=model.vocab_size,
            eos_id=_eos_of(model, manifests),
            stamp=model.stamp,
            near=_near(model, named),
            batch_tokens=batch_tokens,
            max_questions=max_questions,
            progress=True,
        )
        chance = chance or evaluator.chance()
        loaded = load_model(model, world.device)
        try:
            with _computing(precision, world.device):
                measured[model.name] = evaluator.measure(loaded, world)
        except torch.OutOfMemoryError:
            told = f"out of memory with {batch_tokens:,} tokens at once: lower --batch-tokens"
            raise TrainError(f"{model.name}: {told}") from None
        del loaded  # before the next one is loaded
    notes += evaluator.notes
    return Comparison(length=length, chance=chance, models=measured, notes=notes)


def _manifests(settings: EvaluationSettings) -> list[Manifest]:
    given = [settings.held_out] if isinstance(settings.held_out, str) else settings.held_out
    return [TokenArrays(held_out_folder(Path(folder))).manifest for folder in given]


def _notes(model: FoundModel, manifests: list[Manifest]) -> Iterator[str]:
    """What a directory without the stamp of a training leaves open. Raises TrainError where its
    tokenizer is certainly another one."""
    for manifest in manifests if model.stamp is None else ():
        told, path = manifest.tokenizer.name, model.tokenizer
        if path is None:
            yield f"{model.name} has no tokenizer.json: taken to have that of the arrays ({told})"
        elif sha256_of(path) != manifest.tokenizer.sha256:
            if (ids := ids_of(path)) != manifest.vocab_size:
                other = f"{ids:,} ids, that of the arrays ({told}) {manifest.vocab_size:,}"
                raise TrainError(f"{path} has {other}: another tokenizer")
            yield (
                f"{path} is not the very file of the arrays ({told}), but has as many ids:"
                " taken to be the same"
            )


def _eos_of(model: FoundModel, manifests: list[Manifest]) -> int:
    """Only for answers that have no question."""
    if model.shape is not None and model.shape.eos_id is not None:
        return model.shape.eos_id
    return manifests[0].eos_id if manifests else 0


def _near(model: FoundModel, named: Callable[[str], Path | None]) -> Iterable[Path]:
    yield model.folder
    if model.stamp is not None and (path := named(model.stamp.name)):
        yield path


def _computing(precision: Precision | None, device: torch.device) -> AbstractContextManager[object]:
    chosen = precision or ("bf16" if device.type == "cuda" else "fp32")
    if chosen == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
