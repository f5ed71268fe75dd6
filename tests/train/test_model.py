"""The model: what it computes, its first weights, recomputation, and where it may be built."""

# ruff: noqa: E402, imports follow importorskip

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from torch import Tensor

from dolma_pipe.train.model.initial import deviation, initialise, truncated
from dolma_pipe.train.model.presets import PRESETS
from dolma_pipe.train.model.transformer import Model, decays
from tests.train.small_models import SHAPES, small_model, small_shape, some_ids


def gradients(model: Model, masks: Any = None) -> dict[str, Tensor]:
    model.zero_grad()
    model(some_ids(), masks).square().mean().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("kind", SHAPES)
def test_parameters_are_as_many_as_the_shape_counts(kind: str) -> None:
    model = small_model(kind)
    assert sum(each.numel() for each in model.parameters()) == model.shape.parameters
    matrices = [each for name, each in model.named_parameters() if each.dim() == 2]
    unused = 0 if model.shape.tied else model.model.embed_tokens.weight.numel()
    counted = sum(each.numel() for each in matrices) - unused
    assert counted == model.shape.matmul_parameters


@pytest.mark.parametrize("name", ["olmo-1b", "olmo3-7b"])
def test_a_preset_has_as_many_parameters_as_it_counts(name: str) -> None:
    with torch.device("meta"):
        model = Model(PRESETS[name])
    assert sum(each.numel() for each in model.parameters()) == PRESETS[name].parameters


@pytest.mark.parametrize("kind", SHAPES)
def test_a_token_sees_nothing_after_itself(kind: str) -> None:
    model = small_model(kind)
    ids = some_ids()
    later = ids.clone()
    later[:, 25:] = (later[:, 25:] + 1) % 200
    with torch.no_grad():
        assert torch.equal(model(ids)[:, :25], model(later)[:, :25])
        assert not torch.equal(model(ids)[:, 25:], model(later)[:, 25:])


@pytest.mark.parametrize("kind", SHAPES)
def test_recomputed_gradients_are_the_same_bits(kind: str) -> None:
    kept = small_model(kind)
    recomputed = Model(kept.shape, recompute=True)
    recomputed.load_state_dict(kept.state_dict())
    expected = gradients(kept)
    for name, gradient in gradients(recomputed).items():
        assert torch.equal(gradient, expected[name]), name


def test_recomputation_runs_each_layer_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    model.model.recompute = True
    calls = []
    layer = model.layers()[0]
    forward = layer.forward
    monkeypatch.setattr(layer, "forward", lambda *given: (calls.append(1), forward(*given))[1])
    gradients(model)
    assert len(calls) == 2
    with torch.no_grad():
        model(some_ids())
    assert len(calls) == 3


@pytest.mark.parametrize("kind", ["olmo, yarn", "olmo3, yarn"])
def test_a_model_from_the_meta_device_computes_the_same(kind: str) -> None:
    with torch.device("meta"):
        model = Model(small_shape(kind))
    model.to_empty(device="cpu")
    initialise(model, 5)
    usual = Model(small_shape(kind))
    initialise(usual, 5)
    with torch.no_grad():
        assert torch.equal(model(some_ids()), usual(some_ids()))


def test_angles_stay_float32_and_are_no_part_of_the_state() -> None:
    model = small_model("olmo3, yarn")
    before = [model.model.rope.full.clone(), model.model.rope.sliding.clone()]
    model.to(torch.bfloat16)
    after = [model.model.rope.full, model.model.rope.sliding]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not torch.equal(*before)
    assert not list(model.buffers())
    assert copy.deepcopy(model).model.rope.full.dtype == torch.float32


@pytest.mark.parametrize("kind", ["olmo", "olmo3, yarn"])
def test_autocast_computes_layers_in_bfloat16(kind: str) -> None:
    model = small_model(kind)
    seen = []
    for layer in model.layers():
        layer.register_forward_hook(lambda _layer, _given, out: seen.append(out.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(some_ids())
    assert {logits.dtype, *seen} == {torch.bfloat16}
    exact = model(some_ids())
    assert exact.dtype == torch.float32
    assert (logits - exact).abs().max() < 0.1 * exact.abs().max()
    logits.float().square().mean().backward()
    assert all(each.grad.dtype == torch.float32 for each in model.parameters())


@pytest.mark.parametrize("kind", SHAPES)
def test_first_weights_are_drawn_by_name(kind: str) -> None:
    first, again, other = (Model(small_shape(kind)) for _ in range(3))
    torch.manual_seed(9)
    initialise(first, 3)
    torch.manual_seed(10)
    initialise(again, 3)
    initialise(other, 4)
    matrices = 0
    for name, weights in first.named_parameters():
        assert torch.equal(weights, again.get_parameter(name)), name
        if weights.dim() == 1:
            assert torch.equal(weights, torch.ones_like(weights))
            continue
        matrices += 1
        std = deviation(first.shape, name)
        assert not torch.equal(weights, other.get_parameter(name)), name
        assert weights.abs().max() <= 3 * std
        assert 0.9 * std < weights.std() < 1.05 * std
    assert len({weights[0, 0].item() for weights in first.parameters() if weights.dim() == 2}) == (
        matrices
    )


def test_deviations_are_those_of_olmo() -> None:
    shape = small_shape(hidden_size=64, intermediate_size=96)
    names = {
        "model.embed_tokens.weight": 1 / 8,
        "lm_head.weight": 1 / 8,
        "model.layers.2.self_attn.q_proj.weight": 1 / 8,
        "model.layers.2.mlp.up_proj.weight": 1 / 8,
        "model.layers.0.self_attn.o_proj.weight": (2 * 64) ** -0.5,
        "model.layers.2.self_attn.o_proj.weight": (2 * 64 * 3) ** -0.5,
        "model.layers.2.mlp.down_proj.weight": (2 * 96 * 3) ** -0.5,
    }
    for name, std in names.items():
        assert deviation(shape, name) == pytest.approx(std)
    assert {deviation(small_shape("olmo3"), name) for name in names} == {0.02}


def test_nothing_is_drawn_beyond_three_deviations() -> None:
    numbers = truncated((500, 1000), torch.Generator().manual_seed(0))
    assert 2.99 < numbers.abs().max() <= 3
    assert 0.98 < numbers.std() < 0.99
    assert (numbers.abs() > 2.9).sum() > 500


def test_the_first_loss_is_that_of_a_guess() -> None:
    model = Model(small_shape("olmo3"))
    initialise(model, 0)
    with torch.no_grad():
        logits = model(some_ids())
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), some_ids().flatten())
    assert abs(loss - torch.log(torch.tensor(256.0))) < 0.1


def test_matrices_decay_and_neither_norms_nor_embeddings() -> None:
    names = [name for name, _ in small_model("olmo3").named_parameters()]
    kept = {name.split(".")[-2] for name in names if not decays(name)}
    assert kept == {
        "embed_tokens",
        "norm",
        "q_norm",
        "k_norm",
        "post_attention_layernorm",
        "post_feedforward_layernorm",
    }
    decaying = {name.split(".")[-2] for name in names if decays(name)}
    attention = {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert decaying == {"lm_head", "gate_proj", "up_proj", "down_proj"} | attention


def test_layers_are_those_of_the_model() -> None:
    model = small_model()
    assert len(model.layers()) == 3
    inside = sum(each.numel() for layer in model.layers() for each in layer.parameters())
    outside = model.model.embed_tokens.weight.numel() + model.lm_head.weight.numel()
    assert inside + outside == model.shape.parameters
