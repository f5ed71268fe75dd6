"""Small fastText model files with random weights: every loss, quantised or not, pruned or not."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.slow.fasttext import SOFTMAX

WORDS = ("</s>", "the", "of", "and", "été", "数据", "a", "ok", "ตัวอักษร", "#tag", "__label__not")
LABELS = ("en", "fr", "zh", "de", "th")


@dataclass
class ModelFile:
    """What to write. quantised: the input; kept: n-grams that pruning left, None for all."""

    loss: int = SOFTMAX
    dim: int = 10
    minn: int = 2
    maxn: int = 4
    word_ngrams: int = 1
    bucket: int = 97
    words: tuple[str, ...] = WORDS
    labels: tuple[str, ...] = LABELS
    quantised: bool = False
    quantised_output: bool = False
    qnorm: bool = False
    dsub: int = 3
    kept: int | None = None
    version: int = 12
    model: int = 3
    seed: int = 1
    out: bytearray = field(default_factory=bytearray)

    def write(self, path: Path) -> Path:
        self.out = bytearray()
        self.random = np.random.default_rng(self.seed)
        self.put("ii", 793712314, self.version)
        self.put("8i", self.dim, 5, 5, 1, 5, self.word_ngrams, self.loss, self.model)
        self.put("4id", self.bucket, self.minn, self.maxn, 100, 1e-4)
        pruned = -1 if self.kept is None else self.kept
        self.put(
            "3iqq",
            len(self.words) + len(self.labels),
            len(self.words),
            len(self.labels),
            1000,
            pruned,
        )
        for i, word in enumerate(self.words):
            self.entry(word, 100 - i, 0)
        for i, label in enumerate(self.labels):
            self.entry("__label__" + label, 90 // (i + 1), 1)
        for row, bucket in enumerate(self.random.permutation(self.bucket)[: max(0, pruned)]):
            self.put("ii", bucket, row)
        self.put("?", self.quantised)
        self.matrix(len(self.words) + (self.bucket if pruned < 0 else pruned), self.quantised)
        self.put("?", self.quantised_output)
        self.matrix(len(self.labels), self.quantised_output)
        path.write_bytes(self.out)
        return path

    def put(self, letters: str, *values: object) -> None:
        self.out += struct.pack("<" + letters, *values)

    def entry(self, word: str, count: int, kind: int) -> None:
        self.out += word.encode() + b"\0"
        self.put("qb", count, kind)

    def matrix(self, rows: int, quantised: bool) -> None:
        if not quantised:
            self.put("qq", rows, self.dim)
            self.out += self.random.normal(0, 2, (rows, self.dim)).astype(np.float32).tobytes()
            return
        stretches = -(-self.dim // self.dsub)
        self.put("?qqi", self.qnorm, rows, self.dim, rows * stretches)
        self.out += self.random.integers(0, 256, rows * stretches, np.uint8).tobytes()
        last = self.dim - (stretches - 1) * self.dsub
        self.put("4i", self.dim, stretches, self.dsub, last)
        self.out += self.random.normal(0, 2, 256 * self.dim).astype(np.float32).tobytes()
        if self.qnorm:
            self.out += self.random.integers(0, 256, rows, np.uint8).tobytes()
            self.put("4i", 1, 1, 1, 1)
            self.out += self.random.uniform(0.2, 2, 256).astype(np.float32).tobytes()
