"""A corpus of real documents: what every Python installation has, and prose of three wheels."""

from dolma_pipe.sample.corpus import SourceCount, write_sample

__all__ = ["SourceCount", "write_sample"]
