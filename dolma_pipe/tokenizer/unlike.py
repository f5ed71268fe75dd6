"""Code points that gigatoken and `tokenizers` are known to treat differently: documents that hold
one are encoded by `tokenizers`, all others need not be slow for them."""

from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import Bool
from dolma_pipe.kernels.unicode import CODE_POINTS

NEWER_MARKS = (
    (0x05C8, 0x05C9), (0x07FD, 0x07FD), (0x0897, 0x089F), (0x08CA, 0x08D3), (0x09FE, 0x09FE),
    (0x0C3C, 0x0C3C), (0x0D3B, 0x0D3C), (0x0EBA, 0x0EBA), (0x1715, 0x1715), (0x1ABF, 0x1AFF),
    (0x1DF6, 0x1DFA), (0xA82C, 0xA82C),
    (0x105C0, 0x105FF), (0x10D24, 0x10D27), (0x10D69, 0x10D6D), (0x10EAB, 0x10EAC),
    (0x10EC0, 0x10EFF), (0x10F46, 0x10F50), (0x10F82, 0x10F85), (0x11070, 0x11070),
    (0x1133B, 0x1133B), (0x11380, 0x113FF), (0x1145E, 0x1145E), (0x11839, 0x1183A),
    (0x11900, 0x1195F), (0x119E0, 0x119E0), (0x11A34, 0x11A34), (0x11A47, 0x11A47),
    (0x11A99, 0x11A99), (0x11D42, 0x11D45), (0x11D97, 0x11D97), (0x11F41, 0x11F42),
    (0x16100, 0x1613F), (0x16D40, 0x16D7F), (0x16FF0, 0x16FF1), (0x1D127, 0x1D128),
    (0x1D250, 0x1D2FF), (0x1E08F, 0x1E08F), (0x1E130, 0x1E136), (0x1E2AE, 0x1E2AE),
    (0x1E2EC, 0x1E2EF), (0x1E4EC, 0x1E4EF), (0x1E5EE, 0x1E5EF), (0x1E6E0, 0x1E6FF),
)  # fmt: skip
"""Marks, and parts of letters that are composed, which came after Unicode 9, the one that
`tokenizers` normalises by; of scripts that are newer as a whole, their block. From comparing the
normal forms of all code points by tokenizers 0.23 with those of Unicode 18."""
METASPACE = 0x2581
"""What a space becomes: as a character of the text it meets added tokens that are spelt with it."""
NORMAL_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def unlike(settings: dict[str, Any]) -> Bool | None:
    """bool[code points] for a tokenizer.json; None where there is none."""
    table = np.zeros(CODE_POINTS, bool)
    if has_step(settings.get("normalizer"), *NORMAL_FORMS):
        for first, last in NEWER_MARKS:
            table[first : last + 1] = True
    spaces = (settings.get("normalizer"), settings.get("pre_tokenizer"))
    table[METASPACE] = any(has_step(step, "Replace", "Metaspace") for step in spaces)
    return table if table.any() else None


def has_step(step: Any, *kinds: str) -> bool:
    """Whether a part of a tokenizer.json, or a step of it, is of one of these kinds."""
    if not isinstance(step, dict):
        return False
    names = ("normalizers", "pretokenizers", "decoders")
    inner = [one for name in names for one in step.get(name) or []]
    return step.get("type") in kinds or any(has_step(one, *kinds) for one in inner)
