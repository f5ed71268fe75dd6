"""The `fasttext` library: predict, a document a call, line ends as spaces as it demands."""

import json
from pathlib import Path
from typing import Any

import fasttext


class Language:
    def __init__(self, texts: list[str], model: str) -> None:
        self.model = fasttext.load_model(model)
        self.lines = [text.replace("\n", " ") for text in texts]

    def ready(self) -> None: ...

    def run(self) -> list[Any]:
        predict = self.model.predict
        return [predict(line) for line in self.lines]

    def told(self, predicted: list[Any]) -> dict[str, list[Any]]:
        top = [labels[0].removeprefix("__label__") if labels else None for labels, _ in predicted]
        return {
            "top": top,
            "top_score": [float(scores[0]) if len(scores) else None for _, scores in predicted],
        }


class Sentences:
    """One label on each sentence; a document's score is the mean weighted by characters."""

    def __init__(self, texts: list[str], model: str, label: str, sentences: str) -> None:
        """sentences: a JSON file, a list of them for each document, found beforehand."""
        self.model = fasttext.load_model(model)
        self.label = f"__label__{label}"
        found = json.loads(Path(sentences).read_text(encoding="utf-8"))
        self.documents = found[: len(texts)]

    def ready(self) -> None: ...

    def run(self) -> list[list[Any]]:
        predict = self.model.predict
        return [[predict(s, k=2) for s in document] for document in self.documents]

    def told(self, predicted: list[list[Any]]) -> list[float]:
        return [
            sum(len(s) * self._score(*p) for s, p in zip(document, found, strict=True))
            / max(1, sum(map(len, document)))
            for document, found in zip(self.documents, predicted, strict=True)
        ]

    def _score(self, labels: Any, scores: Any) -> float:
        return next(
            (float(x) for name, x in zip(labels, scores, strict=True) if name == self.label), 0.0
        )
