"""JSON files in a work directory."""

from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.errors import WorkError
from dolma_pipe.work.files import address, atomic_write, read_bytes


def write_json(path: Path, value: Any) -> None:
    """Write value as readable JSON with sorted keys, atomically."""
    with atomic_write(path) as file:
        file.write(json_file(value))


def json_file(value: Any) -> bytes:
    """What a file of readable JSON holds."""
    return readable_json(value).encode() + b"\n"


def readable_json(value: Any) -> str:
    """JSON with sorted keys, a line each."""
    encoded = msgspec.json.encode(value, order="sorted")
    return msgspec.json.format(encoded, indent=1).decode()


def read_json(path: Path) -> Any:
    """The value of a JSON file; WorkError where it is not one."""
    try:
        return msgspec.json.decode(read_bytes(path))
    except (OSError, msgspec.DecodeError) as error:
        raise WorkError(f"cannot read {address(path)}: {error}") from error
