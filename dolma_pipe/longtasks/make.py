"""From a document to its tasks in words, each of them checked, or the reason why there are none."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.longtasks.background import NO_BACKGROUND, Background
from dolma_pipe.longtasks.check import CheckFailed, check_task
from dolma_pipe.longtasks.cwe import cwe_task
from dolma_pipe.longtasks.draw import Draw
from dolma_pipe.longtasks.rex import rex_task
from dolma_pipe.longtasks.sections import FEWEST_PARTS, parts_of
from dolma_pipe.longtasks.task import Kind, Task
from dolma_pipe.longtasks.wording import Refused, Wording, check_worded
from dolma_pipe.longtasks.words import Vocabulary

TOO_FEW_PARTS = "too few parts"
NO_WORDS = "no usable words"
FAILED_CHECK = "failed check"
REFUSED = "wording refused"

_MAKERS: dict[Kind, Callable[[Vocabulary, Draw, int], Task | None]] = {
    "cwe": cwe_task,
    "rex": rex_task,
}


class Made(NamedTuple):
    """text: the document with its tasks below it, empty where there are none.

    tasks: of each what metadata tells. lost: why others were dropped, and how many.
    """

    text: str
    tasks: list[dict[str, Any]]
    lost: Counter[str]

    def reason(self) -> str:
        """Why a document has no task: what came nearest to one."""
        for reason in (FAILED_CHECK, REFUSED, NO_WORDS):
            if self.lost[reason]:
                return reason
        return TOO_FEW_PARTS


def with_tasks(
    text: str,
    kinds: tuple[Kind, ...],
    wanted: int,
    draw: Draw,
    say: Wording,
    background: Background = NO_BACKGROUND,
) -> Made:
    """Up to `wanted` different tasks below a document, kinds in turn."""
    content = np.frombuffer(text.encode(), np.uint8)
    parts = parts_of(content)
    made = Made(text, [], Counter())
    if len(parts) < FEWEST_PARTS:
        return made._replace(lost=Counter([TOO_FEW_PARTS]))
    vocabulary = Vocabulary(content, parts, background)
    order = draw.shuffled(kinds, "kinds")
    seen: set[bytes] = set()
    for turn in range(wanted):
        start = turn % len(order)
        task = None
        for kind in [*order[start:], *order[:start]]:
            task = _MAKERS[kind](vocabulary, draw, turn)
            if task is not None:
                break
        if task is None:
            made.lost[NO_WORDS] += 1
        elif (key := msgspec.json.encode(task)) not in seen:
            seen.add(key)
            made = _added(made, text, task, say, draw.number("wording", turn))
    return made


def _added(made: Made, text: str, task: Task, say: Wording, variant: int) -> Made:
    """The document with one more task, or the same with one more that was lost."""
    try:
        check_task(text, task)
        worded = say.word(task, variant)
        check_worded(task, worded)
    except CheckFailed:
        made.lost[FAILED_CHECK] += 1
        return made
    except Refused:
        made.lost[REFUSED] += 1
        return made
    before = made.text.rstrip("\n") + "\n\n" if made.tasks else text + "\n\n"
    question, answer = worded.question.strip(), worded.answer.strip()
    at = len(before.encode())
    after = at + len(question.encode())
    told = msgspec.to_builtins(task)
    told["question"] = [at, after]
    told["answer"] = [after + 1, after + 1 + len(answer.encode())]
    return made._replace(text=f"{before}{question}\n{answer}\n", tasks=[*made.tasks, told])
