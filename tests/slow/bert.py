"""BERT by the book, in float64 numpy: one text at a time, one head at a time."""

from math import erf

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


def norm(x: F64, weight: F64, bias: F64) -> F64:
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    result: F64 = (x - mean) / np.sqrt(variance + 1e-12) * weight + bias
    return result


def gelu(x: F64) -> F64:
    result: F64 = 0.5 * x * (1.0 + np.vectorize(erf)(x / np.sqrt(2.0)))
    return result


def mean_of_last_layer(weights: dict[str, F64], tokens: list[int], heads: int) -> F64:
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def linear(x: F64, name: str) -> F64:
        result: F64 = x @ w[f"{name}.weight"].T + w[f"{name}.bias"]
        return result

    def normed(x: F64, name: str) -> F64:
        return norm(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = w["embeddings.word_embeddings.weight"][tokens]
    x = x + w["embeddings.position_embeddings.weight"][: len(tokens)]
    x = normed(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    layer = 0
    while f"encoder.layer.{layer}.output.dense.weight" in w:
        name = f"encoder.layer.{layer}"
        q, k, v = (linear(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        size = x.shape[1] // heads
        seen = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / np.sqrt(size)
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            seen.append(shares / shares.sum(axis=1, keepdims=True) @ v[:, part])
        attended = linear(np.concatenate(seen, axis=1), f"{name}.attention.output.dense")
        x = normed(x + attended, f"{name}.attention.output.LayerNorm")
        inner = gelu(linear(x, f"{name}.intermediate.dense"))
        x = normed(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        layer += 1
    result: F64 = x.mean(axis=0)
    return result
