"""Tiny models of both sorts, with random weights: no download, no torch for the static one."""

import json
from pathlib import Path

import numpy as np

from dolma_pipe.embeddings.static import write_static

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?-'中你好é한"
WORDS = ["the", "cat", "dog", "sat", "mat", "run", "tree", "blue", "house", "river"]


def vocabulary() -> list[str]:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return tokens + list(LETTERS) + [f"##{letter}" for letter in LETTERS]


def tokenizer_json() -> bytes:
    """WordPiece with BERT's normaliser, a few words and all letters."""
    tokens = vocabulary()
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [
        {"id": i, "content": token, "special": True, **flags} for i, token in enumerate(tokens[:5])
    ]
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    }
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {token: i for i, token in enumerate(tokens)},
    }
    parts = {
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": model,
    }
    return json.dumps({"version": "1.0", **parts}).encode()


def write_tiny_static(folder: Path, dimensions: int = 12) -> str:
    """The path of a static model of random vectors."""
    vectors = np.random.default_rng(7).standard_normal((len(vocabulary()), dimensions))
    folder.mkdir(parents=True, exist_ok=True)
    write_static(folder / "tiny.npz", vectors, tokenizer_json())
    return str(folder / "tiny.npz")


def write_tiny_bert(folder: Path, width: int = 16, positions: int = 32) -> str:
    """A folder with a BERT of two layers and two heads."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(bert_weights(width, positions), folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes(tokenizer_json())
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 2, "other": 1}))
    return str(folder)


def bert_weights(width: int, positions: int, layers: int = 2) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(11)
    shapes = {
        "embeddings.word_embeddings.weight": (len(vocabulary()), width),
        "embeddings.position_embeddings.weight": (positions, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for layer in (f"encoder.layer.{i}" for i in range(layers)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{layer}.attention.{part}.weight"] = (width, width)
            shapes[f"{layer}.attention.{part}.bias"] = (width,)
        shapes[f"{layer}.intermediate.dense.weight"] = (4 * width, width)
        shapes[f"{layer}.intermediate.dense.bias"] = (4 * width,)
        shapes[f"{layer}.output.dense.weight"] = (width, 4 * width)
        shapes[f"{layer}.output.dense.bias"] = (width,)
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{layer}.{norm}.weight"] = (width,)
            shapes[f"{layer}.{norm}.bias"] = (width,)
    return {
        name: chance.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }
