"""Wordings: every form in every variant says its facts, and who leaves one out is refused."""

import pytest

from dolma_pipe.longtasks import cwe, rex
from dolma_pipe.longtasks.cwe import cwe_task
from dolma_pipe.longtasks.make import FAILED_CHECK, REFUSED, TOO_FEW_PARTS, with_tasks
from dolma_pipe.longtasks.rex import rex_task
from dolma_pipe.longtasks.task import Task
from dolma_pipe.longtasks.wording import Refused, Worded, Wording, check_worded
from dolma_pipe.shelf import find, load
from tests.longtasks import made

TEXT = made.document("wording", parts=7)
CHINESE = made.document(
    "z", made.CHINESE, made.CHINESE_FILLER, names=("乾坤", "朝露"), join="", stop="。"
)
TEMPLATES = load(find("wordings", "templates"), Wording)()


def all_forms(text: str) -> dict[str, Task]:
    vocabulary = made.vocabulary(text)
    found = [make(vocabulary, made.draw(i), 0) for make in (cwe_task, rex_task) for i in range(60)]
    return {task.form: task for task in found if task is not None}


TASKS = all_forms(TEXT)


def test_templates_say_everything_in_every_variant() -> None:
    assert set(TASKS) == {*cwe.FORMS, *rex.FORMS}
    for task in [*TASKS.values(), *all_forms(CHINESE).values()]:
        texts = set()
        for variant in range(24):
            worded = TEMPLATES.word(task, variant)
            check_worded(task, worded)
            texts.add(worded)
        assert len(texts) >= 4


@pytest.mark.parametrize("form", sorted(TASKS))
def test_without_its_facts_an_answer_is_refused(form: str) -> None:
    task = TASKS[form]
    worded = TEMPLATES.word(task, 0)
    for fact in task.facts():
        with pytest.raises(Refused, match="answer"):
            check_worded(task, worded._replace(answer=worded.answer.replace(fact, "~")))


@pytest.mark.parametrize("form", sorted(TASKS))
def test_a_question_that_cannot_be_answered_is_refused(form: str) -> None:
    task = TASKS[form]
    worded = TEMPLATES.word(task, 0)
    assert task.asked()
    for needed in task.asked():
        with pytest.raises(Refused, match="question"):
            check_worded(task, worded._replace(question=worded.question.replace(needed, "~")))


def test_a_number_inside_of_another_and_one_of_its_own_are_no_facts() -> None:
    task = TASKS["count"]
    n = task.counts[0]
    question = TEMPLATES.word(task, 0).question
    for answer in (f"1{n}", f"{n}5 times", f"It is {n}, no, {n + 100}."):
        with pytest.raises(Refused):
            check_worded(task, Worded(question, answer))
    check_worded(task, Worded(question, f"It is {n}."))


class Liar(Wording, frozen=True):
    """Says one more than was counted."""

    def word(self, task: Task, variant: int) -> Worded:
        worded = TEMPLATES.word(task, variant)
        return worded._replace(answer=f"None of it: {sum(task.counts) + 1}")


def test_a_liar_is_refused_and_the_document_has_no_task() -> None:
    made_ = with_tasks(TEXT, ("cwe", "rex"), 4, made.draw(), Liar())
    assert made_.tasks == []
    assert set(made_.lost) == {REFUSED}
    assert made_.reason() == REFUSED


def test_tasks_stand_below_the_document_where_metadata_says() -> None:
    made_ = with_tasks(TEXT, ("cwe", "rex"), 6, made.draw(), TEMPLATES)
    assert made_.text.startswith(TEXT)
    kinds = {task["kind"] for task in made_.tasks}
    assert kinds == {"cwe", "rex"}
    content = made_.text.encode()
    for i, told in enumerate(made_.tasks):
        question = content[slice(*told["question"])].decode()
        answer = content[slice(*told["answer"])].decode()
        assert f"\n\n{question}\n{answer}\n" in made_.text
        assert told["words"][0] in question or told["form"] == "most"
        assert i == 0 or made_.tasks[i - 1]["answer"][1] < told["question"][0]
    assert len({msg["question"][0] for msg in made_.tasks}) == len(made_.tasks)


def test_the_same_document_and_seed_give_the_same_tasks_and_another_seed_others() -> None:
    one, same, other = (
        with_tasks(TEXT, ("cwe", "rex"), 2, made.draw(seed=seed), TEMPLATES) for seed in (1, 1, 2)
    )
    assert one == same
    assert one.text != other.text


def test_a_short_document_has_too_few_parts() -> None:
    made_ = with_tasks("A few words. " * 20, ("cwe",), 1, made.draw(), TEMPLATES)
    assert made_.reason() == TOO_FEW_PARTS


def test_a_task_that_fails_its_check_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from dolma_pipe.longtasks.words import Terms

    right = Terms.of_part

    def wrong(self: Terms, part: int) -> object:
        numbers, counts = right(self, part)
        return numbers, counts + 1

    monkeypatch.setattr(Terms, "of_part", wrong)
    lost = sum(
        with_tasks(TEXT, ("cwe",), 1, made.draw(i), TEMPLATES).lost[FAILED_CHECK] for i in range(12)
    )
    assert lost >= 6  # all but those that count by part
