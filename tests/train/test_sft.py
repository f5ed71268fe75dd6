"""Instruct tuning: the chat template of a model directory, and conversations learnt by heart."""
# ruff: noqa: E402, imports follow importorskip

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tokenizers import Tokenizer

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import TrainError
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.tokens import TEMPLATES
from dolma_pipe.train.config import DataSettings, LoraSettings
from dolma_pipe.train.data import IGNORED, Batch, open_instances
from dolma_pipe.train.loss import loss_sums
from dolma_pipe.train.tokenizer_files import write_tokenizer
from dolma_pipe.train.tuning.lora import add_adapters
from dolma_pipe.work import Work, write_json
from tests.inline import Inline
from tests.small_tokenizer import small_tokenizer_json, write_small_tokenizer
from tests.train.tuned import SHAPE, merge, small_model

CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital?"},
    {"role": "assistant", "content": "The one in the centre."},
    {"role": "user", "content": "And then?"},
    {"role": "assistant", "content": "Another."},
]
EOS = "<|endoftext|>"
TULU = (
    "<|system|>\nBe brief.\n<|user|>\nWhat is the capital?\n"
    f"<|assistant|>\nThe one in the centre.{EOS}\n"
    f"<|user|>\nAnd then?\n<|assistant|>\nAnother.{EOS}"
)
CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is the capital?<|im_end|>\n"
    "<|im_start|>assistant\nThe one in the centre.<|im_end|>\n"
    "<|im_start|>user\nAnd then?<|im_end|>\n<|im_start|>assistant\nAnother.<|im_end|>"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model directory with a tokenizer: end of text is 268, padding 267."""
    (tmp_path / "tokenizer.json").write_bytes(small_tokenizer_json())
    write_json(tmp_path / "config.json", {"model_type": "olmo"})
    return tmp_path


def tokenizer(folder: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(("name", "text"), [("tulu", TULU), ("chatml", CHATML)])
def test_transformers_writes_conversations_with_the_template(
    folder: Path, name: str, text: str
) -> None:
    write_tokenizer(folder, small_tokenizer_json(), 268, 267, TEMPLATES[name].jinja())
    found = tokenizer(folder).apply_chat_template(CONVERSATION, tokenize=False)
    assert found == text


@pytest.mark.parametrize(("name", "end"), [("tulu", EOS), ("chatml", "<|im_end|>")])
def test_the_assistant_s_tokens_are_marked_and_no_others(folder: Path, name: str, end: str) -> None:
    write_tokenizer(folder, small_tokenizer_json(), 268, 267, TEMPLATES[name].jinja())
    words = tokenizer(folder)
    found = words.apply_chat_template(
        CONVERSATION, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, masks = found["input_ids"], found["assistant_masks"]
    learnt = words.decode([one for one, mask in zip(ids, masks, strict=True) if mask])
    assert learnt == f"The one in the centre.{end}Another.{end}"


def test_a_prompt_ends_where_the_assistant_speaks(folder: Path) -> None:
    write_tokenizer(folder, small_tokenizer_json(), 268, 267, TEMPLATES["tulu"].jinja())
    found = tokenizer(folder).apply_chat_template(
        CONVERSATION[:2], tokenize=False, add_generation_prompt=True
    )
    assert found == TULU.partition("The one")[0]


def test_ids_are_those_of_tokenizer_json(folder: Path) -> None:
    """Whatever class transformers has for the model."""
    write_tokenizer(folder, small_tokenizer_json(), 268, 267, TEMPLATES["tulu"].jinja())
    expected = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "the  inner é|||EMAIL_ADDRESS||| 12345"
    assert tokenizer(folder).encode(text) == expected.encode(text).ids
    assert (tokenizer(folder).eos_token_id, tokenizer(folder).pad_token_id) == (268, 267)


def test_an_end_of_text_that_the_tokenizer_does_not_know_is_told(folder: Path) -> None:
    with pytest.raises(TrainError, match=r"tokenizer\.json has no token 5000, the end of text"):
        write_tokenizer(folder, small_tokenizer_json(), 5000, None, None)
    assert not (folder / "tokenizer_config.json").exists()


QUESTIONS = {
    "What is the capital of France?": "Paris.",
    "And of Norway?": "It is Oslo, by the fjord.",
    "Say nothing.": "...",
    "Count to five.": "1 2 3 4 5",
}
RECIPE = """
name: sft
sources: {chat: {documents: chat.jsonl, messages: true}}
tokenize: {tokenizer: tokenizer.json, chat: tulu}
"""
LENGTH = 72
SFT_SHAPE = msgspec.structs.replace(SHAPE, vocab_size=272, hidden_size=64, context=LENGTH)


def asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `dolma-pipe run` makes of the questions and their answers."""
    folder = tmp_path_factory.mktemp("sft")
    write_small_tokenizer(folder)
    lines = []
    for number, (question, answer) in enumerate(QUESTIONS.items()):
        messages = [*asked(question), {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"id": str(number), "messages": messages}) + "\n")
    (folder / "chat.jsonl").write_text("".join(lines))
    (folder / "sft.yaml").write_text(RECIPE)
    with contextlib.chdir(folder):
        run(Context(read_recipe(Path("sft.yaml")), Work("work"), Inline()))
    return folder / "work" / "tokens"


