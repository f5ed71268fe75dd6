"""The `tokenizers` library; its fast batch call, which keeps no positions."""

import os
import zlib
from typing import Any

import numpy as np
from tokenizers import Tokenizer

CHUNK = 256
"""Documents a call: one call for all would hold every encoding at once."""


class Encode:
    """On one thread: the environment says so."""

    def __init__(self, texts: list[str], tokenizer: str) -> None:
        self.texts = texts
        self.tokenizer = Tokenizer.from_file(tokenizer)
        self.tokenizer.encode_special_tokens = True

    def ready(self) -> None: ...

    def run(self) -> list[Any]:
        encode, ids = self.tokenizer.encode_batch_fast, []
        for first in range(0, len(self.texts), CHUNK):
            encoded = encode(self.texts[first : first + CHUNK], add_special_tokens=False)
            ids += [np.array(document.ids, np.uint32) for document in encoded]
        return ids

    def told(self, ids: list[Any]) -> list[int]:
        return [zlib.crc32(document.astype("<u4").tobytes()) for document in ids]


class EncodeOnAllCores(Encode):
    """With as many of its threads as this process may use cores."""

    def __init__(self, texts: list[str], tokenizer: str) -> None:
        # read when the first batch is encoded
        os.environ["RAYON_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        super().__init__(texts, tokenizer)
