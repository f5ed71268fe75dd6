"""One tokenizer.json: text to ids by the fastest engine that is right, ids to text."""

import hashlib
from functools import cached_property, lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.assets import asset_path
from dolma_pipe.kernels.documents_with import documents_with
from dolma_pipe.kernels.jit import I64, U8, U16
from dolma_pipe.tokenizer import json_file, probe
from dolma_pipe.tokenizer.fast import EncoderFailed, Gigatoken
from dolma_pipe.tokenizer.ids import Ids, joined
from dolma_pipe.tokenizer.reference import Reference
from dolma_pipe.tokenizer.sizes import token_bytes
from dolma_pipe.tokenizer.unlike import unlike
from dolma_pipe.tokens import id_type

PAD_NAMES = ("<|padding|>", "<|pad|>", "<pad>", "[PAD]", "<|finetune_right_pad_id|>")


class TokenizeSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The recipe's `tokenize` section."""

    tokenizer: str
    """A named asset, or the path of a tokenizer.json."""
    eos: str | None = None
    """The token after every document; by default the first usual name that the tokenizer has."""
    chat: str | None = None
    """How conversations are written: tulu [default], chatml, or the path of a template (.yaml,
    .json)."""
    max_shard_tokens: Annotated[int, msgspec.Meta(ge=1)] = 1 << 27
    """Tokens of one output file, at most; a longer document gets its own."""
    output: str | None = None
    """Where tokens/ and held_out/ stand, s3://bucket/prefix or a folder [default: the work
    directory]."""

    def __post_init__(self) -> None:
        if self.output is not None and self.output != "/":
            msgspec.structs.force_setattr(self, "output", self.output.rstrip("/"))


class Tokenizer:
    """Encodes text only: what looks like a special token in a document never becomes a real one."""

    def __init__(self, content: bytes, name: str, eos: str | None = None) -> None:
        """content: a tokenizer.json. Raises AssetError if it is none, RecipeError without EOS."""
        self.name = name
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._settings = json_file.without_chance(json_file.parsed(content, name))
        self._plain = json_file.loaded(self._settings, name)
        self._vocabulary = json_file.checked_vocabulary(self._plain, name)
        self.vocab_size = max(self._vocabulary.values(), default=-1) + 1
        self.eos = json_file.eos_of(self._settings, self._vocabulary, name, eos)
        self.eos_id = self._vocabulary[self.eos]
        pads = (self._vocabulary[token] for token in PAD_NAMES if token in self._vocabulary)
        self.pad_id = next(pads, None)
        self._closed = json_file.closed(self._settings, self.eos, self.sha256)
        same = self._closed == self._settings
        self._reference = Reference(self._plain if same else json_file.loaded(self._closed, name))
        self._unlike = unlike(self._settings)
        self._unfit: EncoderFailed | None = None

    @property
    def special(self) -> dict[str, int]:
        """Tokens that no text becomes, with their ids: end of text, padding and the like."""
        added = self._settings.get("added_tokens") or []
        names = [entry["content"] for entry in added if entry.get("special")]
        return {name: self._vocabulary[name] for name in (*names, self.eos)}

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian uint16 up to 65,536 ids, uint32 above."""
        return np.dtype(id_type(self.vocab_size)).newbyteorder("<")

    def encode(self, text: U8, offsets: I64) -> Ids:
        """Encode documents text[offsets[d]:offsets[d + 1]] with gigatoken, on one thread.

        Those with characters that it is known to treat otherwise go to `tokenizers`. Raises
        EncoderFailed where gigatoken is no engine for this tokenizer: each time, at once.
        """
        if self._unfit is None:
            try:
                return self._with_exceptions(self._gigatoken, text, offsets)
            except EncoderFailed as failure:
                self._unfit = failure if "_gigatoken" not in vars(self) else None
                raise
        raise EncoderFailed(self._unfit.reason, self._unfit.example)

    def encode_reference(self, text: U8, offsets: I64) -> Ids:
        """The same with `tokenizers`: some twenty times slower, right for every tokenizer."""
        return self._reference.encode(text, offsets)

    def decode(self, ids: npt.NDArray[np.generic]) -> str:
        """The text of ids; special tokens are spelt out."""
        return str(self._plain.decode(ids.tolist(), skip_special_tokens=False))

    def token_bytes(self) -> U16:
        """uint16[vocabulary]: bytes of text behind each token, 0 for special and unused ids."""
        return token_bytes(self._settings, self._vocabulary, self.eos)

    @cached_property
    def _gigatoken(self) -> Gigatoken:
        """After it was compared with the reference. Raises EncoderFailed."""
        fast = Gigatoken(json_file.for_gigatoken(self._closed, self._vocabulary))
        text, offsets = probe.texts_for(self._settings)
        expected = self._reference.encode(text, offsets)
        probe.compare(self._with_exceptions(fast, text, offsets), expected, text, offsets)
        return fast

    def _with_exceptions(self, fast: Gigatoken, text: U8, offsets: I64) -> Ids:
        """Ids by gigatoken, but of documents that hold a code point which it treats otherwise."""
        found = fast.encode(text, offsets)
        if self._unlike is None:
            return found
        other = set(np.flatnonzero(documents_with(text, offsets, self._unlike)).tolist())
        if not other:
            return found
        return joined(
            self._reference.encode(text, offsets[d : d + 2]).ids if d in other else found.of(d)
            for d in range(len(offsets) - 1)
        )


@lru_cache(maxsize=4)
def load_tokenizer(name_or_path: str, eos: str | None = None) -> Tokenizer:
    """The tokenizer of a named asset or a path; kept, as workers encode many shards with one."""
    return Tokenizer(asset_path(name_or_path).read_bytes(), name_or_path, eos)
