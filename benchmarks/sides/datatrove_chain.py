"""datatrove's filters one after another on a folder, every document through all, with its I/O.

python -m benchmarks.sides.datatrove_chain FOLDER OUT MODEL
"""

import sys
from collections.abc import Iterator
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter

from benchmarks.sides import datatrove_side as side

CHAIN = ("language", "repetition", "quality", "c4")


def through(documents: Any) -> Iterator[Document]:
    """Each document with the reasons of all filters as metadata, personal data masked."""
    filters = {name: one for name, one in side.whole_filters().items() if name in CHAIN}
    pii = side.PIIFormatter()
    for document in documents:
        document.metadata |= side.decided(filters, document.text)
        document.text = pii.format(document.text)
        yield document


def main(folder: str, out: str, model: str) -> None:
    side.use_model(model)
    writer = JsonlWriter(out, output_filename="${rank}.jsonl", compression=None)
    for _ in writer.run(through(JsonlReader(folder, glob_pattern="**/*.jsonl*").run())):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
