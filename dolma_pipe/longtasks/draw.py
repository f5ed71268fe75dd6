"""Choices of a document: hashes of the seed, its source and its id, the same on every machine."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from dolma_pipe.stages.keyed import key_of

T = TypeVar("T")


class Draw(NamedTuple):
    """Who draws."""

    seed: int
    source: str
    document: str

    def number(self, *purpose: str | int) -> int:
        """64 bits for one purpose."""
        return key_of(self.seed, "long tasks", self.source, self.document, *purpose)

    def shuffled(self, items: Sequence[T], *purpose: str | int) -> list[T]:
        """The items in the order of their draws."""
        order = sorted(range(len(items)), key=lambda i: self.number(*purpose, i))
        return [items[i] for i in order]
