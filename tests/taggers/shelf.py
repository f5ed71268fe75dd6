"""Taggers as a recipe loads them."""

import itertools

import msgspec

from dolma_pipe import shelf
from dolma_pipe.batch import Batch, batch_of
from dolma_pipe.kernels.spans import masked
from dolma_pipe.tagger import Spans, Tagger


def tagger(name: str, **settings: object) -> Tagger:
    kind: type[Tagger] = shelf.load(shelf.find("taggers", name), Tagger)
    found: Tagger = msgspec.convert(settings, kind)
    return found


def values(name: str, column: str, texts: list[str], **settings: object) -> list[float]:
    """One column of numbers for these texts."""
    found = tagger(name, **settings).tag(batch_of(texts))[column]
    assert not isinstance(found, tuple)
    return [float(x) for x in found]


def masked_texts(
    name: str, replacements: dict[str, str], texts: list[str], **settings: object
) -> list[str]:
    """The texts with these span columns of a tagger masked."""
    batch = batch_of(texts)
    columns = tagger(name, **settings).tag(batch)
    masks = []
    for column, new in replacements.items():
        spans = columns[column]
        assert isinstance(spans, Spans)
        masks.append((spans, new.encode()))
    return decoded(batch, masks)


def decoded(batch: Batch, masks: list[tuple[Spans, bytes]]) -> list[str]:
    text, offsets, _ = masked(batch.text, batch.offsets, masks)
    raw = text.tobytes()
    return [raw[a:b].decode() for a, b in itertools.pairwise(offsets.tolist())]