def conversations(arrays: Path) -> Batch:
    """A conversation an instance, as the loop gets them; prompts are no targets."""
    settings = DataSettings(tokens=str(arrays), length=LENGTH, view="padded", mask_documents=True)
    return open_instances(settings).batch(range(len(QUESTIONS)))


def test_targets_are_what_transformers_marks_by_the_template(arrays: Path) -> None:
    write_tokenizer(arrays, small_tokenizer_json(), 268, 267, TEMPLATES["tulu"].jinja())
    words, batch = tokenizer(arrays), conversations(arrays)
    expected = []
    for question, answer in QUESTIONS.items():
        found = words.apply_chat_template(
            [*asked(question), {"role": "assistant", "content": answer}],
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        ids, mask = found["input_ids"], found["assistant_masks"]
        labels = [one if learnt else IGNORED for one, learnt in zip(ids, mask, strict=True)]
        expected.append([*zip(ids, [*labels[1:], IGNORED], strict=True)])
    rows = zip(batch.ids.tolist(), batch.labels.tolist(), strict=True)
    trained = [[pair for pair in zip(*row, strict=True) if pair[0] != 267] for row in rows]
    assert sorted(trained) == sorted(expected)


def overfitted(model: Any, batch: Batch, lr: float, steps: int) -> tuple[float, float]:
    """Loss of the assistant's tokens, nats each, before and after a plain loop."""
    inputs, labels, segments = map(torch.from_numpy, batch)
    masks = model.masks(segments.shape[1], segments)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=lr, weight_decay=0.0)
    losses = []
    for _ in range(steps):
        loss = loss_sums(model(inputs, masks), labels, with_z=False).cross_entropy
        loss = loss / (labels != IGNORED).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses[0], losses[-1]


def answers(model: Any) -> list[str]:
    """What the model says to each question, greedily."""
    words, found = Tokenizer.from_str(small_tokenizer_json().decode()), []
    for question in QUESTIONS:
        ids = words.encode(f"<|user|>\n{question}\n<|assistant|>\n").ids
        first = len(ids)
        while ids[-1] != 268 and len(ids) < LENGTH:
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
        found.append(words.decode(ids[first:-1]))
    return found


def start() -> Any:
    """Embeddings are large enough that frozen ones can tell one token from all others."""
    model = small_model(shape=SFT_SHAPE)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(3)
    return model


def test_all_weights_learn_a_handful_of_conversations_by_heart(arrays: Path) -> None:
    model = start()
    before, after = overfitted(model, conversations(arrays), 3e-3, 60)
    assert before > 4
    assert after < 0.01
    assert answers(model) == list(QUESTIONS.values())


def test_adapters_alone_do_so_too_and_merge(arrays: Path) -> None:
    model = start()
    frozen = model.model.embed_tokens.weight.detach().clone()
    add_adapters(model, LoraSettings(rank=16, alpha=32), seed=0)
    before, after = overfitted(model, conversations(arrays), 1e-2, 60)
    assert before > 4
    assert after < 0.02
    assert torch.equal(model.model.embed_tokens.weight, frozen)
    assert answers(model) == list(QUESTIONS.values())
    assert answers(merge(model)) == list(QUESTIONS.values())
