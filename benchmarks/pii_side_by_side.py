"""Our detector of personal data and dolma's, side by side on a folder of documents.

    python -m benchmarks.pii_side_by_side FOLDER [REGION ...]

FOLDER is in dolma's layout. Prints by kind how many spans both find (they overlap), only we and
only dolma (`pii_regex_with_counts_fast_v2`), and 30 of the differences with the text around them,
drawn by a seed, for a person to look at. What it prints is personal data: keep it to yourself.
"""

import json
import random
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.corpus import Corpus
from benchmarks.peers import peer_python
from benchmarks.race import ROOT
from dolma_pipe.batch import batch_of
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Spans, Tagger

KINDS = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "IP_ADDRESS": "ip"}
SAMPLE, CONTEXT, SEED = 30, 60, 1


class Span(NamedTuple):
    """Characters of the document of this number."""

    document: int
    start: int
    end: int


def ours(texts: list[str], regions: list[str]) -> dict[str, list[Span]]:
    """Our spans by kind, in order."""
    settings = {"find": tuple(KINDS.values()), "regions": tuple(regions)}
    tagger = msgspec.convert(settings, load(find("taggers", "pii"), Tagger))
    tagger.check()
    columns = tagger.tag(batch_of(texts))
    found: dict[str, list[Span]] = {}
    for kind in KINDS.values():
        spans = columns[kind]
        assert isinstance(spans, Spans)
        rows = found[kind] = []
        for d, (first, last) in enumerate(pairwise(spans.offsets.tolist())):
            raw = texts[d].encode() if last > first else b""
            for start, end in zip(spans.starts[first:last], spans.ends[first:last], strict=True):
                rows.append(Span(d, len(raw[:start].decode()), len(raw[:end].decode())))
    return found


def dolmas(texts: list[str]) -> dict[str, list[Span]]:
    """dolma's spans by kind, in order; it runs in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder, "texts"), Path(folder, "spans")
        given.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        python = str(peer_python("dolma"))
        command = [python, "-m", "benchmarks.sides.dolma_pii", str(given), str(told)]
        subprocess.run(command, cwd=ROOT, check=True)
        rows = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    found: dict[str, list[Span]] = {kind: [] for kind in KINDS.values()}
    for d, spans in enumerate(rows):
        for kind, start, end in spans:
            found[KINDS[kind]].append(Span(d, start, end))
    return {kind: sorted(spans) for kind, spans in found.items()}


def only(spans: Iterable[Span], others: list[Span]) -> list[Span]:
    """Those that none of the others overlaps."""
    by_document: dict[int, list[Span]] = defaultdict(list)
    for other in others:
        by_document[other.document].append(other)
    alone = []
    for span in spans:
        near = by_document[span.document]
        at = bisect_left(near, span._replace(start=span.end, end=0))
        if at == 0 or near[at - 1].end <= span.start:
            alone.append(span)
    return alone


def shown(text: str, span: Span) -> str:
    """The span between angle quotes, and what stands around it."""
    before = text[max(0, span.start - CONTEXT) : span.start]
    after = text[span.end : span.end + CONTEXT]
    return f"{before}»{text[span.start : span.end]}«{after}".replace("\n", "⏎")


def main(folder: str, *regions: str) -> None:
    texts = Corpus(Path(folder)).texts
    mine, theirs = ours(texts, list(regions)), dolmas(texts)
    differences: list[tuple[str, str, Span]] = []
    print(
        f"{len(texts)} documents\n{'kind':6} {'ours':>7} {'dolma':>7} {'both':>7} only ours, dolma"
    )
    for kind in KINDS.values():
        alone, missed = only(mine[kind], theirs[kind]), only(theirs[kind], mine[kind])
        both = len(mine[kind]) - len(alone)
        counts = (
            f"{len(mine[kind]):7} {len(theirs[kind]):7} {both:7} {len(alone):9} {len(missed):6}"
        )
        print(f"{kind:6} {counts}")
        differences += [("ours", kind, span) for span in alone]
        differences += [("dolma", kind, span) for span in missed]
    sample = random.Random(SEED).sample(differences, min(SAMPLE, len(differences)))
    for n, (side, kind, span) in enumerate(sorted(sample, key=lambda row: row[:2]), 1):
        print(f"{n:3} only {side:5} {kind:5} {shown(texts[span.document], span)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
