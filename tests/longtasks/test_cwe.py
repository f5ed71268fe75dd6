"""CWE: counts that an independent rule finds again, and questions with one answer."""

import re
from collections import Counter

import msgspec
import pytest

from dolma_pipe.longtasks import cwe
from dolma_pipe.longtasks.check import CheckFailed, check_task
from dolma_pipe.longtasks.cwe import cwe_task
from dolma_pipe.longtasks.sections import parts_of
from dolma_pipe.longtasks.task import Task
from tests.longtasks import made

LANGUAGES = {
    "latin": made.document("latin"),
    "cyrillic": made.document("c", made.CYRILLIC, made.CYRILLIC_FILLER, names=("Обломов", "Орша")),
    "arabic": made.document("a", made.ARABIC, made.ARABIC_FILLER, names=("الأندلس", "بغداد")),
}
CHINESE = made.document(
    "z", made.CHINESE, made.CHINESE_FILLER, names=("乾坤", "朝露"), join="", stop="。"
)


def recounted(text: str, task: Task) -> list[Counter[str]]:
    """Words of every part, by a regular expression."""
    content = text.encode()
    bodies = [content[part.start : part.end].decode() for part in task.parts]
    return [Counter(re.findall(r"[^\W\d_]+", body.lower())) for body in bodies]


def tasks_on(text: str, turns: int = 24) -> list[Task]:
    vocabulary = made.vocabulary(text)
    found = [cwe_task(vocabulary, made.draw(), turn) for turn in range(turns)]
    assert None not in found
    return [task for task in found if task is not None]


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_counts_are_found_again(language: str) -> None:
    text = LANGUAGES[language]
    forms = set()
    for task in tasks_on(text):
        forms.add(task.form)
        check_task(text, task)
        counts = recounted(text, task)
        words = [word.lower() for word in task.words]
        if task.form == "spread":
            assert task.counts == tuple(part[words[0]] for part in counts)
        else:
            assert task.counts == tuple(counts[task.part - 1][word] for word in words)
        assert all(len(word) >= task.letters for word in words)
    assert forms == set(cwe.FORMS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_most_frequent_words_are_that(language: str) -> None:
    text = LANGUAGES[language]
    for task in tasks_on(text):
        if task.form != "most":
            continue
        counts = recounted(text, task)
        ranked = Counter(
            {
                word: n
                for word, n in counts[task.part - 1].items()
                if len(word) >= task.letters
                and sum(word in part for part in counts) <= len(counts) // 2
            }
        ).most_common()
        asked = [(word.lower(), n) for word, n in zip(task.words, task.counts, strict=True)]
        assert ranked[: len(asked)] == asked
        distinct = [n for _, n in ranked[: len(asked) + 1]]
        assert len(set(distinct)) == len(distinct), "a tie"


def test_chinese_is_asked_about_pairs_of_characters() -> None:
    for task in tasks_on(CHINESE):
        check_task(CHINESE, task)
        content = CHINESE.encode()
        bodies = [content[part.start : part.end].decode() for part in task.parts]
        assert task.unit == "pair"
        assert all(len(word) == 2 for word in task.words)
        if task.form == "spread":
            assert task.counts == tuple(body.count(task.words[0]) for body in bodies)
        else:
            body = bodies[task.part - 1]
            assert task.counts == tuple(body.count(word) for word in task.words)


def test_function_words_are_not_asked_about() -> None:
    asked = {word for task in tasks_on(LANGUAGES["latin"]) for word in task.words}
    assert asked
    assert not asked & set(made.FILLER)


def test_without_a_unique_most_frequent_word_nobody_is_asked_for_it() -> None:
    parts = []
    for i in range(6):
        words = [f"{name}{'abcdef'[i]}" for name in ("mellow", "bitter")]
        filler = " ".join(["with them all"] * 60)
        parts.append(f"## Part {i}\n\n" + ". ".join(f"{' '.join(words)} {filler}" for _ in "1234"))
    text = "\n\n".join(parts)
    tasks = tasks_on(text)
    assert tasks
    assert all(task.form != "most" for task in tasks)


def test_text_that_is_all_the_same_has_no_task() -> None:
    text = "\n\n".join(f"({i}) " + "they have been there with them. " * 40 for i in range(40))
    vocabulary = made.vocabulary(text)
    assert len(vocabulary.parts) >= 3
    assert all(cwe_task(vocabulary, made.draw(), turn) is None for turn in range(8))


@pytest.mark.parametrize("form", cwe.FORMS)
def test_a_wrong_count_fails_the_check(form: str) -> None:
    text = LANGUAGES["latin"]
    task = next(task for task in tasks_on(text) if task.form == form)
    wrong = msgspec.structs.replace(task, counts=(*task.counts[:-1], task.counts[-1] + 1))
    with pytest.raises(CheckFailed):
        check_task(text, wrong)


@pytest.mark.parametrize("form", cwe.FORMS)
def test_a_task_of_another_shape_fails_the_check(form: str) -> None:
    text = LANGUAGES["latin"]
    task = next(task for task in tasks_on(text) if task.form == form)
    check_task(text, task)
    for wrong in (
        {"words": ()},
        {"words": (), "counts": ()},
        {"words": (*task.words, "zzz")},
        {"counts": (*task.counts, 3)},
        {"counts": task.counts[:-1]},
        {"part": len(task.parts) + 1},
        {"parts": ()},
    ):
        with pytest.raises(CheckFailed):
            check_task(text, msgspec.structs.replace(task, **wrong))


def test_a_missing_word_fails_the_check() -> None:
    text = LANGUAGES["latin"]
    task = next(t for t in tasks_on(text) if t.form == "most" and len(t.words) > 1)
    fewer = msgspec.structs.replace(task, words=task.words[1:], counts=task.counts[1:])
    with pytest.raises(CheckFailed):
        check_task(text, fewer)


def test_a_text_of_other_parts_fails_the_check() -> None:
    text = LANGUAGES["latin"]
    task = tasks_on(text)[0]
    with pytest.raises(CheckFailed, match="gaps"):
        check_task(text + " ", task)
    again = task.parts[1].beginning.encode()
    assert again.isascii()
    with pytest.raises(CheckFailed, match="unique"):
        check_task(text[: -len(again) - 1] + f" {again.decode()}", task)


def test_parts_cover_the_document_and_begin_as_told() -> None:
    text = LANGUAGES["arabic"] * 2  # nothing in it stands there once
    assert parts_of(made.buffer(text)) == ()
    for text in LANGUAGES.values():
        parts = parts_of(made.buffer(text))
        assert len(parts) >= 3
        content = text.encode()
        assert [p.start for p in parts] == [0, *(p.end for p in parts[:-1])]
        assert parts[-1].end == len(content)
        for part in parts:
            head = " ".join(content[part.start : part.end].decode().split())
            assert head.startswith(part.beginning)
            assert " ".join(text.split()).count(part.beginning) == 1


def test_sigma_and_case_make_no_difference() -> None:
    filler = "και το της στην από " * 80
    parts = [f"## {i}\n\n{filler}" for i in range(5)]
    parts[2] += "ΟΔΟΣ οδος Οδος δρόμος Δρόμος ΔΡΌΜΟΣ δρόμος. " * 4
    text = "\n\n".join(parts)
    for task in tasks_on(text):
        check_task(text, task)
        wanted = {"οδος": 12, "δρόμος": 16}
        for word, n in zip(task.words, task.counts, strict=False):
            if task.form != "spread":
                assert wanted[word.lower()] == n
