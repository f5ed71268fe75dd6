"""What every embedding model has: a name, a number of dimensions, and one method."""

from abc import ABC, abstractmethod

from dolma_pipe.kernels.jit import I16, I64, U8


class Embedder(ABC):
    """Turns documents into unit vectors."""

    name: str
    """As the recipe has it."""

    dimensions: int

    fingerprint: str
    """Changes with the model and with every setting that its vectors depend on."""

    @abstractmethod
    def embed(self, text: U8, offsets: I64) -> I16:
        """int16[documents, dimensions]: unit vectors in multiples of 1 / kernels.vectors.UNIT.

        text: UTF-8; offsets: int64[documents + 1]. A row of zeros: nothing to embed. A row depends
        on its own document alone.
        """
