"""dolma's own detector of personal data, for `benchmarks.pii_side_by_side`: texts in, spans out."""

import json
import sys
from pathlib import Path

from dolma.core.data_types import Document
from dolma.core.registry import TaggerRegistry


def main(texts: str, spans: str) -> None:
    """Read one JSON string a line, write one list of [kind, start, end] a line."""
    tagger = TaggerRegistry.get("pii_regex_with_counts_fast_v2")()
    with (
        Path(texts).open(encoding="utf-8") as read,
        Path(spans).open("w", encoding="utf-8") as write,
    ):
        for line in read:
            found = tagger.predict(Document(source="", version="", id="", text=json.loads(line)))
            rows = [[s.type, s.start, s.end] for s in found.spans if not s.type.startswith("doc")]
            write.write(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
