"""Spans whose text no page shows: taggers and masks say which."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.recipe import Mask, Source, TaggerUse
from dolma_pipe.report.page.column_help import help_of
from dolma_pipe.report.page.excerpts import excerpt
from dolma_pipe.report.page.hidden import _tagged
from dolma_pipe.report.page.marks import MATCHES, marks_of
from dolma_pipe.report.page.sample import Sample
from dolma_pipe.shelf import Found, find
from dolma_pipe.tagger import Spans

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
    return Sample(source, (), dict.fromkeys(columns, "spans"), (), {})


def test_a_tagger_of_personal_data_and_a_mask_with_a_text_hide() -> None:
    columns = ["pii.email", "pii.phone", "pii.ip", "c4.removed", "toxicity.hits", "own.spans"]
    sample = sample_of(
        [find("taggers", "pii"), find("taggers", "c4"), find("taggers", "toxicity")],
        columns,
        {"pii.email": "|||EMAIL|||", "pii.ip": "", "c4.removed": "\n", "toxicity.hits": "***"},
    )
    assert sample.hidden == {
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
        ("private: ClassVar[bool] = not False", True),
        ("this is no Python", True),
    ],
)
def test_a_tagger_of_ones_own_says_it_too(line: str, hides: bool) -> None:
    found = sample_of([own(line)], ["names.person"], {}).hidden
    assert list(found) == (["names.person"] if hides else [])


def spans(*found: tuple[int, int]) -> Spans:
    starts, ends = np.array(found, np.int64).reshape(-1, 2).T
    return Spans(np.array([0, len(found)]), starts, ends, np.ones(len(found)))


def test_what_is_cut_out_does_not_show_what_is_hidden_in_it() -> None:
    text = b"Call 555-0100 or mail me@example.org now.\nEnd."
    found = {
        "pii.email": spans((22, 36)),
        "pii.phone": spans((5, 13)),
        "pii.id": spans((25, 41)),
        "c4.removed": spans((0, 42)),
    }
    hidden = {"pii.email": "|||EMAIL|||", "pii.phone": "⟨pii.phone⟩", "pii.id": "(id)"}
    masks = {"pii.email": "|||EMAIL|||", "c4.removed": "", "pii.id": "(id)"}
    pieces = excerpt(text, marks_of(found, hidden, masks))
    assert [(piece.tone, piece.text) for piece in pieces] == [
        ("gone", "Call "),
        ("match", "⟨pii.phone⟩"),
        ("gone", " or mail "),
        ("new", "|||EMAIL|||"),
        ("gone", "\n"),
        ("plain", "End."),
    ]


def test_an_excerpt_that_ends_in_a_hidden_stretch_shows_nothing_of_it() -> None:
    many = spans(*((10 * k, 10 * k + 9) for k in range(3 * MATCHES)))
    marks = marks_of({"pii.secret": many}, {"pii.secret": "*"}, {})
    assert len(marks) == 3 * MATCHES
    told = excerpt(b"secret123," * 3 * MATCHES, marks, 125, length=128)
    assert "".join(piece.text for piece in told).strip("…") == "*," * 13 + "*"
    assert [mark.start for mark in marks_of({"c4.removed": many}, {}, {})][-1] == 10 * MATCHES - 10
    assert marks_of({}, {}, {}) == []


def test_only_taggers_of_this_package_are_asked_again() -> None:
    """The manifest of a run is data: a report of it runs nothing that it names."""
    texts = [b"mail me@example.org"]
    told = _tagged(use_of(find("taggers", "pii")), texts)
    assert told is not None
    assert told["email"].ends.tolist() == [19]  # type: ignore[union-attr]
    assert _tagged(use_of(own("private = True")), texts) is None
    module = msgspec.structs.replace(find("taggers", "pii"), name="mine.pii", module="mine.pii")
    assert _tagged(use_of(module), texts) is None
    assert _tagged(use_of(find("taggers", "lid")), texts) is None, "it needs a model"
    odd = TaggerUse("content", "pii", find("taggers", "pii"), {"finds": "email"})
    assert _tagged(odd, texts) is None


def test_a_file_is_found_without_a_package_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of one that is not here nobody knows what it looks for."""
    for name in ("evil", "evil/inner"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('it ran')")
    (tmp_path / "evil/inner/names.py").write_text(SAID.replace("{line}", "private = False"))
    monkeypatch.syspath_prepend(tmp_path)
    there, gone = (Found(n, "names", n, None, "") for n in ("evil.inner.names", "evil.gone"))
    assert sample_of([there], ["names.person"], {}).hidden == {}
    assert help_of(sample_of([there], [], {}).source, "names.person").startswith("Columns: ")
    assert list(sample_of([gone], ["names.person"], {}).hidden) == ["names.person"]
    assert help_of(sample_of([gone], [], {}).source, "names.person") == ""
