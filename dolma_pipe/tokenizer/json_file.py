"""What a tokenizer.json says, and what of it must not count when a corpus is encoded.

Truncation, padding and dropout are for training's batches. What is special is never found in text:
the engines leave special added tokens alone, and those that a model could still spell (a piece of a
Unigram, a word of a WordLevel) get a name that no text holds.
"""

import hashlib
from typing import Any

import msgspec

from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.settings import nearest, one_line

EOS_NAMES = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>")
MOST_IDS = 1 << 24
NO_TEXT = "\U0010fffe\U0010ffff"
"""Noncharacters: with the tokenizer's own hash behind them they stand in no document."""

Json = dict[str, Any]


def parsed(content: bytes, name: str) -> Json:
    """Raises AssetError for what is no JSON object."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AssetError(f"{name} is not a tokenizer.json: {one_line(error)}") from error


def loaded(settings: Json, name: str) -> Any:
    """The json at work in `tokenizers`. Raises AssetError."""
    import tokenizers

    try:
        made = tokenizers.Tokenizer.from_str(msgspec.json.encode(settings).decode())
    except BaseException as error:  # nothing more precise, and panics
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise AssetError(f"{name} is not a tokenizer.json: {one_line(error)}") from error
    made.encode_special_tokens = True
    return made


def without_chance(settings: Json) -> Json:
    """Without truncation, padding and dropout."""
    model = settings.get("model")
    if isinstance(model, dict) and model.get("dropout"):
        settings = settings | {"model": model | {"dropout": None}}
    return settings | {"truncation": None, "padding": None}


def checked_vocabulary(reference: Any, name: str) -> dict[str, int]:
    """Ids by token, of added ones too, as `tokenizers` counts them. Raises AssetError."""
    vocabulary: dict[str, int] = reference.get_vocab(with_added_tokens=True)
    if (highest := max(vocabulary.values(), default=-1)) >= MOST_IDS:
        raise AssetError(f"{name}: id {highest} is beyond any vocabulary ({MOST_IDS} ids)")
    if len(tokens := {i: token for token, i in vocabulary.items()}) < len(vocabulary):
        one = min(token for token, i in vocabulary.items() if tokens[i] != token)
        two = tokens[vocabulary[one]]
        raise AssetError(f"{name}: {one!r} and {two!r} have the same id {vocabulary[one]}")
    return vocabulary


def eos_of(settings: Json, vocabulary: dict[str, int], name: str, eos: str | None) -> str:
    """The token after every document. Raises RecipeError where there is none that can be."""
    names = EOS_NAMES if eos is None else (eos,)
    token = next((token for token in names if token in vocabulary), None)
    if token is None:
        near = "" if eos is None else _nearest(eos, settings, vocabulary)
        raise RecipeError(
            f"tokenizer {name} has no token {' or '.join(names)}{near}:"
            " name its end of text in tokenize.eos"
        )
    if kind_of(settings["model"]) == "BPE" and token in _merged(settings["model"]):
        raise RecipeError(
            f"tokenizer {name}: {token!r} is an ordinary token, texts hold it:"
            " name a special one in tokenize.eos"
        )
    return token


def _nearest(eos: str, settings: Json, vocabulary: dict[str, int]) -> str:
    """Among the added tokens, or else all of it: a vocabulary is too much to print."""
    added = [entry["content"] for entry in settings.get("added_tokens") or []]
    near = nearest(eos, added)
    if "did you mean" in near or len(added) in range(1, 9):
        return near
    found = nearest(eos, list(vocabulary))
    return found if "did you mean" in found else ""


def closed(settings: Json, eos: str, sha256: str) -> Json:
    """The json in which neither EOS nor a special token can be made of text."""
    added = settings.get("added_tokens") or []
    added = [
        entry | {"special": entry.get("special", False) or entry["content"] == eos}
        for entry in added
    ]
    special = {entry["content"] for entry in added if entry["special"]} | {eos}
    model = settings["model"]
    names = {
        token: f"{NO_TEXT}{hashlib.sha256((sha256 + token).encode()).hexdigest()}"
        for token in special & _spelt(model)
    }
    return settings | {
        "model": _renamed(model, names),
        "added_tokens": [
            entry | {"content": names.get(entry["content"], entry["content"])} for entry in added
        ],
    }


def for_gigatoken(closed_settings: Json, vocabulary: dict[str, int]) -> str:
    """Without special added tokens, which it would find; ids are those of `tokenizers`, which
    counts added tokens on where the file leaves a hole."""
    kept = [
        entry | {"id": vocabulary[entry["content"]]}
        for entry in closed_settings.get("added_tokens") or []
        if not entry["special"]
    ]
    return msgspec.json.encode(closed_settings | {"added_tokens": kept}).decode()


def kind_of(model: Json) -> str:
    """BPE, Unigram, WordPiece or WordLevel; old files do not say which."""
    if "type" in model:
        return str(model["type"])
    if "merges" in model:
        return "BPE"
    if isinstance(model["vocab"], list):
        return "Unigram"
    return "WordPiece" if "continuing_subword_prefix" in model else "WordLevel"


def _spelt(model: Json) -> set[str]:
    """Tokens that the model makes of text which spells them, and that can have another name."""
    kind = kind_of(model)
    if kind == "Unigram":
        return {piece for piece, _ in model["vocab"]}
    if kind == "BPE":
        return set(model["vocab"]) - _merged(model) if model.get("ignore_merges") else set()
    return set(model["vocab"])


def _merged(model: Json) -> set[str]:
    """What a BPE makes of text by its merges, single characters and bytes: needed by its name."""
    pairs = [m.split(" ", 1) if isinstance(m, str) else m for m in model["merges"]]
    prefix = model.get("continuing_subword_prefix") or ""
    found = {left + right.removeprefix(prefix) for left, right in pairs}
    if model.get("byte_fallback"):
        found |= {f"<0x{byte:02X}>" for byte in range(256)}
    return found | {token for token in model["vocab"] if len(token) == 1}


def _renamed(model: Json, names: dict[str, str]) -> Json:
    if not names:
        return model
    vocabulary = model["vocab"]
    if kind_of(model) == "Unigram":
        return model | {"vocab": [[names.get(piece, piece), score] for piece, score in vocabulary]}
    unknown = model.get("unk_token") or ""
    return model | {
        "vocab": {names.get(token, token): i for token, i in vocabulary.items()},
        "unk_token": names.get(unknown, model.get("unk_token")),
    }
