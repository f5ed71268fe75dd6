"""Low-rank adapters: what they compute, which parameters are trained, and merging."""
# ruff: noqa: E402, imports follow importorskip

import copy

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import LoraSettings
from dolma_pipe.train.model.transformer import Model
from dolma_pipe.train.tuning.lora import (
    LoraLinear,
    adapted,
    adapter_state,
    add_adapters,
    attach,
    first_adapters,
    load_adapter_state,
    merged,
    trained_told,
)
from tests.train.tuned import LORA, SHAPE, adapted_model, logits, merge, small_ids, small_model


def test_new_adapters_compute_nothing() -> None:
    model = small_model()
    before = logits(model)
    add_adapters(model, LORA, seed=3)
    assert torch.equal(logits(model), before)
    assert all(layer.lora_A.abs().max() > 0 for _, layer in adapted(model))


def test_a_layer_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    base = torch.nn.Linear(8, 6, bias=False)
    layer = LoraLinear(base, 3, 2.5)
    torch.nn.init.normal_(layer.lora_A)
    torch.nn.init.normal_(layer.lora_B)
    x = torch.randn(2, 5, 8)
    expected = x @ (base.weight + 2.5 * layer.lora_B @ layer.lora_A).T
    torch.testing.assert_close(layer(x), expected)


def test_the_scale_is_alpha_over_rank() -> None:
    model = small_model()
    add_adapters(model, LoraSettings(rank=4, alpha=12), seed=0)
    assert {layer.scale for _, layer in adapted(model)} == {3.0}


def test_only_adapters_are_trained_and_names_stay() -> None:
    model = small_model()
    names = {name for name, _ in model.named_parameters()}
    add_adapters(model, LoraSettings(targets=("q_proj", "down_proj")), seed=0)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == names
    assert trained == {
        f"model.layers.{layer}.{target}.{part}"
        for layer in (0, 1)
        for target in ("self_attn.q_proj", "mlp.down_proj")
        for part in ("lora_A", "lora_B")
    }


def test_a_step_moves_adapters_alone() -> None:
    model = adapted_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model(small_ids()).float().logsumexp(-1).mean().backward()
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == ("lora_" not in name), name


def test_first_values_follow_from_seed_and_name_alone() -> None:
    first, other = small_model(0), small_model(1)
    add_adapters(first, LORA, seed=5)
    fewer = LoraSettings(rank=4, targets=("o_proj",))
    add_adapters(other, fewer, seed=5)
    name = "model.layers.1.self_attn.o_proj.lora_A"
    assert torch.equal(adapter_state(first)[name], adapter_state(other)[name])
    above = name.replace("layers.1", "layers.0")
    assert not torch.equal(adapter_state(first)[name], adapter_state(first)[above])
    another = small_model()
    add_adapters(another, LORA, seed=6)
    assert not torch.equal(adapter_state(first)[name], adapter_state(another)[name])
    bound = 1 / 32**0.5
    assert bound * 0.8 < adapter_state(first)[name].abs().max() <= bound


def test_a_model_on_the_meta_device_gets_the_same_adapters_later() -> None:
    with torch.device("meta"):
        model = Model(SHAPE)
    add_adapters(model, LORA, seed=5)
    assert all(p.is_meta for p in model.parameters())
    assert {p.requires_grad for n, p in model.named_parameters() if "lora_" in n} == {True}
    first = dict(first_adapters(model, 5))
    expected = small_model()
    add_adapters(expected, LORA, seed=5)
    assert first.keys() == adapter_state(expected).keys()
    assert all(torch.equal(first[n], values) for n, values in adapter_state(expected).items())


def test_merged_logits_equal_unmerged_ones() -> None:
    model = adapted_model()
    before = logits(model)
    plain = merge(copy.deepcopy(model))
    assert not list(adapted(plain))
    assert {name for name, _ in plain.named_parameters()} == {
        name for name, _ in small_model().named_parameters()
    }
    torch.testing.assert_close(logits(plain), before, rtol=1e-5, atol=2e-6)
    assert (before - logits(small_model())).abs().max() > 0.01


