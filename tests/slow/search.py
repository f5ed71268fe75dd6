"""Searching as one would write it: every line parsed, every text searched."""

import json
import re
from pathlib import Path
from typing import Any


def naive_search(
    path: Path, pattern: re.Pattern[str], field: str = "text", *, invert: bool = False
) -> list[tuple[int, str, list[tuple[int, int]]]]:
    """Line, id and spans of the documents that match."""
    found = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        try:
            document = json.loads(line.decode("utf-8-sig"), strict=False)
        except ValueError:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("text"), str):
            continue
        value: Any = document
        for key in field.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        value = re.sub("[\ud800-\udfff]", "\ufffd", value) if isinstance(value, str) else ""
        spans = [match.span() for match in pattern.finditer(value)]
        if bool(spans) != invert:
            found.append((number, str(document.get("id", f"{path.name}:{number}")), spans))
    return found
