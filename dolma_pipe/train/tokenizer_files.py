"""The tokenizer of a model directory: tokenizer.json, and what transformers needs beside it."""

from pathlib import Path
from typing import Any

from dolma_pipe.errors import TrainError, WorkError
from dolma_pipe.tokens import TOKENIZER
from dolma_pipe.work import atomic_write, read_json, write_json

TOKENIZER_CONFIG, CHAT_TEMPLATE = "tokenizer_config.json", "chat_template.jinja"


def write_tokenizer(
    folder: Path, content: bytes, eos_id: int, pad_id: int | None, chat: str | None
) -> None:
    """Write a tokenizer so that transformers' AutoTokenizer finds all of it.

    content: a tokenizer.json. eos_id: the end of text, which templates call eos_token. chat: a
    template for conversations (ChatTemplate.jinja()). Raises TrainError where the tokenizer does
    not know the id.
    """
    with atomic_write(folder / TOKENIZER) as file:
        file.write(content)
    tokenizer = _json(folder / TOKENIZER)
    tokens = {number: token for token, number in _vocabulary(tokenizer)}
    tokens |= {token["id"]: token["content"] for token in tokenizer.get("added_tokens") or []}
    if eos_id not in tokens:
        raise TrainError(f"{folder / TOKENIZER} has no token {eos_id}, the end of text")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # tokenizer.json as it is
        "eos_token": tokens[eos_id],
    }
    if pad_id in tokens:
        config["pad_token"] = tokens[pad_id]
    write_json(folder / TOKENIZER_CONFIG, config)
    if chat is not None:
        with atomic_write(folder / CHAT_TEMPLATE) as file:
            file.write(chat.encode())


def _vocabulary(tokenizer: dict[str, Any]) -> list[tuple[str, int]]:
    """Tokens with their ids; a unigram model lists pieces with their scores."""
    given = (tokenizer.get("model") or {}).get("vocab") or {}
    if isinstance(given, list):
        return [(piece, number) for number, (piece, _) in enumerate(given)]
    return list(given.items())


def _json(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except WorkError as error:
        raise TrainError(f"{error}") from None
    if not isinstance(value, dict):
        raise TrainError(f"{path} is no JSON object")
    return value
