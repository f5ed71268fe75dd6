"""English templates, several of each form, drawn by the seed."""

from collections.abc import Callable

from dolma_pipe.longtasks.task import LETTERS, Excerpt, Task
from dolma_pipe.longtasks.wording import Worded, Wording

Maker = Callable[[Task, int], tuple[str, str]]
HEADS = (("Question: ", "Answer: "), ("", ""), ("Exercise. ", "Solution. "), ("Task: ", "Result: "))
RULE = {
    "word": (
        "Count whole words and ignore case; a word is an unbroken run of letters, so a hyphen or an"
        " apostrophe ends it.",
        "Upper and lower case are the same, and only whole words count; any character that is not"
        " a letter ends a word.",
    ),
    "pair": (
        "Count every place where the two characters stand side by side.",
        "An occurrence is the two characters one right after the other.",
    ),
}


class Templates(Wording, frozen=True):
    """English sentences around the facts; documents may be of any language."""

    def word(self, task: Task, variant: int) -> Worded:
        variant, head = divmod(variant, len(HEADS))
        question, answer = _MAKERS[task.form](task, variant)
        before = f"{_outline(task)}\n\n" if task.listed else ""
        asks, answers = HEADS[head]
        answers = answers.rstrip() if answer.startswith("\n") else answers
        return Worded(asks + before + question, answers + answer)


def _outline(task: Task) -> str:
    parts = "\n".join(f"Part {i}: “{p.beginning} …”" for i, p in enumerate(task.parts, 1))
    return (
        f"Divide the text above into {len(task.parts)} parts. Each part begins with these words"
        f" and ends where the next one begins:\n{parts}"
    )


def _pick(variant: int, *texts: str) -> str:
    return texts[variant % len(texts)]


def _rule(task: Task, variant: int) -> str:
    return _pick(variant, *RULE[task.unit])


def _where(task: Task) -> str:
    """The part that is asked about, for a question without an outline."""
    end = task.ends_with()
    till = f"up to the words “{end} …”" if end else "to its end"
    return f"from the words “{task.parts[task.part - 1].beginning} …” {till}"


def _times(n: int) -> str:
    return f"{n} time" if n == 1 else f"{n} times"


def _most(task: Task, variant: int) -> tuple[str, str]:
    n = len(task.words)
    which = "word occurs" if n == 1 else f"{n} words occur"
    question = (
        f"Which {which} most often in part {task.part}, and how often? Look at words of at least"
        f" {task.letters} letters that occur in at most {len(task.parts) // 2} of the parts."
        f" {_rule(task, variant)}"
    )
    pairs = list(zip(task.words, task.counts, strict=True))
    if n == 1:
        return question, f"“{task.words[0]}”, {_times(task.counts[0])}."
    listed = ", ".join(f"{word} ({count})" for word, count in pairs)
    lines = "\n".join(f"{word}: {count}" for word, count in pairs)
    return question, _pick(variant, f"{listed}.", f"\n{lines}", f"They are {listed}.")


def _counts(task: Task, variant: int) -> tuple[str, str]:
    words = ", ".join(f"“{word}”" for word in task.words)
    question = _pick(
        variant,
        f"How often does each of these occur {_where(task)}: {words}? {_rule(task, variant)}",
        f"Read the text {_where(task)}. Give the number of occurrences there of {words}."
        f" {_rule(task, variant)}",
    )
    pairs = list(zip(task.words, task.counts, strict=True))
    sentence = ", ".join(f"“{word}” {_times(count)}" for word, count in pairs)
    lines = "\n".join(f"{word}: {count}" for word, count in pairs)
    return question, _pick(variant, f"{sentence}.", f"\n{lines}")


def _count(task: Task, variant: int) -> tuple[str, str]:
    word, n = task.words[0], task.counts[0]
    question = _pick(
        variant,
        f"How often does “{word}” occur {_where(task)}? {_rule(task, variant)}",
        f"Count “{word}” in the text {_where(task)}. {_rule(task, variant)}",
    )
    return question, _pick(variant, f"{_times(n)}.", f"It occurs {_times(n)} there.", f"{n}")


def _spread(task: Task, variant: int) -> tuple[str, str]:
    question = f"How often does “{task.expression}” occur in each part? {_rule(task, variant)}"
    listed = enumerate(task.counts, 1)
    if variant % 2:
        rows = "\n".join(f"| {i} | {n} |" for i, n in listed)
        return question, f"\n| part | occurrences |\n| --- | --- |\n{rows}"
    return question, "; ".join(f"part {i}: {n}" for i, n in listed) + "."


def _lines(excerpts: tuple[Excerpt, ...]) -> str:
    return "\n".join(f"- Part {e.part}: {e.text}" for e in excerpts)


def _list(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"Copy every sentence in which “{task.expression}” occurs, in the order of the text, each"
        " with the number of its part.",
        f"Find all sentences with “{task.expression}” and list them in order, part by part.",
        f"What does the text say about “{task.expression}”? Quote all sentences in which it"
        " occurs, with their parts.",
    )
    return question, "\n" + _lines(task.excerpts)


