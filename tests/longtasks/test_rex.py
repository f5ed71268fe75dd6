"""REX: excerpts byte for byte, complete, in order; a lie of any form is found."""

import re
from functools import cache

import msgspec
import numpy as np
import pytest

from dolma_pipe.longtasks import rex
from dolma_pipe.longtasks.check import CheckFailed, check_task
from dolma_pipe.longtasks.rex import rex_task
from dolma_pipe.longtasks.sentences import Quotable
from dolma_pipe.longtasks.task import Task
from tests.longtasks import made

TEXT = made.document("rex", parts=7, names=("Aldermere", "Corvane Lake"))
CHINESE = made.document(
    "z", made.CHINESE, made.CHINESE_FILLER, names=("乾坤", "朝露"), join="", stop="。"
)


def tasks_on(text: str, documents: int = 60) -> list[Task]:
    vocabulary = made.vocabulary(text)
    found = [rex_task(vocabulary, made.draw(i), 0) for i in range(documents)]
    return [task for task in found if task is not None]


@cache
def all_tasks() -> list[Task]:
    """Made when the first test wants them: both workers of pytest collect this file."""
    return tasks_on(TEXT)


def a_task(form: str) -> Task:
    """The last one of a vignette."""
    return {task.form: task for task in all_tasks()}[form]


def test_all_vignettes_are_made() -> None:
    assert {task.form for task in all_tasks()} == set(rex.FORMS)
    assert len(rex.FORMS) == 12


@pytest.mark.parametrize("text", [TEXT, CHINESE], ids=["latin", "chinese"])
def test_excerpts_are_verbatim_and_counts_are_found_again(text: str) -> None:
    tasks = tasks_on(text, 20)
    assert tasks
    content = text.encode()
    for task in tasks:
        check_task(text, task)
        bodies = [content[part.start : part.end].decode() for part in task.parts]
        flat = [" ".join(body.split()).lower() for body in bodies]
        # characters of Chinese pairs touch other letters, words do not
        edge = "" if task.unit == "pair" else r"\b"
        pattern = edge + re.escape(task.expression.lower()) + edge
        assert task.counts == tuple(len(re.findall(pattern, body)) for body in flat)
        assert sum(n > 0 for n in task.counts) >= 3
        for excerpt in task.excerpts:
            assert content[excerpt.start : excerpt.end] == excerpt.text.encode()
            part = task.parts[excerpt.part - 1]
            assert part.start <= excerpt.start < excerpt.end <= part.end


def test_a_list_has_every_occurrence() -> None:
    for task in all_tasks():
        if task.form in ("list", "concordance"):
            inside = sum(
                len(re.findall(rf"\b{task.expression.lower()}\b", excerpt.text.lower()))
                for excerpt in task.excerpts
            )
            assert inside >= sum(task.counts)
            starts = [excerpt.start for excerpt in task.excerpts]
            assert starts == sorted(set(starts))


def test_order_and_match_tell_the_order_and_the_parts_of_what_is_shown() -> None:
    order = a_task("order")
    places = [TEXT.encode().index(order.excerpts[i].text.encode()) for i in order.shown]
    letters = "".join(letter for _, letter in sorted(zip(places, "ABCDEFGH", strict=False)))
    assert order.facts() == tuple(letters)
    match = a_task("match")
    assert match.facts()[1::2] == tuple(str(match.excerpts[i].part) for i in match.shown)


def test_the_next_sentence_and_the_rest_of_one_follow_in_the_text() -> None:
    after, cloze = a_task("next"), a_task("cloze")
    assert f"{after.given} {after.excerpts[0].text}" in TEXT
    assert f"{cloze.given} {cloze.facts()[0]}" in TEXT
    assert TEXT.count(after.given) == TEXT.count(cloze.given) == 1


def test_a_piece_of_a_longer_phrase_is_no_expression() -> None:
    text = made.document("piece", parts=7, names=("Corvane Lake Road", "they"))
    expressions = {task.expression for task in tasks_on(text, 60)}
    assert not expressions & {"Corvane", "Lake", "Road", "Corvane Lake", "Lake Road"}
    names = made.document("piece", parts=7, names=("Corvane Lake", "they"))
    assert "Corvane Lake" in {task.expression for task in tasks_on(names, 60)}


