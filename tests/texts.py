"""Random Unicode text for properties, and documents packed as kernels read them."""

import numpy as np
from hypothesis import strategies as st

from dolma_pipe.kernels.jit import I64, U8

SPACES = " \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
LETTERS = "aAbzZéßİıſКжשلअ한글𝒜𐐀"
NO_SPACES = "你好ひらがなカタカナｱภาษาไทยກຂខ្មែរမြန်မာ𠀀𛀀々〇ー"
MARKS = "\u0301\u0308\u093f\u0e31\u0e49\u0eb1\u17d2\u103b\u3099\ufe0f\U000e0100"
SIGNS = ".…!?\"'#*-•◦。！(){}[]@+:/_,;،€😀\u200b\u200d\ufeff"
CONTROLS = "\x00\x01\x7f\x9f\ue000\U0010ffff"
DIGITS = "0123456789٣９"

characters = st.one_of(
    st.sampled_from(SPACES),
    st.sampled_from(LETTERS),
    st.sampled_from(NO_SPACES + MARKS),
    st.sampled_from(SIGNS + CONTROLS + DIGITS),
    st.characters(exclude_categories=["Cs"]),
)
texts = st.text(characters, max_size=80)
"""Every sort of code point, rare ones often."""


def texts_of(*words: str, max_size: int = 40) -> st.SearchStrategy[str]:
    """Texts glued from these pieces, white space and a little of everything else."""
    piece = st.one_of(
        st.sampled_from(words), st.sampled_from(words), st.sampled_from(" \n"), characters
    )
    return st.lists(piece, max_size=max_size).map("".join)


def packed(documents: list[str], before: str = "") -> tuple[U8, I64]:
    """The documents as one UTF-8 array and offsets; `before` is in the array but in no document."""
    parts = [before.encode(), *(d.encode() for d in documents)]
    text = np.frombuffer(b"".join(parts), np.uint8)
    return text, np.cumsum([len(p) for p in parts]).astype(np.int64)
