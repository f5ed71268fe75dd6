"""Where gigatoken and `tokenizers` differ, found before the first document: texts that are hard for
tokenizers, and texts of this tokenizer's own tokens."""

from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.settings import one_line
from dolma_pipe.tokenizer.fast import EncoderFailed
from dolma_pipe.tokenizer.ids import Ids

ADDED_TOKENS = 200
"""Of the added tokens, so many are tried, evenly spread; and ten times as many of all tokens."""
DIFFERS = "its ids differ from those of tokenizers"

SPACES = [f"a{' ' * n}b{' ' * n}.{' ' * n}\n{' ' * n}c" for n in range(1, 33)]
TEXTS = [
    "",
    " ",
    "\n",
    "\r\n\r\n \v\f\t \u00a0\u3000\u2028\u0085 ",
    *SPACES,
    *[f"{mark * n}a{mark * n}" for mark in "\n\t=-_.*" for n in (1, 2, 3, 4, 7, 8, 16, 17, 64)],
    "the" * 700,
    "x" * 2000,
    "\x00\x01\x7f\x80\x9f \ufeffBOM\ufeff \ufffd\ufffe\uffff\U0010ffff\ue000\ud7ff\U000e0001",
    "e\u0301\u0301\u0327 Ze\u0335\u0336 caf\u00e9 cafe\u0301 \u212b \u1e9b\u0323 \u0958 ﬃ ½ Ⅷ ㎏ ①",
    "\u1112\u1161\u11ab 한글 \u0301 a\u0301b \u0c46\u0c56 \u0b92\u0bd7",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽 \u200b\u200d\u2060\u00ad☃️",
    "İstanbul ıi ΑΣ ς ß ẞ Ǆ ǅ ŉ",
    "don't we'LL I'M they'Re'S 'tis ''s he'd've O\u2019Neil can\u2019t",
    "1 12 123 1234 1234567890 12,345.67 ١٢٣ ४५६ ²³ 3.14e-10 0xFF v1.2.3 a1b22c333",
    "CamelCase snake_case kebab-case ALLCAPS mixedUP2024x XMLHttpRequest",
    'https://a.b/c?d=e&f=%20#g <p class="x">y</p> {"k": [1, 2]} a==b && c!=d;//e\n\t\tf()\n\n\n}\n',
    "Где это? 你好，世界。これはペンです。ภาษาไทย한국어 हिन्दी में العربية עברית ไทย 𝒜𐐀𠀀",
    "▁a ▁▁b a▁b Ġthe ## ##ing <0x0A> </w> <s> </s> <unk> [SEP] <|endoftext|>",
    " the", "the ", "  the  ", "\nthe", "\n the", " \nthe", "the \n the", "\r", "a\rb",
]  # fmt: skip


def texts_for(settings: dict[str, Any]) -> tuple[U8, I64]:
    """Documents for a tokenizer.json: text uint8[bytes] and offsets int64[documents + 1]."""
    texts = [*TEXTS, *_of_added_tokens(settings), *_of_vocabulary(settings)]
    encoded = [text.encode() for text in texts]
    offsets: I64 = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def compare(found: Ids, expected: Ids, text: U8, offsets: I64) -> None:
    """Raises EncoderFailed with the first of these documents whose ids differ."""
    for d in range(len(offsets) - 1):
        if not np.array_equal(found.of(d), expected.of(d)):
            raise EncoderFailed(DIFFERS, told(text[offsets[d] : offsets[d + 1]]))


def told(text: U8) -> str:
    """A text for people, in few characters."""
    begin = text[:200].tobytes().decode(errors="ignore")
    return one_line(f"{begin[:40]!a}{'...' if len(begin) > 40 else ''}")


def _of_added_tokens(settings: dict[str, Any]) -> list[str]:
    contents = [entry["content"] for entry in settings.get("added_tokens") or []]
    some = _spread(contents, ADDED_TOKENS)
    around = [f"a{token}b {token} {token}{token}\n {token} \n1{token}." for token in some]
    cut = [f"{token[:-1]} {token[1:]} {token.upper()} {token.lower()}x" for token in some]
    return [*around, *cut, "".join(some), " ".join(some)]


def _of_vocabulary(settings: dict[str, Any]) -> list[str]:
    """Its tokens as they are spelt, which is not what they stand for: any text will do."""
    vocabulary = settings["model"]["vocab"]
    tokens = [token if isinstance(token, str) else token[0] for token in vocabulary]
    some = _spread(tokens, 10 * ADDED_TOKENS)
    plain = [token.replace("Ġ", " ").replace("▁", " ").replace("Ċ", "\n") for token in some]
    return ["".join(plain), " ".join(plain), "".join(reversed(plain))]


def _spread(tokens: list[str], count: int) -> list[str]:
    return tokens[:: max(1, len(tokens) // count)][: 2 * count]
