"""A small byte-level BPE of the same make as GPT-NeoX's, so that unit tests need no download."""

import json
from pathlib import Path
from typing import Any

from dolma_pipe.tokenizer import Tokenizer

MERGES = ["t h", "th e", "Ġ the", "i n", "Ġ a", "e r", "o n", "Ġ Ġ", "ĠĠ ĠĠ", "e s", "Ã ©"]
SPECIAL = ["<|padding|>", "<|endoftext|>"]
PLAIN = ["  ", "   ", "|||EMAIL_ADDRESS|||"]


def byte_characters() -> list[str]:
    """The character that stands for each byte in byte-level vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {b: chr(b) for b in printable}
    others = [b for b in range(256) if b not in names]
    names |= {b: chr(256 + i) for i, b in enumerate(others)}
    return [names[b] for b in range(256)]


def small_tokenizer_json(eos: str = "<|endoftext|>", extra_ids: int = 0) -> bytes:
    """A tokenizer.json; eos renames the end of text, extra_ids makes the vocabulary larger."""
    tokens = byte_characters() + [merge.replace(" ", "") for merge in MERGES]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    added = []
    for content in [SPECIAL[0], eos, *PLAIN]:
        special = content in (SPECIAL[0], eos)
        number = len(vocabulary)
        vocabulary[content] = number
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
        added.append({"id": number, "content": content, "special": special, **flags})
    for i in range(extra_ids):
        vocabulary[f"<extra {i}>"] = len(vocabulary)
    level: dict[str, Any] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    level["use_regex"] = True
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": vocabulary,
        "merges": MERGES,
    }
    parts: dict[str, Any] = {
        "truncation": None,
        "padding": None,
        "normalizer": {"type": "NFC"},
        "model": model,
    }
    parts |= {"pre_tokenizer": level, "post_processor": level, "decoder": level}
    return json.dumps({"version": "1.0", "added_tokens": added, **parts}).encode()


def small_tokenizer() -> Tokenizer:
    """It knows 256 bytes, the merges above, two special tokens and three plain ones."""
    return Tokenizer(small_tokenizer_json(), "small")


def write_small_tokenizer(folder: Path) -> str:
    """The path of its json in a folder."""
    path = folder / "tokenizer.json"
    path.write_bytes(small_tokenizer_json())
    return str(path)
