"""Embedding models by name: what they need, and how they are loaded."""

import difflib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dolma_pipe.assets import asset_hash, asset_path
from dolma_pipe.embeddings.base import Embedder
from dolma_pipe.embeddings.static import StaticEmbedder, read_static
from dolma_pipe.embeddings.transformer import TransformerEmbedder
from dolma_pipe.embeddings.word_pieces import WordPieces
from dolma_pipe.errors import AssetError, MissingExtra
from dolma_pipe.manifest import fingerprint

if TYPE_CHECKING:
    from dolma_pipe.embeddings.bert import Bert

__all__ = [
    "Embedder",
    "check_model",
    "embedding_fingerprint",
    "load_bert",
    "load_embedder",
    "model_assets",
]

NAMED = {"minilm": ("minilm", "minilm-tokenizer"), "static": ("static",)}
"""The assets of each named model."""

FOLDER = ("model.safetensors", "tokenizer.json", "config.json")
"""What a folder with a BERT model has."""

MINILM_HEADS = 12


class _Config(msgspec.Struct):
    num_attention_heads: int


def model_assets(model: str) -> tuple[str, ...]:
    """Names or paths of the assets of a model: minilm, static, a static model's file, or a folder
    with a BERT model whose last layer is averaged. Raises AssetError.
    """
    if model in NAMED:
        return NAMED[model]
    path = Path(model).expanduser()
    if path.is_dir():
        return tuple(str(path / name) for name in FOLDER)
    if path.is_file():
        return (str(path),)
    near = difflib.get_close_matches(model, NAMED, n=1)
    hint = f"did you mean {near[0]}?" if near else f"named models: {', '.join(NAMED)}"
    raise AssetError(f"there is no embedding model or file {model!r} ({hint})")


def check_model(model: str) -> None:
    """Raise AssetError where a model that is there cannot be used, MissingExtra without torch."""
    assets = model_assets(model)
    if len(assets) == 1:
        read_static(asset_path(assets[0]))
    else:
        _require_torch()


def load_embedder(
    model: str, device: str = "auto", *, chunk: int = 256, chunks: int = 8
) -> Embedder:
    """The embedder of a model; kept, as a worker embeds many shards with one.

    device (auto, cpu, cuda), chunk (tokens) and chunks (most of a document) are for transformers: a
    static model takes every token, on the CPU. Raises AssetError, MissingExtra, RecipeError.
    """
    return _load(model, embedding_fingerprint(model, chunk, chunks), device, chunk, chunks)


def embedding_fingerprint(model: str, chunk: int = 256, chunks: int = 8) -> str:
    """Changes with the model and with every setting that its vectors depend on."""
    hashes = [asset_hash(name) for name in model_assets(model)]
    return fingerprint(hashes) if len(hashes) == 1 else fingerprint(hashes, chunk, chunks)


@lru_cache(maxsize=2)
def _load(model: str, made_of: str, device: str, chunk: int, chunks: int) -> Embedder:
    assets = model_assets(model)
    paths = [asset_path(name) for name in assets]
    if len(paths) == 1:
        return StaticEmbedder(paths[0], model, made_of)
    bert = load_bert(assets, device)
    pieces = WordPieces(paths[1].read_bytes(), str(paths[1]))
    return TransformerEmbedder(bert, pieces, model, made_of, chunk, chunks)


def load_bert(assets: tuple[str, ...], device: str) -> "Bert":
    """The network of a transformer, of whose assets the first is the weights."""
    _require_torch()
    from dolma_pipe.embeddings.bert import Bert

    paths = [asset_path(name) for name in assets]
    heads = _heads(paths[2]) if len(paths) > 2 else MINILM_HEADS
    return Bert(paths[0].read_bytes(), str(paths[0]), heads, device)


def _heads(config: Path) -> int:
    try:
        return msgspec.json.decode(config.read_bytes(), type=_Config).num_attention_heads
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise AssetError(f"{config} is not the configuration of a BERT model: {error}") from error


def _require_torch() -> None:
    for package in ("torch", "safetensors"):
        if find_spec(package) is None:
            raise MissingExtra("semantic", package)