def without_first(task: Task) -> Task:
    return msgspec.structs.replace(task, excerpts=task.excerpts[1:])


def other_part(task: Task) -> Task:
    first = task.excerpts[0]
    wrong = msgspec.structs.replace(first, part=first.part % len(task.parts) + 1)
    return msgspec.structs.replace(task, excerpts=(wrong, *task.excerpts[1:]))


def other_text(task: Task) -> Task:
    first = task.excerpts[0]
    wrong = msgspec.structs.replace(first, text=first.text.swapcase())
    return msgspec.structs.replace(task, excerpts=(wrong, *task.excerpts[1:]))


def other_counts(task: Task) -> Task:
    return msgspec.structs.replace(task, counts=(*task.counts[1:], task.counts[0]))


@pytest.mark.parametrize("form", ["list", "concordance", "table", "ends", "order", "match"])
def test_what_is_left_out_is_missed(form: str) -> None:
    with pytest.raises(CheckFailed):
        check_task(TEXT, without_first(a_task(form)))


@pytest.mark.parametrize("form", sorted(set(rex.FORMS) - {"absent"}))
@pytest.mark.parametrize("lie", [other_part, other_text, other_counts])
def test_a_lie_fails_the_check(form: str, lie: object) -> None:
    task = a_task(form)
    wrong = lie(task)  # type: ignore[operator]
    assert wrong != task
    with pytest.raises(CheckFailed):
        check_task(TEXT, wrong)


@pytest.mark.parametrize("form", sorted(set(rex.FORMS) - {"absent"}))
def test_a_task_without_excerpts_or_of_no_part_fails_the_check(form: str) -> None:
    task = a_task(form)
    outside = msgspec.structs.replace(task.excerpts[0], part=len(task.parts) + 1)
    for excerpts in ((), (outside, *task.excerpts[1:])):
        with pytest.raises(CheckFailed):
            check_task(TEXT, msgspec.structs.replace(task, excerpts=excerpts))


def test_an_expression_of_two_parts_only_is_not_asked_about() -> None:
    text = made.document("few", parts=7, names=("w",))
    expressions = {task.expression for task in tasks_on(text, 30)}
    vocabulary = made.vocabulary(text)
    assert all(len(word) > vocabulary.letters for word in expressions)
    for task in tasks_on(text, 30):
        assert sum(n > 0 for n in task.counts) >= 3


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("The old bridge was closed for the winter.", True),
        ("the old bridge was closed for the winter.", False),  # starts in the middle
        ("The old bridge was closed for the winter", False),  # a heading or a table
        ("It was closed.", False),  # too short to mean anything
        ("The bridge is described at length by Mr.", False),  # breaks off
        ("The bridge was described to all of them by him.", True),
        ("The bridge is described at length by Roe et al.", False),
        ("The bridge (which was closed for the winter.", False),
        ("“Nobody crossed the bridge in that long winter,” he said.", True),
        ("“Nobody crossed the bridge in that long winter.", False),
        ("| the bridge | was closed for the whole winter. |", False),
        ("那座老桥整个冬天都关闭了。", True),
    ],
)
def test_sentences_that_can_be_quoted(text: str, good: bool) -> None:
    quotable = Quotable(np.frombuffer(text.encode(), np.uint8))
    assert quotable.good(0) == good


def test_the_rest_of_a_sentence_is_not_quoted() -> None:
    text = "This was shown before by Dr. Smith for all bridges of the valley. It was cold there."
    quotable = Quotable(np.frombuffer(text.encode(), np.uint8))
    read = [quotable.read(i) for i in range(len(quotable.starts)) if quotable.good(i)]
    assert "Smith for all bridges of the valley." not in read


def test_sentences_of_a_wrapped_text_go_over_lines() -> None:
    lines = [
        "The road that leads up to the old mill is closed in",
        "winter because of all the snow that falls there.",
    ]
    text = "\n\n".join(["\n".join(lines)] * 5)
    quotable = Quotable(np.frombuffer(text.encode(), np.uint8))
    assert quotable.read(0) == "\n".join(lines)
