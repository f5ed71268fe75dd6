"""Presets, parameter counts, what does not fit, and config.json there and back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import AttentionSettings
from dolma_pipe.train.model.presets import PRESETS, read_shape, shape_of
from dolma_pipe.train.model.shape import ModelShape, Strided, Yarn
from dolma_pipe.work import write_json

SMALL = {"preset": "olmo-1m", "vocab_size": 200, "hidden_size": 32, "intermediate_size": 48}


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("olmo-1m", "1.0M"),
        ("olmo-20m", "21.3M"),
        ("olmo-60m", "59.3M"),
        ("olmo-150m", "151.9M"),
        ("olmo-300m", "319.9M"),
        ("olmo-700m", "681.2M"),
        ("olmo-1b", "1.1768B"),
        ("olmo-7b", "6.8881B"),
        ("olmo2-1b", "1.4849B"),
        ("olmo2-7b", "7.2986B"),
        ("olmo3-7b", "7.2986B"),
    ],
)
def test_parameters_are_those_of_the_published_models(name: str, published: str) -> None:
    digits = len(published.split(".")[1]) - 1
    unit = 1e6 if published.endswith("M") else 1e9
    assert f"{PRESETS[name].parameters / unit:.{digits}f}{published[-1]}" == published


def test_every_preset_is_counted_against_a_published_figure() -> None:
    marks = test_parameters_are_those_of_the_published_models.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(PRESETS)


def test_a_vocabulary_is_padded_to_rows() -> None:
    assert PRESETS["olmo-1b"].rows == 50304
    assert PRESETS["olmo3-7b"].rows == 100352
    assert msgspec.structs.replace(PRESETS["olmo-1b"], pad_rows_to=1).rows == 50280


def test_flops_count_windows_and_the_output_matrix() -> None:
    one = PRESETS["olmo-1b"]
    assert one.flops(2048) == 6 * one.parameters + 12 * 16 * 2048 * 2048
    seven = PRESETS["olmo-7b"]
    assert seven.matmul_parameters == seven.parameters - 50304 * 4096
    three = PRESETS["olmo3-7b"]
    assert three.flops(8192) == 6 * three.matmul_parameters + 12 * 4096 * (24 * 4096 + 8 * 8192)


def test_flops_are_those_of_palm() -> None:
    """Chowdhery et al. 2022, section 4.1 and appendix B: 46.2 %, and 45.7 % without attention."""
    sizes = {"hidden_size": 48 * 256, "layers": 118, "heads": 48}
    alike = shape_of({"preset": "olmo-7b"} | sizes)
    rate, peak, parameters = 238.3e3, 6144 * 275e12, 540_350_000_000  # TPU v4
    attention = alike.flops(2048) - 6 * alike.matmul_parameters
    assert rate * (6 * parameters + attention) / peak == pytest.approx(0.462, abs=5e-4)
    assert rate * 6 * parameters / peak == pytest.approx(0.457, abs=5e-4)


@pytest.mark.parametrize(
    ("layers", "full_every", "last_full", "full"),
    [(6, 4, True, [4, 6]), (6, 4, False, [4]), (8, 4, True, [4, 8]), (3, 1, True, [1, 2, 3])],
)
def test_full_layers(layers: int, full_every: int, last_full: bool, full: list[int]) -> None:
    given = {"layers": layers, "full_every": full_every, "last_full": last_full}
    shape = shape_of({"preset": "olmo3-7b"} | given)
    assert [at + 1 for at, is_full in enumerate(shape.full_layers) if is_full] == full
    assert ModelShape.from_hf(shape.to_hf()).full_layers == shape.full_layers


def test_overrides_change_what_they_name() -> None:
    shape = shape_of({"preset": "olmo-20m", "layers": 2, "kv_heads": 2})
    assert (shape.layers, shape.key_heads, shape.hidden_size) == (2, 2, 256)
    assert shape_of("olmo-20m") == PRESETS["olmo-20m"]
    whole = msgspec.to_builtins(PRESETS["olmo2-1b"])
    assert shape_of(whole) == PRESETS["olmo2-1b"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("olmo-20", "model: unknown preset 'olmo-20' (did you mean 'olmo-20m'?)"),
        ({"preset": "olmo20m"}, "model: unknown preset 'olmo20m' (did you mean 'olmo-20m'?)"),
        ({"preset": ["olmo-20m"]}, "model: unknown preset '['olmo-20m']'"),
        (SMALL | {"layer": 3}, "model: unknown key 'layer' (did you mean 'layers'?)"),
        (SMALL | {"layers": 0}, "model.layers: expected `int` >= 1"),
        (
            SMALL | {"yarn": {"factr": 8}},
            "model.yarn: unknown key 'factr' (did you mean 'factor'?)",
        ),
        ({"family": "olmo"}, "model: 'vocab_size' is missing"),
        (SMALL | {"family": "olmo4"}, "model.family: unknown value 'olmo4' (did you mean 'olmo"),
        (
            SMALL | {"heads": 5},
            "model.heads: hidden_size 32 is no multiple of 2 * heads (10): a head needs an even",
        ),
        (SMALL | {"kv_heads": 3}, "model.kv_heads: 3 does not divide heads (4)"),
        (SMALL | {"sliding_window": 9}, "model.sliding_window: olmo has none (family: olmo3)"),
        (SMALL | {"norm_eps": 1e-6}, "model.norm_eps: is 1e-5 in olmo"),
        (
            {"preset": "olmo2-1b", "clip_qkv": 8},
            "model.clip_qkv: olmo2 has none (family: olmo)",
        ),
        (SMALL | {"eos_id": 256}, "model.eos_id: 256 is not below the 256 embedding rows"),
    ],
)
def test_what_does_not_fit_is_one_line(model: str | dict[str, Any], told: str) -> None:
    with pytest.raises(TrainError) as error:
        shape_of(model)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)


YARN = Yarn(factor=8, original_context=64)


@pytest.mark.parametrize(
    "shape",
    [
        *PRESETS.values(),
        shape_of(SMALL | {"clip_qkv": 8.0, "eos_id": 3, "pad_id": 0, "kv_heads": 2}),
        shape_of(SMALL | {"yarn": YARN, "pattern": Strided(block=16, local=2, stride=4)}),
        shape_of({"preset": "olmo3-7b", "yarn": YARN, "layers": 6, "last_full": False}),
        shape_of({"preset": "olmo3-7b", "sliding_window": None, "pad_rows_to": 128}),
    ],
)
def test_a_shape_comes_back_from_config_json(shape: ModelShape, tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", shape.to_hf())
    again = shape_of({}, tmp_path)
    for name in (*ModelShape.__struct_fields__, "rows", "full_layers", "parameters", "key_heads"):
        if name not in ("kv_heads", "yarn"):
            assert getattr(again, name) == getattr(shape, name), name
    assert (again.yarn is None) == (shape.yarn is None)
    if again.yarn and shape.yarn:
        assert again.yarn.scale == shape.yarn.scale
        filled = msgspec.structs.replace(again.yarn, attention_factor=None)
        assert filled == shape.yarn


def test_overrides_of_a_checkpoint(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", PRESETS["olmo3-7b"].to_hf())
    shape = shape_of({"context": 65536, "yarn": {"factor": 8, "original_context": 8192}}, tmp_path)
    assert shape.yarn is not None
    assert abs(shape.yarn.scale - 1.2079441541679836) < 1e-12
    assert shape.sliding_window == 4096


def test_the_pattern_of_train_yaml_becomes_part_of_the_shape() -> None:
    shape = PRESETS["olmo-1m"]
    asked = AttentionSettings(pattern="strided", block=64, local=2, stride=3)
    stamped = shape.with_pattern(asked)
    assert stamped.pattern == Strided(block=64, local=2, stride=3)
    assert stamped.with_pattern(AttentionSettings()) == stamped
    assert shape.with_pattern(AttentionSettings()) == shape


PUBLISHED = {
    "model_type": "olmo3",
    "vocab_size": 100278,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": 65536,
    "rms_norm_eps": 1e-6,
    "rope_theta": 500000,
    "rope_scaling": {
        "rope_type": "yarn",
        "factor": 8.0,
        "original_max_position_embeddings": 8192,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "attention_factor": 1.2079441541679836,
    },
    "sliding_window": 4096,
    "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
    "eos_token_id": [100257, 100265],
}
"""As transformers 4 wrote it, with rows that are no multiple of 128."""


def test_a_config_of_transformers_4_is_read() -> None:
    shape = ModelShape.from_hf(PUBLISHED)
    assert (shape.rows, shape.vocab_size, shape.eos_id) == (100278, 100278, 100257)
    assert shape.full_layers == [False, False, False, True]
    assert shape.yarn is not None
    assert (shape.yarn.original_context, shape.rope_theta) == (8192, 500000)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"model_type": "llama"},
            "model_type 'llama' is none of OLMo's (known: olmo, olmo2, olmo3)",
        ),
        ({"attention_bias": True}, "attention_bias True is not supported, only False"),
        ({"hidden_act": "gelu"}, "hidden_act gelu is not supported, only silu"),
        ({"hidden_size": None}, "hidden_size: expected `int`, got `null`"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2}}, "rope_type 'linear' is not supp"),
        (
            {"rope_scaling": {"rope_type": "yarn", "factor": 2, "mscale": 1}},
            "rope_parameters: mscale: not supported in yarn",
        ),
        (
            {"layer_types": ["full_attention"] + ["sliding_attention"] * 3},
            "layer_types: only every n-th layer, and the last, can be full_attention",
        ),
        ({"layer_types": ["full_attention"]}, "layer_types: not one of full_attention and sliding"),
        ({"layer_types": ["chunked_attention"] * 4}, "layer_types: not one of full_attention and"),
        ({"layer_types": 4}, "not as transformers writes it: "),
        ({"rope_parameters": {"full_attention": 3}}, "not as transformers writes it: "),
        ({"model_type": ["olmo"]}, "not as transformers writes it: "),
        (
            {"rope_parameters": {"sliding_attention": {"rope_theta": 1e4}}},
            "rope_parameters: sliding and full attention have different rope_theta",
        ),
    ],
)
def test_a_config_that_we_cannot_compute_is_refused(
    changed: dict[str, Any], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    write_json(path, PUBLISHED | changed)
    with pytest.raises(TrainError) as error:
        read_shape(tmp_path)
    assert str(error.value).startswith(f"{path}: {told}")


@pytest.mark.parametrize("content", [None, b"[1]", b"{", b"\xff"])
def test_no_config(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(TrainError) as error:
        shape_of({}, tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