def _table(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"Make a table of the parts in which “{task.expression}” occurs: the part, how often, and"
        f" the first sentence there that has it. {_rule(task, variant)}",
        f"In which parts does “{task.expression}” occur, how often, and in which sentence first?"
        f" Answer with a table. {_rule(task, variant)}",
    )
    rows = "\n".join(f"| {e.part} | {task.counts[e.part - 1]} | {e.text} |" for e in task.excerpts)
    return question, f"\n| part | occurrences | first sentence |\n| --- | --- | --- |\n{rows}"


def _ends(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"Where does “{task.expression}” occur first in this text, and where last? Quote both"
        " sentences and give their parts.",
        f"Quote the first and the last sentence that has “{task.expression}”, with their parts.",
    )
    first, last = task.excerpts
    return (
        question,
        f"First in part {first.part}: {first.text}\nLast in part {last.part}: {last.text}",
    )


def _dialogue(task: Task, variant: int) -> tuple[str, str]:
    question = (
        f"Write a short conversation between a teacher and a student who has read the text: how"
        f" often “{task.expression}” occurs, where first, and where last. The student answers with"
        f" quotations. {_rule(task, variant)}"
    )
    first, last = task.excerpts
    return question, (
        f"\nTeacher: How often does “{task.expression}” occur in the text?\n"
        f"Student: {_times(sum(task.counts))} in all.\n"
        "Teacher: And where does it come up first?\n"
        f"Student: In part {first.part}, where it says: {first.text}\n"
        "Teacher: Where do we read of it for the last time?\n"
        f"Student: In part {last.part}: {last.text}"
    )


def _choices(task: Task) -> str:
    return "\n".join(f"{LETTERS[i]}. {task.excerpts[at].text}" for i, at in enumerate(task.shown))


def _quiz(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"All of these sentences mention “{task.expression}”. Which of them stands in part"
        f" {task.part}?\n{_choices(task)}",
        f"“{task.expression}” occurs in part {task.part}. In which of these sentences?\n"
        f"{_choices(task)}",
    )
    letter, text = task.facts()
    return question, _pick(variant, f"{letter}. {text}", f"{letter}: {text}")


def _cloze(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"One sentence of the text with “{task.expression}” in it begins “{task.given} …”. How does"
        " it go on?",
        f"Complete this sentence of the text, which has “{task.expression}” in it: “{task.given}"
        " …”",
    )
    return question, f"… {task.facts()[0]}"


def _order(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"These sentences of the text mention “{task.expression}”. Put them into the order in which"
        f" they stand there.\n{_choices(task)}",
        f"In which order do these sentences with “{task.expression}” come in the text?\n"
        f"{_choices(task)}",
    )
    return question, ", ".join(task.facts()) + "."


def _match(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"In which part does each of these sentences with “{task.expression}” stand?\n"
        f"{_choices(task)}",
        f"Match each of these mentions of “{task.expression}” with its part.\n{_choices(task)}",
    )
    facts = task.facts()
    return question, "\n".join(
        f"{letter}: part {part}" for letter, part in zip(facts[::2], facts[1::2], strict=True)
    )


def _concordance(task: Task, variant: int) -> tuple[str, str]:
    question = (
        f"Make a concordance of “{task.expression}”: every occurrence with up to four words on"
        f" either side inside of its sentence, in order, with its part. {_rule(task, variant)}"
    )
    return question, "\n" + _lines(task.excerpts)


def _next(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"Which sentence of the text follows this one, which mentions “{task.expression}”?\n"
        f"{task.given}",
        f"The text mentions “{task.expression}” here: {task.given}\nWhat is the next sentence?",
    )
    return question, task.excerpts[0].text


def _absent(task: Task, variant: int) -> tuple[str, str]:
    question = _pick(
        variant,
        f"In which parts does “{task.expression}” not occur at all? {_rule(task, variant)}",
        f"Name the parts without any occurrence of “{task.expression}”. {_rule(task, variant)}",
    )
    facts = task.facts()
    return question, f"Part{'s' if len(facts) > 1 else ''} {', '.join(facts)}."


def _summary(task: Task, variant: int) -> tuple[str, str]:
    question = (
        f"Sum up where “{task.expression}” occurs: how often in all, in how many parts, how often"
        f" in each of them, and the first sentence that has it. {_rule(task, variant)}"
    )
    present = [(i, n) for i, n in enumerate(task.counts, 1) if n]
    each = ", ".join(f"part {i}: {n}" for i, n in present)
    return question, (
        f"“{task.expression}” occurs {_times(sum(task.counts))} in {len(present)} parts ({each})."
        f" It comes first in this sentence: {task.excerpts[0].text}"
    )


_MAKERS: dict[str, Maker] = {
    "most": _most,
    "counts": _counts,
    "count": _count,
    "spread": _spread,
    "list": _list,
    "table": _table,
    "ends": _ends,
    "dialogue": _dialogue,
    "quiz": _quiz,
    "cloze": _cloze,
    "order": _order,
    "match": _match,
    "concordance": _concordance,
    "next": _next,
    "absent": _absent,
    "summary": _summary,
}
