"""Masks, against plain loops; documents apart; flex_attention's blocks and its self-test."""

# ruff: noqa: E402, imports follow importorskip

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from torch import Tensor
from torch._dynamo import config as dynamo
from torch.nn.attention.flex_attention import create_mask, flex_attention

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import AttentionSettings
from dolma_pipe.train.model import attention as module
from dolma_pipe.train.model import self_test
from dolma_pipe.train.model.attention import Rule, attend, block_mask, dense_mask
from dolma_pipe.train.model.transformer import Model
from tests.train.small_models import SHAPES, small_model, small_shape, some_ids

CPU = torch.device("cpu")
STRIDED = AttentionSettings(pattern="strided", block=4, local=2, stride=3)
RULES = [
    Rule(),
    Rule(window=1),
    Rule(window=7),
    Rule(window=128),
    Rule(window=129),
    Rule(window=255),
    Rule(window=256),
    Rule(pattern=(4, 2, 3)),
    Rule(pattern=(128, 1, 2)),
    Rule(pattern=(256, 1, 2)),
    Rule(pattern=(96, 1, 2)),
    Rule(window=200, pattern=(64, 1, 3)),
]
SEGMENTS = {
    "one": [(400, 0)],
    "several": [(100, 0), (156, 1), (10, 2), (134, 3)],
    "at the borders of blocks": [(128, 0), (128, 1), (144, 2)],
    "padding": [(150, 0), (120, 1), (130, -1)],
    "only padding": [(400, -1)],
    "not ascending": [(100, 5), (200, 2), (100, 7)],
}


def segments_of(*rows: str) -> Tensor:
    """int32[B, 400]."""
    made = [np.concatenate([np.full(n, number) for n, number in SEGMENTS[row]]) for row in rows]
    return torch.tensor(np.stack(made), dtype=torch.int32)


def slow_mask(rule: Rule, segments: list[int] | None, length: int) -> np.ndarray:
    """bool[S, S], as it is told."""
    seen = np.zeros((length, length), dtype=bool)
    for query in range(length):
        for key in range(query + 1):
            allowed = rule.window is None or query - key < rule.window
            if rule.pattern is not None:
                block, local, stride = rule.pattern
                back = query // block - key // block
                allowed &= back < local or back % stride == 0
            if segments is not None:
                allowed &= segments[query] == segments[key]
            seen[query, key] = allowed
    return seen


@pytest.mark.parametrize("rule", RULES)
def test_a_dense_mask_is_what_the_rule_says(rule: Rule) -> None:
    length = 150
    assert np.array_equal(dense_mask(rule, None, length, CPU)[0, 0], slow_mask(rule, None, length))
    segments = segments_of("several", "padding")[:, :length]
    masks = dense_mask(rule, segments, length, CPU)
    for mask, row in zip(masks, segments.tolist(), strict=True):
        assert np.array_equal(mask[0], slow_mask(rule, row, length))


def test_the_window_counts_the_token_itself() -> None:
    assert dense_mask(Rule(window=3), None, 6, CPU)[0, 0].sum(1).tolist() == [1, 2, 3, 3, 3, 3]


def test_the_strided_pattern() -> None:
    seen = dense_mask(Rule(pattern=(1, 2, 3)), None, 8, CPU)[0, 0]
    assert seen[7].nonzero().view(-1).tolist() == [1, 4, 6, 7]
    assert seen[3].nonzero().view(-1).tolist() == [0, 2, 3]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rows", [None, *SEGMENTS])
