"""Distil a static model from a transformer: a vector a token of the vocabulary.

Source: Tulkens and van Dongen 2024, model2vec. Each token goes through the transformer alone; the
vectors are reduced by principal components, and weighted by how rare the token is: a / (a + p), a =
1e-4 (Arora et al. 2017), with p from Zipf's law over the vocabulary, which is sorted by frequency.
"""

import re
from pathlib import Path

import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.embeddings import load_bert, model_assets
from dolma_pipe.embeddings.static import write_static
from dolma_pipe.embeddings.word_pieces import WordPieces
from dolma_pipe.errors import UserError
from dolma_pipe.kernels.jit import F64

SIF = 1e-4
BATCH = 256
_SPECIAL = re.compile(r"\[[A-Za-z]+\d*\]")


def distill(model: str, out: Path, dimensions: int = 256, device: str = "auto") -> tuple[int, int]:
    """Write a static model made from a transformer; returns its tokens and dimensions."""
    assets = model_assets(model)
    if len(assets) == 1:
        raise UserError(f"model {model} is static already: distil a transformer, as minilm is")
    bert = load_bert(assets, device)
    tokenizer = asset_path(assets[1]).read_bytes()
    pieces = WordPieces(tokenizer, str(assets[1]))
    ordinary = np.array([i for i, t in enumerate(pieces.spelling) if not _SPECIAL.fullmatch(t)])
    embedded = np.zeros((len(ordinary), bert.dimensions))
    for first in range(0, len(ordinary), BATCH):
        some = ordinary[first : first + BATCH]
        batch = np.stack(
            [np.full(len(some), pieces.start), some, np.full(len(some), pieces.end)], axis=1
        )
        embedded[first : first + BATCH] = bert.embed(batch, np.full(len(some), 3))
    vectors = np.zeros((len(pieces.spelling), min(dimensions, bert.dimensions)))
    vectors[ordinary] = principal_components(embedded, vectors.shape[1])
    vectors[ordinary] *= rarity(len(ordinary))[:, None]
    write_static(out, vectors, tokenizer)
    return vectors.shape


def principal_components(vectors: F64, dimensions: int) -> F64:
    """float64[n, dimensions]: centred, turned so that the first columns vary most."""
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :dimensions]
    largest = np.abs(chosen).argmax(axis=0)
    reduced: F64 = centred @ (chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])]))
    return reduced


def rarity(tokens: int) -> F64:
    """float64[tokens]: the weight of each token, the most frequent first."""
    shares = 1.0 / np.arange(2, tokens + 2)
    shares /= shares.sum()
    weights: F64 = SIF / (SIF + shares)
    return weights
