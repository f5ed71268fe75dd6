"""fastText's prediction, slow and obvious: its C++ (dictionary.cc, loss.cc, ...) retold."""

import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

EOS = b"</s>"
HS, NS, SOFTMAX, OVA = 1, 2, 3, 4
Rows = npt.NDArray[np.float32]


def fnv(data: bytes) -> int:
    """Dictionary::hash, bytes as signed chars."""
    h = 2166136261
    for byte in data:
        h ^= byte if byte < 128 else byte | 0xFFFFFF00
        h = h * 16777619 & 0xFFFFFFFF
    return h


class SlowModel:
    """One model file, read value by value."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            _, version = self._read(file, "ii")
            settings = self._read(file, "12i")
            self.dim, self.word_ngrams, self.loss = settings[0], settings[5], settings[6]
            self.bucket, self.minn, self.maxn = settings[8], settings[9], settings[10]
            if version == 11:
                self.maxn = 0
            self._read(file, "d")
            size, self.nwords, self.nlabels = self._read(file, "3i")
            _, self.prune_size = self._read(file, "qq")
            self.entries: list[tuple[bytes, int, int]] = []
            for _ in range(size):
                word = b""
                while (char := file.read(1)) != b"\0":
                    word += char
                self.entries.append((word, *self._read(file, "qb")))
            pairs = [self._read(file, "ii") for _ in range(max(0, self.prune_size))]
            self.pruned = dict(pairs)
            quantised = self._read(file, "?")[0]
            self.input = self._quantised(file) if quantised else self._dense(file)
            quantised_output = self._read(file, "?")[0] and quantised
            self.output = self._quantised(file) if quantised_output else self._dense(file)
        self.ids = {word: i for i, (word, _, _) in enumerate(self.entries)}
        self.labels = [
            w.decode().removeprefix("__label__") for w, _, _ in self.entries[self.nwords :]
        ]

    @staticmethod
    def _read(file: BinaryIO, letters: str) -> tuple[Any, ...]:
        return struct.unpack("<" + letters, file.read(struct.calcsize("<" + letters)))

    def _dense(self, file: BinaryIO) -> Rows:
        m, n = self._read(file, "qq")
        return np.array(self._read(file, f"{m * n}f"), np.float32).reshape(m, n)

    def _quantised(self, file: BinaryIO) -> Rows:
        (qnorm,) = self._read(file, "?")
        m, n = self._read(file, "qq")
        (code_size,) = self._read(file, "i")
        codes = file.read(code_size)
        dim, nsubq, dsub, lastdsub = self._read(file, "4i")
        centroids = self._read(file, f"{dim * 256}f")
        matrix = np.zeros((m, n), np.float32)
        for i in range(m):
            for q in range(nsubq):
                last = q == nsubq - 1
                length = lastdsub if last else dsub
                begin = q * 256 * dsub + codes[i * nsubq + q] * length
                matrix[i, q * dsub : q * dsub + length] = centroids[begin : begin + length]
        if qnorm:
            norm_codes = file.read(m)
            self._read(file, "4i")
            norms = self._read(file, "256f")
            for i in range(m):
                matrix[i] *= np.float32(norms[norm_codes[i]])
        return matrix

    def push_hash(self, line: list[int], bucket: int) -> None:
        if self.prune_size == 0:
            return
        if self.prune_size > 0:
            if bucket not in self.pruned:
                return
            bucket = self.pruned[bucket]
        line.append(self.nwords + bucket)

    def compute_subwords(self, word: bytes, line: list[int]) -> None:
        for i in range(len(word)):
            if word[i] & 0xC0 == 0x80:
                continue
            j, n = i, 1
            ngram = b""
            while j < len(word) and n <= self.maxn:
                ngram += word[j : j + 1]
                j += 1
                while j < len(word) and word[j] & 0xC0 == 0x80:
                    ngram += word[j : j + 1]
                    j += 1
                if n >= self.minn and not (n == 1 and (i == 0 or j == len(word))):
                    self.push_hash(line, fnv(ngram) % self.bucket)
                n += 1

    def line(self, text: bytes) -> list[int]:
        """Dictionary::getLine of a line and its line feed: the rows of the input matrix."""
        tokens, token = [], b""
        for byte in text:
            if byte in b" \n\r\t\v\f\0":
                tokens.append(token)
                token = b""
            else:
                token += bytes([byte])
        tokens.append(token)
        line: list[int] = []
        hashes: list[int] = []
        for token in [*filter(None, tokens), EOS]:
            i = self.ids.get(token, -1)
            is_label = self.entries[i][2] == 1 if i >= 0 else token.startswith(b"__label__")
            if not is_label:
                if i >= 0:
                    line.append(i)
                if self.maxn > 0 and token != EOS:
                    self.compute_subwords(b"<" + token + b">", line)
                h = fnv(token)
                hashes.append(h - 2**32 if h >= 2**31 else h)
            if token == EOS:
                break
        for i in range(len(hashes)):
            h = hashes[i] % 2**64
            for j in range(i + 1, min(len(hashes), i + self.word_ngrams)):
                h = (h * 116049371 + hashes[j]) % 2**64
                self.push_hash(line, h % self.bucket)
        return line

    def tree_paths(self) -> list[list[tuple[int, bool]]]:
        """HierarchicalSoftmaxLoss::buildTree: each label's (inner node, goes right), leaf first."""
        n = self.nlabels
        count = [c for _, c, _ in self.entries[self.nwords :]] + [10**15] * (n - 1)
        parent = [-1] * (2 * n - 1)
        binary = [False] * (2 * n - 1)
        leaf, node = n - 1, n
        for i in range(n, 2 * n - 1):
            mini = [0, 0]
            for j in range(2):
                if leaf >= 0 and count[leaf] < count[node]:
                    mini[j] = leaf
                    leaf -= 1
                else:
                    mini[j] = node
                    node += 1
            count[i] = count[mini[0]] + count[mini[1]]
            parent[mini[0]] = parent[mini[1]] = i
            binary[mini[1]] = True
        paths = []
        for label in range(n):
            path, j = [], label
            while parent[j] != -1:
                path.append((parent[j] - n, binary[j]))
                j = parent[j]
            paths.append(path)
        return paths

    def probabilities(self, text: str, nudge: float = 0.0) -> list[float] | None:
        """Of every label, as fastText reports them (1e-5 high), but at most 1; None without rows.

        nudge: added to each product, since float32 sums may fall on the other side of a step of
        the sigmoid table.
        """
        line = self.line(text.encode())
        if not line:
            return None
        hidden = self.input[line].astype(np.float64).sum(0) / len(line)
        f = self.output.astype(np.float64) @ hidden + nudge
        if self.loss == HS:
            logs = []
            for path in self.tree_paths():
                p = [
                    1 / (1 + math.exp(-f[node])) if right else 1 - 1 / (1 + math.exp(-f[node]))
                    for node, right in path
                ]
                logs.append(sum(math.log(x + 1e-5) for x in p))
        elif self.loss == SOFTMAX:
            e = np.exp(f - f.max())
            logs = [math.log(x + 1e-5) for x in e / e.sum()]
        else:
            logs = [math.log(self.sigmoid(x) + 1e-5) for x in f]
        return [min(1.0, math.exp(x)) for x in logs]

    @staticmethod
    def sigmoid(x: float) -> float:
        if x < -8:
            return 0.0
        if x > 8:
            return 1.0
        i = int((np.float32(x) + 8) * 512 / 8 / 2)
        return 1 / (1 + math.exp(-(i * 16 / 512 - 8)))
