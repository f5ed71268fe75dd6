"""Perplexity and bits per byte: by hand on models whose answers are known, and in any batching."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from torch import Tensor, nn  # noqa: E402 # after the skip

from dolma_pipe.errors import TokensError, TrainError  # noqa: E402
from dolma_pipe.tokens import TokenizerStamp  # noqa: E402
from dolma_pipe.train.config import EvaluationSettings  # noqa: E402
from dolma_pipe.train.evaluation.evaluator import Evaluator  # noqa: E402
from dolma_pipe.train.evaluation.held_out import HeldOut  # noqa: E402
from dolma_pipe.train.evaluation.perplexity import chance_fits, perplexity  # noqa: E402
from dolma_pipe.train.evaluation.scoring import batches, log_likelihoods, width  # noqa: E402
from dolma_pipe.train.parallel import World  # noqa: E402
from tests.test_tokens_loss import CHATS, write_chats  # noqa: E402
from tests.token_arrays import EOS, STAMP, write_arrays  # noqa: E402

VOCABULARY = 10
ALONE = World(0, 1, torch.device("cpu"))
Documents = Mapping[str, Sequence[Sequence[Sequence[int]]]]
SMALL: Documents = {"web": [[[1, 2, 3, 4, 5, 6, 7, 9], [9]], [[3, 9]]], "code": [[[7, 7, 9]]]}


class Bigram(nn.Module):
    """Logits of the next token depend on this one alone, and are known."""

    def __init__(self, rows: int = VOCABULARY) -> None:
        super().__init__()
        made = torch.randn(VOCABULARY, rows, generator=torch.Generator().manual_seed(1))
        self.table = nn.Parameter(made)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.table[ids]
        return logits


class Cumulative(Bigram):
    """A token sees all before it, so that padding or a wrong window shows."""

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.table[ids].cumsum(1)
        return logits


def by_hand(model: Bigram, documents: Sequence[Sequence[int]]) -> float:
    """Nats of all tokens of the documents, each after its predecessor, the first after EOS."""
    table = torch.log_softmax(model.table.detach().double(), 1)
    pairs = [(a, b) for ids in documents for a, b in zip([EOS, *ids], ids, strict=False)]
    return -sum(float(table[a, b]) for a, b in pairs)


@pytest.mark.parametrize("length", [2, 3, 5, 100])
def test_every_token_is_a_target_once_whatever_the_window(tmp_path: Path, length: int) -> None:
    write_arrays(tmp_path, SMALL)
    found = perplexity(model := Bigram(), HeldOut([tmp_path], length), ALONE)
    web, code = found.sources["web"], found.sources["code"]
    assert (web.documents, web.tokens, web.bytes) == (3, 11, 16)  # EOS: a token, no byte
    assert (code.documents, code.tokens, code.bytes) == (1, 3, 4)
    nats = by_hand(model, [ids for file in SMALL["web"] for ids in file])
    assert web.loss == pytest.approx(nats / 11, rel=1e-6)
    assert web.perplexity == pytest.approx(math.exp(nats / 11), rel=1e-6)
    assert web.bits_per_byte == pytest.approx(nats / math.log(2) / 16, rel=1e-6)
    both = nats + by_hand(model, [[7, 7, 9]])
    assert found.micro.loss == pytest.approx(both / 14, rel=1e-6)
    assert found.micro.bits_per_byte == pytest.approx(both / math.log(2) / 20, rel=1e-6)
    assert found.macro.bits_per_byte == pytest.approx(
        (web.bits_per_byte + code.bits_per_byte) / 2, rel=1e-9
    )
    assert found.macro.perplexity == pytest.approx(math.exp((web.loss + code.loss) / 2))


@pytest.mark.parametrize("length", [2, 3, 100])
@pytest.mark.parametrize("most", [None, 1])
def test_of_conversations_only_what_is_learnt_is_measured(
    tmp_path: Path, length: int, most: int | None
) -> None:
    write_chats(tmp_path)
    held_out = HeldOut([tmp_path], length, most)
    found = perplexity(model := Bigram(), held_out, ALONE, batch_tokens=1)
    chats = CHATS[:1] if most else [*CHATS, CHATS[0]]
    pairs = [
        (before, one)
        for ids, loss in chats
        for before, one, learnt in zip([EOS, *ids], ids, loss, strict=False)
        if learnt
    ]
    table = torch.log_softmax(model.table.detach().double(), 1)
    nats = -sum(float(table[pair]) for pair in pairs)
    chat = found.sources["chat"]
    text = sum(2 for _, one in pairs if one != EOS)
    assert (chat.documents, chat.tokens, chat.bytes) == (len(chats), len(pairs), text)
    assert chat.loss == pytest.approx(nats / len(pairs), rel=1e-6)
    assert found.sources["web"].tokens == (3 if most else 5)  # without a mask: all
    by_chance = chance_fits(held_out, VOCABULARY).sources["chat"]
    assert by_chance.perplexity == pytest.approx(VOCABULARY)


def test_a_model_to_which_all_tokens_are_alike_needs_log2_v_bits_a_token(tmp_path: Path) -> None:
    write_arrays(tmp_path, SMALL)
    model = Bigram()
    nn.init.zeros_(model.table)
    held_out = HeldOut([tmp_path], 4)
    for found in (perplexity(model, held_out, ALONE), chance_fits(held_out, VOCABULARY)):
        assert found.sources["web"].bits_per_byte == pytest.approx(math.log2(10) * 11 / 16)
        assert found.sources["code"].perplexity == pytest.approx(10)


def test_windows_do_not_overlap_and_start_with_the_token_before(tmp_path: Path) -> None:
    write_arrays(tmp_path, SMALL)
    held_out = HeldOut([tmp_path], 3)
    pairs = [held_out[i] for i in range(len(held_out.lengths))]
    assert [ids.tolist() for ids, _ in pairs][:5] == [[9, 1, 2], [3, 4, 5], [6, 7], [9], [9, 3]]
    assert [labels.tolist() for _, labels in pairs][:3] == [[1, 2, 3], [4, 5, 6], [7, 9]]
    assert held_out.lengths.tolist() == [3, 3, 2, 1, 2, 3]


@pytest.mark.parametrize("batch_tokens", [1, 17, 64, 10_000])
def test_batching_changes_nothing(tmp_path: Path, batch_tokens: int) -> None:
    draw = np.random.default_rng(2)
    documents = [[*draw.integers(0, 9, size).tolist(), EOS] for size in draw.integers(0, 90, 40)]
    write_arrays(tmp_path, {"web": [documents]})
    model, held_out = Cumulative(), HeldOut([tmp_path], 32)
    alone = [log_likelihoods(model, _Only(held_out, i), ALONE)[0] for i in range(60)]
    together = log_likelihoods(model, held_out, ALONE, batch_tokens=batch_tokens)
    assert np.allclose(together[:60], alone, rtol=1e-5, atol=0)


class _Only:
    """One sequence of many."""

    def __init__(self, sequences: HeldOut, number: int) -> None:
        self._pair = sequences[number]
        self.lengths = np.array([len(self._pair[0])], np.int64)

    def __getitem__(self, number: int) -> tuple["np.ndarray", "np.ndarray"]:
        return self._pair


def test_batches_take_each_sequence_once_and_keep_their_bound() -> None:
    lengths = np.random.default_rng(3).integers(1, 200, 500)
    made = batches(lengths, 1000)
    assert sorted(np.concatenate(made).tolist()) == list(range(500))
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= 1000 for batch in made)


def test_widths_are_few_hardly_wider_than_the_longest_and_within_the_context() -> None:
    for most in (3, 100, 1000, 2048):
        widths = [width(longest, most) for longest in range(1, most + 1)]
        assert all(a <= b <= min(most, a * 1.13 + 1) for a, b in enumerate(widths, 1))
    assert len({width(longest, 1 << 20) for longest in range(1025, 2049)}) == 8


def test_all_processes_call_the_model_equally_often_and_get_the_same(tmp_path: Path) -> None:
    """Three processes, one after the other: what each adds is summed by hand."""
    write_arrays(tmp_path, SMALL)
    held_out = HeldOut([tmp_path], 4)
    alone = log_likelihoods(Cumulative(), held_out, ALONE, batch_tokens=16)
    parts, calls = [], []
    for rank in range(3):
        model = _Counted()
        parts.append(log_likelihoods(model, held_out, _Unsummed(rank, 3), batch_tokens=16))
        calls.append(model.calls)
    assert len(set(calls)) == 1
    assert np.array_equal(np.sum(parts, 0), alone)


class _Counted(Cumulative):
    calls = 0

    def forward(self, ids: Tensor) -> Tensor:
        self.calls += 1
        assert not torch.is_grad_enabled()
        assert not self.training
        return super().forward(ids)


class _Unsummed(World):
    def __new__(cls, rank: int, size: int) -> "_Unsummed":
        return super().__new__(cls, rank, size, torch.device("cpu"))

    def sum(self, values: Tensor) -> Tensor:
        return values


def evaluator(folder: Path | list[str], **others: object) -> Evaluator:
    held_out = [str(folder)] if isinstance(folder, Path) else folder
    stamp, size = others.pop("stamp", STAMP), others.pop("vocab_size", VOCABULARY)
    settings = EvaluationSettings(held_out=held_out, **others)  # type: ignore[arg-type]
    given = {"length": 4, "vocab_size": size, "eos_id": EOS, "stamp": stamp}
    return Evaluator(settings, **given)  # type: ignore[arg-type]


def test_the_loop_gets_metrics_by_their_names_and_its_model_as_it_was(tmp_path: Path) -> None:
    write_arrays(tmp_path / "held_out", SMALL)  # of a work directory
    write_arrays(tmp_path / "tokens", {"web": [[[1, 9]]]})
    model = _Counted()
    found = evaluator(tmp_path).run(model, ALONE)
    assert model.training
    assert set(found) == {
        f"eval/{source}/{metric}"
        for source in ("web", "code", "macro_average", "micro_average")
        for metric in ("CrossEntropyLoss", "Perplexity", "bits_per_byte")
    }
    assert found["eval/web/bits_per_byte"] > 0
    assert evaluator(tmp_path).run(model, ALONE) == found


def test_max_documents_are_the_first_of_each_source(tmp_path: Path) -> None:
    write_arrays(tmp_path, SMALL)
    found = evaluator(tmp_path, max_documents=2).measure(model := Bigram(), ALONE).held_out
    assert found is not None
    assert {name: fit.documents for name, fit in found.sources.items()} == {"web": 2, "code": 1}
    nats = by_hand(model, [[1, 2, 3, 4, 5, 6, 7, 9], [9]])
    assert found.sources["web"].loss == pytest.approx(nats / 9, rel=1e-6)


def test_sources_of_one_name_are_told_apart(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a", SMALL)
    write_arrays(tmp_path / "b", {"web": [[[1, 9]]]})
    found = evaluator([str(tmp_path / "a"), str(tmp_path / "b")])
    assert found.held_out is not None
    web_a, code, web_b = (source.name for source in found.held_out.sources)
    assert code == "code"
    assert (web_a[:4], web_a[-2:], web_b[-2:]) == ("web@", "_a", "_b")


def test_no_two_sources_have_one_name(tmp_path: Path) -> None:
    source = {"e": [[[3, 9]]]}
    write_arrays(tmp_path / "a" / "b", source)
    write_arrays(tmp_path / "a_b", source)
    write_arrays(tmp_path / "c", {"macro_average": [[[3, 9]]]})
    twice = HeldOut([tmp_path / "a" / "b", tmp_path / "a" / ".." / "a" / "b"], 4)
    assert [source.name for source in twice.sources] == ["e"]
    assert "macro_average" not in [source.name for source in HeldOut([tmp_path / "c"], 4).sources]
    with pytest.raises(TrainError, match=r"two sources would be called e@.*_a_b: rename a folder"):
        HeldOut([tmp_path / "a" / "b", tmp_path / "a_b"], 4)


def test_nothing_held_out(tmp_path: Path) -> None:
    write_arrays(tmp_path, {})
    with pytest.raises(TrainError, match="nothing is held out: there is no document in it"):
        HeldOut([tmp_path], 4)


def test_arrays_that_do_not_fit_the_model_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path, SMALL)
    other = TokenizerStamp(name="mine", sha256="1" * 64)
    with pytest.raises(TrainError, match="made by tokenizer small, the model's is mine"):
        evaluator(tmp_path, stamp=other)
    with pytest.raises(TrainError, match="10 ids, the model knows 9"):
        evaluator(tmp_path, vocab_size=9)
    assert evaluator(tmp_path, stamp=None).held_out is not None


def test_a_flipped_byte_is_refused_by_its_shard(tmp_path: Path) -> None:
    write_arrays(tmp_path, SMALL)
    path = tmp_path / "web/part-00001.npy"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(TokensError, match="web/part-00001"):
        evaluator(tmp_path)


def test_a_source_without_text_is_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path, {"web": [[[1, 9]]], "nothing": [[[9], [9]]]})
    with pytest.raises(TrainError, match="source nothing has no text"):
        evaluator(tmp_path)
