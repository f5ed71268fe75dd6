"""The chat template of a model directory, where transformers looks for it."""

from pathlib import Path
from typing import Any

from dolma_pipe.errors import TrainError, WorkError
from dolma_pipe.work import atomic_write, read_json, write_json

CHAT_TEMPLATE, TOKENIZER_CONFIG = "chat_template.jinja", "tokenizer_config.json"


def write_chat_template(folder: Path, template: str) -> None:
    """Put a Jinja template (ChatTemplate.jinja()) beside folder/tokenizer.json, so that
    transformers' AutoTokenizer finds both.

    The end of text, which templates call eos_token, and padding are those of folder/config.json.
    What tokenizer_config.json says already stays. Raises TrainError without a tokenizer or its
    end of text.
    """
    config = _json(folder / "config.json")
    tokenizer = _json(folder / "tokenizer.json")
    given = _json(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).exists() else {}
    added = {token["id"]: token["content"] for token in tokenizer.get("added_tokens", [])}
    eos_id, pad_id = config.get("eos_token_id"), config.get("pad_token_id")
    if eos_id not in added:
        told = f"eos_token_id {eos_id} of config.json is no added token of tokenizer.json"
        raise TrainError(f"{folder}: {told}")
    needed = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # tokenizer.json as it is
        "eos_token": added[eos_id],
    }
    if pad_id in added:
        needed["pad_token"] = added[pad_id]
    write_json(folder / TOKENIZER_CONFIG, needed | given)
    with atomic_write(folder / CHAT_TEMPLATE) as file:
        file.write(template.encode())


def _json(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except WorkError as error:
        raise TrainError(f"a chat template needs a tokenizer and a model: {error}") from None
    if not isinstance(value, dict):
        raise TrainError(f"{path} is no JSON object")
    return value
