"""Commands around models need torch, which the pipeline does without."""

from collections.abc import Iterator
from contextlib import contextmanager

from dolma_pipe.errors import MissingExtra


@contextmanager
def torch_needed() -> Iterator[None]:
    """Around an import. Raises MissingExtra where torch or safetensors is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise MissingExtra("train", error.name) from None
