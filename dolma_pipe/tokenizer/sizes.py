"""Bytes of text behind each token of a vocabulary, as its decoder spells it."""

from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import U16
from dolma_pipe.tokenizer.unlike import has_step


def token_bytes(settings: dict[str, Any], vocabulary: dict[str, int], eos: str) -> U16:
    """uint16[ids]: 0 for special and unused ids. A space that stands for one is a byte.

    settings: the tokenizer.json; vocabulary: ids by token, of added ones too.
    """
    sizes = np.zeros(max(vocabulary.values()) + 1, np.uint16)
    steps = (settings.get("decoder"), settings.get("pre_tokenizer"))
    byte_level = any(has_step(step, "ByteLevel") for step in steps)
    metaspace = "▁" if any(has_step(step, "Metaspace", "Replace") for step in steps) else ""
    prefix = settings["model"].get("continuing_subword_prefix") or ""
    suffix = settings["model"].get("end_of_word_suffix") or ""
    added = {entry["content"]: entry for entry in settings.get("added_tokens") or []}
    for token, i in vocabulary.items():
        if token == eos or (token in added and added[token].get("special")):
            continue
        if byte_level and token not in added:
            size = len(token)  # one character a byte
        elif len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            size = 1  # SentencePiece's byte fallback
        else:
            text = token.removeprefix(prefix).removesuffix(suffix)
            size = len((text.replace(metaspace, " ") if metaspace else text).encode())
        sizes[i] = min(size, 0xFFFF)
    return sizes
