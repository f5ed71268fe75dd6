"""What every tagger on the shelf promises, whoever wrote it."""

import numpy as np
import pytest

from dolma_pipe.batch import Batch, batch_of
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Labels, Spans, Tagger

TEXTS = [
    "The quick brown fox and the lazy dog have met. Write to fox@example.org, or call no one.",
    "",
    " ",
    "我们都是好朋友。今天天气很好，大家一起去公园玩。",
    "word",
    "- item\n- item\n- item\n\nsame\nsame\nsame...",
    "\x00\u200b\u0301 𝒳 \u2028 \U0010ffff",
    "a" * 10_000 + "\n" * 1000,
]
NEED_SETTINGS = {
    "imported": "a folder of an import; tests/cli/test_attributes.py makes one",
    "metadata": "fields of the documents; tests/taggers/test_metadata.py names some",
    "classifier": "a model of the user's own; tests/taggers/test_classifier.py makes one",
}
ASSETS = {"lid", "token_repetition", "toxicity"}

TAGGERS = [
    pytest.param(name, marks=pytest.mark.asset if name in ASSETS else ())
    for name in names("taggers")
    if name not in NEED_SETTINGS
]


def tagger(name: str) -> Tagger:
    return load(find("taggers", name), Tagger)()


@pytest.mark.parametrize("name", TAGGERS)
def test_the_columns_are_those_that_were_announced(name: str) -> None:
    made = tagger(name)
    columns = made.tag(batch_of(TEXTS))
    assert sorted(columns) == sorted(made.columns())
    spans = {column for column, values in columns.items() if isinstance(values, Spans)}
    assert spans == set(made.spans())
    for values in columns.values():
        if isinstance(values, Spans):
            assert len(values.offsets) == len(TEXTS) + 1
        else:
            assert len(values.codes if isinstance(values, Labels) else values) == len(TEXTS)


@pytest.mark.parametrize("name", TAGGERS)
def test_spans_lie_in_order_at_code_point_borders(name: str) -> None:
    for values in tagger(name).tag(batch_of(TEXTS)).values():
        if isinstance(values, Spans):
            for d, text in enumerate(TEXTS):
                data, last = text.encode(), 0
                for s in range(values.offsets[d], values.offsets[d + 1]):
                    assert last <= values.starts[s] < values.ends[s] <= len(data)
                    data[values.starts[s] : values.ends[s]].decode()
                    last = values.ends[s]


@pytest.mark.parametrize("name", TAGGERS)
def test_a_document_is_scored_alike_in_any_company(name: str) -> None:
    made = tagger(name)
    together = made.tag(batch_of(TEXTS))
    for d in range(len(TEXTS)):
        alone = made.tag(batch_of([TEXTS[d]]))
        for column, values in together.items():
            assert describe(alone[column], 0) == describe(values, d), (column, TEXTS[d][:20])


@pytest.mark.parametrize("name", TAGGERS)
def test_no_documents_are_no_error(name: str) -> None:
    empty = Batch(batch_of(TEXTS).documents.slice(0, 0))
    for values in tagger(name).tag(empty).values():
        if isinstance(values, Spans):
            assert values.offsets.tolist() == [0]
        else:
            assert len(values.codes if isinstance(values, Labels) else values) == 0


@pytest.mark.parametrize("name", TAGGERS)
def test_cost_and_help_are_there(name: str) -> None:
    kind = load(find("taggers", name), Tagger)
    assert kind.cost > 0
    assert kind.__doc__
    with pytest.raises(TypeError):
        kind(no_such_setting=1)


def describe(values: object, d: int) -> object:
    """The value of document d, in a form that compares (NaN equals NaN)."""
    if isinstance(values, Spans):
        first, last = values.offsets[d], values.offsets[d + 1]
        columns = (values.starts, values.ends, values.scores)
        return [column[first:last].tolist() for column in columns]
    if isinstance(values, Labels):
        code = values.codes[d]
        return values.names[code] if code >= 0 else None
    assert isinstance(values, np.ndarray)
    return repr(float(values[d]))