@pytest.mark.parametrize("length", [400, 256])
def test_blocks_of_flex_agree_with_the_dense_mask(
    rule: Rule, rows: str | None, length: int
) -> None:
    segments = segments_of(rows, "several")[:, :length] if rows else None
    dense = dense_mask(rule, segments, length, CPU)
    blocks = block_mask(rule, segments, length, CPU)
    count = len(dense)
    allowed = create_mask(blocks.mask_mod, count, 1, length, length, device="cpu")
    assert torch.equal(allowed, dense)
    size = -(-length // 128)
    tiles = torch.nn.functional.pad(dense, (0, -length % 128, 0, -length % 128))
    tiles = tiles.view(count, size, 128, size, 128)
    partial = listed(blocks.kv_num_blocks, blocks.kv_indices)
    whole = listed(blocks.full_kv_num_blocks, blocks.full_kv_indices)
    assert not (partial & whole).any()
    assert torch.equal(tiles.any(4).any(2) & ~(partial | whole), torch.zeros_like(partial))
    rows_inside = torch.arange(128)[:, None] + 128 * torch.arange(size)[:, None, None] < length
    full = (tiles | ~rows_inside[None, :, :, :, None]).all(4).all(2)
    assert not (whole & ~full).any()
    reasons = (rule.window is not None) + (rule.pattern is not None) + (rows is not None)
    if reasons < 2 and rows != "not ascending":  # no block is listed needlessly
        assert torch.equal(partial | whole, tiles.any(4).any(2))


def listed(counts: Tensor, numbers: Tensor) -> Tensor:
    """bool[B, n, n] of blocks that are listed."""
    made = torch.zeros(numbers.shape, dtype=torch.bool)
    for at in np.ndindex(*counts.shape):
        made[at][numbers[at][: counts[at]].long()] = True
    return made[:, 0]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("key_heads", [4, 2])
def test_flex_and_masked_sdpa_agree(rule: Rule, key_heads: int) -> None:
    segments = segments_of("several", "padding")
    q, k, v = (torch.randn(2, heads, 400, 16) for heads in (4, key_heads, key_heads))
    assert module.flex is flex_attention
    with torch.no_grad():
        ours = attend(q, k, v, block_mask(rule, segments, 400, CPU))
        theirs = attend(q, k, v, dense_mask(rule, segments, 400, CPU))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("key_heads", [4, 2, 1])
def test_attention_without_a_mask_is_causal(key_heads: int) -> None:
    leaves = [torch.randn(2, heads, 30, 8, requires_grad=True) for heads in (4, *[key_heads] * 2)]
    both = [attend(*leaves, mask) for mask in (None, dense_mask(Rule(), None, 30, CPU))]
    torch.testing.assert_close(*both, atol=1e-5, rtol=0)
    pairs = zip(*(torch.autograd.grad(out.square().sum(), leaves) for out in both), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


def test_the_softmax_of_bfloat16_is_float32() -> None:
    q, k, v = (torch.randn(1, 2, 256, 16).bfloat16() for _ in range(3))
    mask = dense_mask(Rule(window=200), None, 256, CPU)
    exact = attend(q.float(), k.float(), v.float(), mask)
    scores = (q @ k.transpose(2, 3) / 4).masked_fill(~mask, -torch.inf)
    rough = (scores.softmax(-1) @ v - exact).abs().mean()
    assert (attend(q, k, v, mask) - exact).abs().mean() < 0.7 * rough


@pytest.mark.parametrize("settings", [AttentionSettings(), STRIDED])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_document_does_not_see_another_one(kind: str, settings: AttentionSettings) -> None:
    whole = small_model(kind)
    model = Model(whole.shape, settings)
    model.load_state_dict(whole.state_dict())
    ids = some_ids()
    segments = torch.tensor([[0] * 9 + [1] * 17 + [2] * 10 + [-1] * 4, [0] * 20 + [1] * 20])
    masks = model.masks(segments.shape[1], segments.to(torch.int32))
    changed = ids.clone()
    changed[0, 9:26] = (ids[0, 9:26] + 1) % 200
    inside = torch.zeros(2, 40, dtype=torch.bool)
    inside[0, 9:26] = True
    with torch.no_grad():
        before, after = model(ids, masks), model(changed, masks)
        assert torch.equal(before[~inside], after[~inside])
        assert not (before[inside] == after[inside]).all(-1).any()
        assert not torch.equal(model(ids)[0, 26:], model(changed)[0, 26:])


@pytest.mark.parametrize("kind", ["olmo", "olmo3"])
def test_a_document_in_a_pack_is_as_it_is_alone(kind: str) -> None:
    model = small_model(kind)
    ids = some_ids(40, 1)
    segments = torch.tensor([[0] * 15 + [1] * 25], dtype=torch.int32)
    with torch.no_grad():
        packed = model(ids, model.masks(segments.shape[1], segments))
        torch.testing.assert_close(packed[:, :15], model(ids[:, :15]), atol=1e-5, rtol=0)
        torch.testing.assert_close(packed[:, 15:], model(ids[:, 15:]), atol=1e-5, rtol=0)


def test_rows_of_padding_give_numbers() -> None:
    model = small_model("olmo3")
    segments = torch.tensor([[0] * 10 + [-1] * 30, [-1] * 40], dtype=torch.int32)
    logits = model(some_ids(), model.masks(segments.shape[1], segments))
    logits.square().mean().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(each.grad).all() for each in model.parameters())


@pytest.mark.parametrize("kind", ["olmo", "olmo3"])
@pytest.mark.parametrize("settings", [AttentionSettings(), STRIDED])
def test_masks_built_before_are_those_built_inside(kind: str, settings: AttentionSettings) -> None:
    model = Model(small_shape(kind), settings)
    ids = some_ids()
    with torch.no_grad():
        assert torch.equal(model(ids), model(ids, model.masks(40)))


def test_a_pattern_needs_no_documents() -> None:
    whole = small_model(layers=1)
    strided = Model(whole.shape, STRIDED)
    strided.load_state_dict(whole.state_dict())
    ids = some_ids()
    changed = ids.clone()
    changed[:, 28:32] += 1  # the block before the last two, and no third one before the last
    with torch.no_grad():
        assert torch.equal(strided(ids)[:, 36:], strided(changed)[:, 36:])
        assert not torch.equal(strided(ids)[:, 32:36], strided(changed)[:, 32:36])
        assert not torch.equal(whole(ids)[:, 36:], whole(changed)[:, 36:])


def test_masks_are_shared_and_absent_where_nothing_masks() -> None:
    assert small_model().masks(40) == (None, None)
    assert small_model("olmo3").masks(10) == (None, None)
    windowed = small_model("olmo3").masks(11)
    assert windowed.full is None
    assert windowed.sliding.shape == (1, 1, 11, 11)
    masks = small_model().masks(40, torch.zeros(2, 40, dtype=torch.int32))
    assert masks.full is masks.sliding
    assert masks.full.shape == (2, 1, 40, 40)
    assert masks.full.dtype == torch.bool


def test_flex_is_compiled_for_as_many_sizes_as_an_evaluation_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[Any] = []
    real = torch.compile

    def counted(graph: Any, _inputs: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    limit = "recompile_limit" if hasattr(dynamo, "recompile_limit") else "cache_size_limit"
    monkeypatch.setattr(dynamo, limit, getattr(dynamo, limit))
    monkeypatch.setattr(module, "flex", flex_attention)
    monkeypatch.setattr(
        torch, "compile", lambda code, **given: real(code, backend=counted, **given)
    )
    module.compile_flex()
    with torch.no_grad():
        for length in range(128, 128 + 10):  # torch stops at 8
            q = torch.ones(1, 1, length, 16)
            attend(q, q, q, block_mask(Rule(100), None, length, CPU))
    torch.compiler.reset()
    assert len(compiled) == 10


def dense_flex(change: Callable[[Tensor], Tensor] = lambda seen: seen) -> Any:
    """What flex_attention computes, by a dense mask, which has a backward pass on a CPU."""

    def flex(q: Tensor, k: Tensor, v: Tensor, *, block_mask: Any, enable_gqa: bool) -> Tensor:
        rows, length = q.shape[0], q.shape[2]
        seen = create_mask(block_mask.mask_mod, rows, 1, length, length, device="cpu")
        assert enable_gqa == (q.shape[1] != k.shape[1])
        return attend(q, k, v, change(seen))

    return flex


def one_key_less(seen: Tensor) -> Tensor:
    """The first key that a token sees, but where it is the token itself."""
    first = torch.zeros_like(seen).scatter_(-1, seen.int().argmax(-1, keepdim=True), True)
    return seen & ~(first & ~torch.eye(seen.shape[-1], dtype=torch.bool))


@pytest.fixture
def flex_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Put something in place of the compiled flex_attention."""
    monkeypatch.setattr(self_test, "compile_flex", lambda: None)
    return lambda flex: monkeypatch.setattr(module, "flex", flex)


FLEX = AttentionSettings(backend="flex")


@pytest.mark.parametrize(
    ("kind", "documents", "settings", "kinds"),
    [
        ("olmo, tied, clipped, grouped", True, FLEX, "documents"),
        ("olmo3", False, FLEX, "sliding window"),
        ("olmo3", True, FLEX, "documents, sliding window"),
        (
            "olmo3, grouped, every second",
            True,
            AttentionSettings(backend="flex", pattern="strided"),
            "documents and strided, sliding window",
        ),
        ("olmo", False, AttentionSettings(backend="flex", pattern="strided"), "strided"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_self_test_passes_what_is_right(
    kind: str, documents: bool, settings: Any, kinds: str, dtype: Any, flex_is: Any
) -> None:
    flex_is(dense_flex())
    model = Model(small_shape(kind), settings)
    told = model.self_test(CPU, documents, dtype)
    assert model.flex
    assert told.startswith(f"attention: flex_attention ({kinds}; largest error against masked")
    mask = model.masks(40, torch.zeros(1, 40, dtype=torch.int32)).full
    assert type(mask).__name__ == "BlockMask"
    with torch.no_grad():
        ours = model(some_ids(), model.masks(40))
        model.flex = False
        torch.testing.assert_close(ours, model(some_ids()), atol=1e-5, rtol=0)


def broken(*_given: Any, **_named: Any) -> Tensor:
    raise RuntimeError("no kernel\nfor this")


@pytest.mark.parametrize(
    ("flex", "told"),
    [
        (dense_flex(one_key_less), ": it differs by 0."),
        (lambda q, k, v, **_: (q + k + v) * torch.nan, ": it differs by nan"),
        (broken, ": RuntimeError: no kernel for this"),
        (lambda *q, **_: q[0].detach(), ": RuntimeError: element 0 of tensors does not require"),
    ],
)
@pytest.mark.parametrize("documents", [True, False])
def test_the_self_test_finds_what_is_wrong(
    flex: Any, told: str, documents: bool, flex_is: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flex_is(flex)
    shape = small_shape("olmo3", **({"sliding_window": 300} if not documents else {}))
    model = Model(shape, FLEX)
    with pytest.raises(TrainError, match=r"attention.backend: flex: ") as error:
        model.self_test(CPU, documents)
    assert told in str(error.value)
    on_gpu = Model(shape)
    monkeypatch.setattr(self_test, "GPU", "cpu")
    line = on_gpu.self_test(CPU, documents)
    assert not on_gpu.flex
    assert line.startswith("attention: masked SDPA (")
    assert told in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("kind", "documents", "settings", "told"),
    [
        ("olmo", False, FLEX, "attention: SDPA, causal (nothing masks)"),
        (
            "olmo",
            True,
            AttentionSettings(),
            "attention: masked SDPA (documents; flex_attention is for GPUs, this is a cpu)",
        ),
        (
            "olmo3",
            False,
            AttentionSettings(backend="sdpa"),
            "attention: masked SDPA (sliding window)",
        ),
    ],
)
def test_where_flex_is_not_even_tried(
    kind: str, documents: bool, settings: Any, told: str, flex_is: Any
) -> None:
    flex_is(broken)
    model = Model(small_shape(kind), settings)
    assert model.self_test(CPU, documents) == told
    assert not model.flex