def test_bf16_weights_are_merged_in_fp32_and_rounded_once() -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 64).bfloat16()
    a, b = torch.randn(4, 64) * 0.01, torch.randn(64, 4) * 0.01
    found = merged(weight, a, b, 2.0)
    assert found.dtype is torch.bfloat16
    exact = weight.double() + 2.0 * (b.double() @ a.double())
    assert torch.equal(found, exact.bfloat16())
    in_bf16 = weight + 2.0 * (b.bfloat16() @ a.bfloat16())
    assert not torch.equal(found, in_bf16)


def test_adapters_of_a_bf16_model_are_fp32() -> None:
    model = small_model().bfloat16()
    add_adapters(model, LORA, seed=0)
    assert {p.dtype for n, p in model.named_parameters() if "lora_" in n} == {torch.float32}
    assert model(small_ids()).dtype is torch.bfloat16


def test_autocast_computes_adapters_in_bf16() -> None:
    layer = LoraLinear(torch.nn.Linear(8, 6, bias=False), 3, 1.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(2, 8)).dtype is torch.bfloat16


def test_recompute_gives_the_same_gradients() -> None:
    model = adapted_model()
    again = Model(SHAPE, recompute=True)
    add_adapters(again, LORA, seed=9)
    again.load_state_dict(model.state_dict())
    for one in (model, again):
        one(small_ids()).float().logsumexp(-1).mean().backward()
    found = {n: p.grad for n, p in again.named_parameters() if p.requires_grad}
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == ("lora_" in name)
        if "lora_" in name:
            assert torch.equal(parameter.grad, found[name]), name


def test_adapters_go_from_model_to_model() -> None:
    model, other = adapted_model(), small_model()
    add_adapters(other, LORA, seed=77)
    load_adapter_state(other, adapter_state(model))
    assert torch.equal(logits(other), logits(model))


def test_state_is_a_copy() -> None:
    model = adapted_model()
    state = adapter_state(model)
    with torch.no_grad():
        next(adapted(model))[1].lora_A.zero_()
    assert all(values.abs().max() > 0 for values in state.values())


def test_the_count_of_trained_parameters_is_told() -> None:
    model = small_model()
    add_adapters(model, LORA, seed=0)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 2 * 4 * ((32 + 32) * 2 + (32 + 16) * 2 + (32 + 48) * 3)
    total = trained + SHAPE.parameters
    assert trained_told(model) == f"{trained:,} of {total:,} parameters are trained"


def test_counts_of_a_billion_are_told_in_millions() -> None:
    from dolma_pipe.train.model.presets import PRESETS

    with torch.device("meta"):
        model = Model(PRESETS["olmo-1b"])
    add_adapters(model, LoraSettings(rank=4, targets=("q_proj", "v_proj")), seed=0)
    assert trained_told(model) == "0.5M of 1,177M parameters are trained"


def test_what_does_not_fit_is_told() -> None:
    model = adapted_model()
    wrong = dict(adapter_state(model))
    values = wrong.pop("model.layers.0.self_attn.q_proj.lora_A")
    with pytest.raises(TrainError, match=r"layers\.0\.self_attn\.q_proj\.lora_A are missing"):
        load_adapter_state(model, wrong)
    with pytest.raises(TrainError, match=r"of no layer \(did you mean 'model\.layers\.0"):
        load_adapter_state(
            model, {**adapter_state(model), "model.layers.0.self_attn.q_prj": values}
        )
    with pytest.raises(TrainError, match=r"\[3, 32\], not \[4, 32\]: another rank"):
        load_adapter_state(
            model, {**adapter_state(model), "model.layers.0.self_attn.q_proj.lora_A": values[:3]}
        )
    with pytest.raises(TrainError, match=r"no linear layer model\.layers\.7\.mlp"):
        attach(model, "model.layers.7.mlp.up_proj", 4, 1.0)
    with pytest.raises(TrainError, match=r"lora\.targets: the model has no q_proj"):
        add_adapters(torch.nn.Sequential(torch.nn.Linear(2, 2)), LORA, seed=0)
