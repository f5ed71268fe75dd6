"""English as dolma, datatrove and ours find it, by the same model lid.176.ftz."""

from benchmarks.parity.documents import Choice, Doc
from benchmarks.parity.rules import Rule


def english(doc: Doc, choice: Choice) -> float:
    """Of our model, on the text as it stands or in lower case without white space around."""
    return float(doc.told["english_lower" if "lower" in choice else "english"] or 0.0)


DOLMA = (
    Rule(
        "English",
        "lid.en",
        "en",
        english,
        {"lower": "theirs looks at the text in lower case"},
        0.5,
    ),
)
DATATROVE = (Rule("English", "lid.en", "language", english, {}, 0.65, strict=True),)
