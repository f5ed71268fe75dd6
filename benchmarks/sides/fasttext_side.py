"""The `fasttext` library: predict, a document a call, line ends as spaces as it demands."""

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
