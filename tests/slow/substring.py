"""Repeated runs the obvious ways: by all windows, and by a suffix array; joining and borders."""

import numpy as np
from pydivsufsort import divsufsort, kasai

Spans = list[tuple[int, int]]


def repeat_windows(documents: list[bytes], width: int) -> list[list[int]]:
    """Where repeats start: the definition word by word, with a dict of all windows."""
    first: dict[bytes, tuple[int, int]] = {}
    found = []
    for d, text in enumerate(documents):
        repeats = []
        for i in range(len(text) - width + 1):
            e, j = first.setdefault(text[i : i + width], (d, i))
            if e < d or j <= i - width:
                repeats.append(i)
        found.append(repeats)
    return found


def repeat_windows_by_suffix_array(documents: list[bytes], width: int) -> list[list[int]]:
    """The same: neighbours in the suffix array that share `width` bytes are equal windows."""
    lengths = [len(text) for text in documents]
    starts = np.cumsum([0, *lengths])
    document = np.repeat(np.arange(len(documents)), lengths)
    corpus = b"".join(documents)
    array = divsufsort(corpus)
    shared = kasai(corpus, array)  # of each suffix with the next one
    group = np.concatenate([[0], np.cumsum(shared[:-1] < width)])
    inside = array + width <= starts[document[array] + 1]
    array, group = array[inside].astype(np.int64), group[inside]
    first = np.full(int(group.max(initial=0)) + 1, len(corpus))
    np.minimum.at(first, group, array)
    other = first[group]
    hit = (document[other] < document[array]) | (other <= array - width)
    found = np.sort(array[hit])
    return [
        (found[(found >= a) & (found < a + n)] - a).tolist()
        for a, n in zip(starts[:-1].tolist(), lengths, strict=True)
    ]


def covered(windows: list[int], width: int) -> Spans:
    """What windows cover, as stretches that do not touch."""
    spans: Spans = []
    for i in windows:
        if spans and i <= spans[-1][1]:
            spans[-1] = (spans[-1][0], i + width)
        else:
            spans.append((i, i + width))
    return spans


def joined(spans: Spans, share: float) -> Spans:
    """Greedily from the left; each result with what it is made of."""
    made: list[Spans] = []
    for span in spans:
        if made:
            together = [*made[-1], span]
            inside = sum(b - a for a, b in together)
            if round(inside / (span[1] - together[0][0]), 6) >= round(share, 6):
                made[-1] = together
                continue
        made.append([span])
    return [(parts[0][0], parts[-1][1]) for parts in made]


def moved(text: bytes, span: tuple[int, int], within: int, borders: list[list[int]]) -> Spans:
    """A stretch moved inwards. borders: where lines start, where sentences do."""
    start, end = span
    for some in borders:
        near = [at for at in some if start <= at <= start + within and at < end]
        if near:
            start = near[0]
            break
    while start < end and not _splits(text, start):
        start += 1
    if end < len(text):
        for some in borders:
            near = [at for at in some if end - within <= at <= end and at > start]
            if near:
                end = near[-1]
                break
        while end > start and not _splits(text, end):
            end -= 1
    return [(start, end)] if start < end else []


def _splits(text: bytes, at: int) -> bool:
    """Whether both halves are texts."""
    try:
        text[:at].decode()
    except UnicodeDecodeError:
        return False
    return True
