"""Small corpora of known content, counted in this process."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dolma_pipe.passes.context import Nobody
from dolma_pipe.statistics.contamination import evaluation_sets
from dolma_pipe.statistics.corpora import find_corpora
from dolma_pipe.statistics.measure import measure
from dolma_pipe.statistics.settings import Part, Settings
from dolma_pipe.statistics.told import Statistics
from tests.inline import Inline

CHEAP: tuple[Part, ...] = ("ngrams", "urls", "duplicates", "overlap")
"""Parts that need no model."""


def write_lines(path: Path, rows: Sequence[dict[str, Any] | str]) -> Path:
    """A .jsonl file; text is written as it stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def documents(texts: Sequence[str], **metadata: Sequence[Any]) -> list[dict[str, Any]]:
    """Documents of these texts; metadata: a value for each of them."""
    return [
        {"id": str(i), "text": text, "metadata": {name: v[i] for name, v in metadata.items()}}
        for i, text in enumerate(texts)
    ]


def counted(
    *paths: object, parts: tuple[Part, ...] = CHEAP, evaluations: tuple[str, ...] = (), **more: Any
) -> Statistics:
    """The statistics of what a command line would name."""
    settings = Settings(parts=parts, **more)
    corpora = find_corpora(tuple(map(str, paths)))
    return measure(corpora, settings, Inline(), Nobody(), evaluation_sets(evaluations))
