"""The chat template of a model directory, where transformers looks for it."""

from pathlib import Path
from typing import Any

from dolma_pipe.errors import TrainError, WorkError
from dolma_pipe.work import atomic_write, read_json, write_json

CHAT_TEMPLATE, TOKENIZER_CONFIG = "chat_template.jinja", "tokenizer_config.json"


def write_chat_template(
    folder: Path, template: str, eos_id: int, pad_id: int | None = None
) -> None:
    """Put a Jinja template (ChatTemplate.jinja()) beside folder/tokenizer.json, so that
    transformers' AutoTokenizer finds both.

    eos_id: the end of text, which templates call eos_token. What tokenizer_config.json says already
    stays. Raises TrainError without a tokenizer that knows this id.
    """
    tokenizer = _json(folder / "tokenizer.json")
    given = _json(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).exists() else {}
    tokens = {number: token for token, number in (tokenizer["model"].get("vocab") or {}).items()}
    tokens |= {token["id"]: token["content"] for token in tokenizer.get("added_tokens") or []}
    if eos_id not in tokens:
        raise TrainError(f"{folder / 'tokenizer.json'} has no token {eos_id}, the end of text")
    needed = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # tokenizer.json as it is
        "eos_token": tokens[eos_id],
    }
    if pad_id in tokens:
        needed["pad_token"] = tokens[pad_id]
    write_json(folder / TOKENIZER_CONFIG, needed | given)
    with atomic_write(folder / CHAT_TEMPLATE) as file:
        file.write(template.encode())


def _json(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except WorkError as error:
        raise TrainError(f"a chat template goes with a tokenizer: {error}") from None
    if not isinstance(value, dict):
        raise TrainError(f"{path} is no JSON object")
    return value
