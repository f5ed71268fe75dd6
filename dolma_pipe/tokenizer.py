"""A tokenizer.json at work: gigatoken for speed, `tokenizers` as reference and fallback."""

import hashlib
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.assets import asset_path
from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.kernels.jit import I64, U8, U16, U32

EOS_NAMES = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>")
REMEMBERED_BYTES = 80 << 20
"""Text after which gigatoken is loaded anew: its cache takes up to 6 bytes a byte of text."""
PAD_NAMES = ("<|padding|>", "<|pad|>", "<pad>", "[PAD]", "<|finetune_right_pad_id|>")


class TokenizeSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The recipe's `tokenize` section."""

    tokenizer: str
    """A named asset, or the path of a tokenizer.json."""
    eos: str | None = None
    """The token after every document; by default the first usual name that the tokenizer has."""
    max_shard_tokens: Annotated[int, msgspec.Meta(ge=1)] = 1 << 27
    """Tokens of one output file, at most; a longer document gets its own."""


class EncoderFailed(Exception):
    """gigatoken cannot load this tokenizer, broke down, or disagrees with `tokenizers`."""


class Ids(NamedTuple):
    """Token ids of some documents, no EOS: ids uint32[tokens], offsets int64[documents + 1]."""

    ids: U32
    offsets: I64


class Tokenizer:
    """Encodes text only: what looks like a special token in a document never becomes a real one."""

    def __init__(self, content: bytes, name: str, eos: str | None = None) -> None:
        """content: a tokenizer.json. Raises AssetError if it is none, RecipeError without EOS."""
        self.name = name
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._settings = _parsed(content, name)
        self._reference = _reference(content, name)
        vocabulary: dict[str, int] = self._reference.get_vocab(with_added_tokens=True)
        self.vocab_size = max(vocabulary.values(), default=-1) + 1
        names = EOS_NAMES if eos is None else (eos,)
        found = [vocabulary[token] for token in names if token in vocabulary]
        if not found:
            raise RecipeError(
                f"tokenizer {name} has no token {' or '.join(names)}:"
                " name its end of text in tokenize.eos"
            )
        self.eos_id = found[0]
        self.pad_id = next((vocabulary[token] for token in PAD_NAMES if token in vocabulary), None)
        self._vocabulary = vocabulary
        self._gigatoken: Any = None
        self._remembered = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian uint16 up to 65,536 ids, uint32 above."""
        return np.dtype("<u2" if self.vocab_size <= 1 << 16 else "<u4")

    def encode(self, text: U8, offsets: I64) -> Ids:
        """Encode documents text[offsets[d]:offsets[d + 1]] with gigatoken, on one thread.

        The arrays go in and out as Arrow-like buffers, without a copy. Raises EncoderFailed.
        """
        from awkward.contents import ListOffsetArray, NumpyArray
        from awkward.index import Index64

        characters = NumpyArray(text, parameters={"__array__": "char"})
        strings = ListOffsetArray(Index64(offsets), characters, parameters={"__array__": "string"})
        engine = self._gigatoken_for(int(offsets[-1] - offsets[0]))
        try:
            encoded = engine.encode_batch(_array(strings), parallel=False)
        except (RuntimeError, ValueError) as error:
            raise EncoderFailed(str(error)) from error
        except BaseException as error:  # a Rust panic, whose type cannot be imported
            if type(error).__name__ != "PanicException":
                raise
            raise EncoderFailed(str(error)) from error
        layout = encoded.layout.to_ListOffsetArray64(True)
        ends: I64 = np.asarray(layout.offsets.data)
        if len(ends) != len(offsets):
            raise EncoderFailed(f"{len(offsets) - 1} documents in, {len(ends) - 1} out")
        return Ids(np.asarray(layout.content.data[: ends[-1]], np.uint32), ends)

    def encode_reference(self, text: U8, offsets: I64) -> Ids:
        """The same with `tokenizers`: some twenty times slower."""
        texts = [
            text[start:end].tobytes().decode()
            for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        ]
        encoded = self._reference.encode_batch_fast(texts, add_special_tokens=False)
        ids = [np.array(document.ids, np.uint32) for document in encoded]
        ends = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(document) for document in ids], out=ends[1:])
        return Ids(np.concatenate([np.empty(0, np.uint32), *ids]), ends)

    def decode(self, ids: npt.NDArray[np.generic]) -> str:
        """The text of ids; special tokens are spelt out."""
        return str(self._reference.decode(ids.tolist(), skip_special_tokens=False))

    def token_bytes(self) -> U16:
        """uint16[vocabulary]: bytes of text behind each token, 0 for special and unused ids."""
        sizes = np.zeros(self.vocab_size, np.uint16)
        byte_level = _uses(self._settings, "ByteLevel")
        for token, i in self._vocabulary.items():
            sizes[i] = _text_bytes(token, byte_level)
        for added in self._settings.get("added_tokens") or []:
            sizes[added["id"]] = 0 if added["special"] else len(added["content"].encode())
        return sizes

    def _gigatoken_for(self, size: int) -> Any:
        """The engine for size more bytes; it remembers every word, so it is renewed at times."""
        import gigatoken

        self._remembered += size
        if self._gigatoken is None or self._remembered > REMEMBERED_BYTES:
            self._gigatoken, self._remembered = None, size
            try:
                content = _without_special_tokens(self._settings)
                self._gigatoken = gigatoken.Tokenizer.from_json(content)
            except (RuntimeError, ValueError) as error:
                raise EncoderFailed(str(error)) from error
        return self._gigatoken


@lru_cache(maxsize=4)
def load_tokenizer(name_or_path: str, eos: str | None = None) -> Tokenizer:
    """The tokenizer of a named asset or a path; kept, as workers encode many shards with one."""
    return Tokenizer(asset_path(name_or_path).read_bytes(), name_or_path, eos)


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AssetError(f"{name} is not a tokenizer.json: {error}") from error


def _reference(content: bytes, name: str) -> Any:
    import tokenizers

    try:
        reference = tokenizers.Tokenizer.from_str(content.decode())
    except Exception as error:  # `tokenizers` raises nothing more precise
        raise AssetError(f"{name} is not a tokenizer.json: {error}") from error
    reference.encode_special_tokens = True
    reference.no_truncation()
    reference.no_padding()
    return reference


def _without_special_tokens(settings: dict[str, Any]) -> str:
    """The json without special added tokens; runs of spaces and |||...||| are not special."""
    kept = [token for token in settings.get("added_tokens") or [] if not token["special"]]
    return msgspec.json.encode({**settings, "added_tokens": kept}).decode()


def _array(layout: Any) -> Any:
    import awkward

    return awkward.Array(layout)


def _uses(settings: dict[str, Any], kind: str) -> bool:
    """Whether the decoder or the pre-tokenizer, or a step of theirs, is of this kind."""
    steps: list[Any] = [settings.get("decoder"), settings.get("pre_tokenizer")]
    while steps:
        step = steps.pop()
        if isinstance(step, dict):
            if step.get("type") == kind:
                return True
            steps += step.get("decoders") or step.get("pretokenizers") or []
    return False


def _text_bytes(token: str, byte_level: bool) -> int:
    """Bytes of text behind a token of the vocabulary as it is spelt there."""
    if byte_level:
        return len(token)  # one character a byte
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return 1  # SentencePiece's byte fallback
    return len(token.replace("▁", " ").removeprefix("##").encode())
