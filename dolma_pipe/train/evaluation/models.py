"""What `evaluate` can measure: a checkpoint of ours, the latest of a run, or any causal language
model in a Hugging Face directory."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch
from torch import nn

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import one_line
from dolma_pipe.tokens import TOKENIZER, TokenizerStamp
from dolma_pipe.train.meta import META, checkpoint_folders, read_meta
from dolma_pipe.train.model.presets import read_shape
from dolma_pipe.train.model.shape import ARCHITECTURES, ModelShape
from dolma_pipe.train.model.transformer import Model
from dolma_pipe.train.tuning.weights import load_model_weights

CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
"""What config.json calls the tokens of a window, by family."""
OF_MOST = 2048


class FoundModel(NamedTuple):
    """A model on disk. shape: None where transformers has to run it. context: tokens a window.
    vocab_size: ids that it knows. stamp: the tokenizer of its training, if it is recorded.
    """

    name: str
    folder: Path
    shape: ModelShape | None
    context: int
    vocab_size: int
    stamp: TokenizerStamp | None

    @property
    def tokenizer(self) -> Path | None:
        """Its tokenizer.json, if there is one."""
        path = self.folder / TOKENIZER
        return path if path.is_file() else None


class Transformers(nn.Module):
    """A model of transformers behind the interface of ours."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: int64[B, S]; returns logits [B, S, rows]."""
        logits: torch.Tensor = self.model(input_ids=ids, use_cache=False).logits
        return logits


def find_models(given: list[Path]) -> list[FoundModel]:
    """One for each path, names made unique. Raises TrainError where there is none."""
    given = list(dict.fromkeys(given))
    found = [_found(path) for path in given]
    names = [model.name for model in found]
    return [
        model if names.count(model.name) == 1 else model._replace(name=str(path))
        for model, path in zip(found, given, strict=True)
    ]


def load_model(found: FoundModel, device: torch.device) -> nn.Module:
    """Raises TrainError where the weights are damaged, or transformers is not there to run them."""
    if found.shape is not None:
        model = Model(found.shape).to(device)
        load_model_weights(model, found.folder)
        return model.eval()
    return Transformers(_from_transformers(found.folder)).to(device).eval()


def _found(path: Path) -> FoundModel:
    checkpoints = checkpoint_folders(path) if path.is_dir() else []
    folder = checkpoints[-1] if checkpoints else path
    ours = (folder / META).is_file()
    config = _config(folder)
    name = f"{folder.resolve().parent.name}/{folder.name}" if ours else folder.resolve().name
    shape = read_shape(folder) if str(config["model_type"]) in ARCHITECTURES else None
    if shape is not None:
        context, vocab_size = shape.context, shape.vocab_size
    else:
        sizes = config | (config.get("text_config") or {})
        context = next((int(sizes[key]) for key in CONTEXT if sizes.get(key)), OF_MOST)
        vocab_size = int(sizes.get("vocab_size") or 0)
    stamp = read_meta(folder).tokenizer if ours else None
    return FoundModel(name, folder, shape, context, vocab_size, stamp)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError:
        told = "no checkpoint, no run with one, no Hugging Face directory"
        raise TrainError(f"{folder} is no model: {told}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path}: {one_line(error)}") from None
    if "model_type" not in config:  # the settings of a run that has no checkpoint yet
        raise TrainError(f"{folder} is no model: its config.json names no model_type")
    return config


def _from_transformers(folder: Path) -> nn.Module:
    try:
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        told = "no OLMo: transformers would run it, and is not installed (pip install transformers)"
        raise TrainError(f"{folder} is {told}") from None
    disable_progress_bar()
    try:
        model: nn.Module = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            dtype=torch.float32,
            use_safetensors=True,  # never a pickle
            trust_remote_code=False,  # nor modules that lie beside the weights
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise TrainError(f"{folder}: transformers cannot load it: {one_line(error)}") from None
    return model
