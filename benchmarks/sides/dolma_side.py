"""One tagger of dolma, without its reading and writing: `tag`, a document a call."""

import importlib
import os
from typing import Any

from dolma.core.data_types import InputSpec
from dolma.core.registry import TaggerRegistry


class Tag:
    def __init__(self, texts: list[str], tagger: str, model: str = "") -> None:
        """model: of the language tagger, for which dolma has no setting and downloads one."""
        if model:
            os.environ["LID_MODEL"] = model
            importlib.import_module("benchmarks.sides.dolma_language")
        self.tagger = TaggerRegistry.get(tagger)()
        self.rows = [InputSpec(id=str(i), text=text) for i, text in enumerate(texts)]

    def ready(self) -> None: ...

    def run(self) -> list[Any]:
        tag = self.tagger.tag
        return [tag(row) for row in self.rows]

    def told(self, tagged: list[dict[str, list[Any]]]) -> dict[str, list[float]]:
        """The score of the last span of each kind, 0 without one."""
        kinds = sorted({kind for columns in tagged for kind in columns})
        return {kind: [c[kind][-1][2] if c.get(kind) else 0.0 for c in tagged] for kind in kinds}


class Attributes:
    """Several taggers, and all that they write: spans as [start, end, score] in characters."""

    def __init__(self, texts: list[str], taggers: list[str], model: str) -> None:
        """taggers: dolma's names; ft_lid_en is its language tagger with this model."""
        self.sides = {name: Tag(texts, name, model) for name in taggers}

    def ready(self) -> None: ...

    def run(self) -> dict[str, list[Any]]:
        return {name: side.run() for name, side in self.sides.items()}

    def told(self, tagged: dict[str, list[Any]]) -> dict[str, list[dict[str, list[Any]]]]:
        return tagged
