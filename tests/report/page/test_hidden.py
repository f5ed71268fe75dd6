"""Spans whose text no page shows: taggers and masks say which."""

import msgspec
import pytest

from dolma_pipe.recipe import Mask, Source, TaggerUse
from dolma_pipe.report.page.hidden import hidden_columns
from dolma_pipe.report.page.sample import Sample
from dolma_pipe.shelf import Found, find

SAID = '''
from dolma_pipe.tagger import Tagger

class Names(Tagger, frozen=True):
    """Columns: `person` (spans).

    private = True, says this text alone.
    """

    {line}
'''


def use_of(found: Found) -> TaggerUse:
    return TaggerUse("content", found.prefix, found, {})


def own(line: str) -> Found:
    return Found("./names.py", "names", "names", SAID.replace("{line}", line), "")


def sample_of(founds: list[Found], columns: list[str], masks: dict[str, str]) -> Sample:
    of = tuple(Mask("content", column, text) for column, text in masks.items())
    source = Source("web", (), tuple(map(use_of, founds)), (), of, msgspec.UNSET)  # type: ignore[arg-type]
    return Sample(source, (), dict.fromkeys(columns, "spans"), ())


def test_a_tagger_of_personal_data_and_a_mask_with_a_text_hide() -> None:
    columns = ["pii.email", "pii.phone", "pii.ip", "c4.removed", "toxicity.hits", "own.spans"]
    sample = sample_of(
        [find("taggers", "pii"), find("taggers", "c4"), find("taggers", "toxicity")],
        columns,
        {"pii.email": "|||EMAIL|||", "pii.ip": "", "c4.removed": "\n", "toxicity.hits": "***"},
    )
    assert hidden_columns(sample) == {
        "pii.email": "|||EMAIL|||",
        "pii.phone": "⟨pii.phone⟩",
        "pii.ip": "⟨pii.ip⟩",
        "toxicity.hits": "***",
    }


@pytest.mark.parametrize(
    ("line", "hides"),
    [
        ("private: ClassVar[bool] = True", True),
        ("private = True", True),
        ("private: ClassVar[bool] = False", False),
        ("privates = True", False),
        ("private: bool", False),
        ("not Python", False),
    ],
)
def test_a_tagger_of_ones_own_says_it_too(line: str, hides: bool) -> None:
    found = hidden_columns(sample_of([own(line)], ["names.person"], {}))
    assert list(found) == (["names.person"] if hides else [])
