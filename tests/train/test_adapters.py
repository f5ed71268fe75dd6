"""Files of adapters: checkpoints of a LoRA training, folders of PEFT, whole weights of either."""
# ruff: noqa: E402, imports follow importorskip

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from dolma_pipe.cli.checkpoints_merge import command
from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.packing import Against, pack, unpack
from dolma_pipe.train.config import LoraSettings
from dolma_pipe.train.meta import write_meta
from dolma_pipe.train.model.transformer import Model
from dolma_pipe.train.tuning.adapters import Base, read_adapters
from dolma_pipe.train.tuning.merging import merge_checkpoint
from dolma_pipe.train.tuning.weights import (
    load_model_weights,
    model_weights,
    resolve,
)
from dolma_pipe.work import read_json, write_json
from tests.cli.json_page import checked
from tests.train.made_checkpoints import made_meta
from tests.train.tuned import (
    SHAPE,
    adapted_model,
    load_adapters,
    logits,
    merge,
    small_ids,
    small_model,
    write_adapted,
    write_whole,
)

LAYER = "model.layers.0.self_attn.q_proj"
KEY = f"base_model.model.{LAYER}.lora_A.weight"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with base/ and lora/step3."""
    base = write_whole(tmp_path / "base", small_model())
    write_adapted(tmp_path / "lora" / "step3", adapted_model(), base)
    return tmp_path


def loaded(folder: Path) -> Model:
    model = small_model(9)
    load_model_weights(model, folder)
    return model


def edit(path: Path, **changes: Any) -> None:
    write_json(path, read_json(path) | changes)


def test_a_checkpoint_holds_adapters_alone(run: Path) -> None:
    step = run / "lora" / "step3"
    assert {path.name for path in step.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "base.json",
        "config.json",
    }
    names = load_file(step / "adapter_model.safetensors").keys()
    assert len(names) == 2 * 2 * 7
    assert all(".lora_" in name for name in names)


def test_adapters_come_back(run: Path) -> None:
    model = small_model()
    load_adapters(model, run / "lora" / "step3")
    assert torch.equal(logits(model), logits(adapted_model()))


def test_whole_and_adapted_checkpoints_load_alike(run: Path) -> None:
    assert torch.equal(logits(loaded(run / "base")), logits(small_model()))
    step = run / "lora" / "step3"
    assert torch.equal(logits(loaded(step)), logits(merge(adapted_model())))
    assert resolve(step) == (run / "base", step)
    assert resolve(run / "base") == (run / "base", None)


def test_a_base_may_have_adapters_itself(run: Path) -> None:
    first = run / "lora" / "step3"
    second = write_adapted(run / "again" / "step1", adapted_model(5), first)
    expected = adapted_model(5)
    middle = merge(adapted_model())
    with torch.no_grad():
        for name, parameter in middle.named_parameters():
            expected.get_parameter(name).copy_(parameter)
    assert torch.equal(logits(loaded(second)), logits(merge(expected)))


def test_a_base_may_be_packed_as_a_delta(run: Path) -> None:
    other = write_whole(run / "other", small_model(1))
    pack(run / "base", Against(other), None)
    assert not (run / "base" / "model.safetensors").exists()
    assert torch.equal(logits(loaded(run / "lora" / "step3")), logits(merge(adapted_model())))
    written = write_adapted(run / "late" / "step3", adapted_model(), run / "base")
    unpack(run / "base")
    assert torch.equal(logits(loaded(written)), logits(merge(adapted_model())))


def test_adapters_may_be_packed_as_a_delta(run: Path) -> None:
    later = write_adapted(run / "lora" / "step4", adapted_model(spread=0.101), run / "base")
    expected = logits(loaded(later))
    pack(later, Against(run / "lora" / "step3"), None)
    assert not (later / "adapter_model.safetensors").exists()
    assert torch.equal(logits(loaded(later)), expected)
    assert merge_checkpoint(later, run / "merged").layers == 14
    assert torch.equal(logits(loaded(run / "merged")), expected)


def test_both_may_be_moved_together(run: Path) -> None:
    shutil.copytree(run / "base", run / "moved" / "base")
    shutil.move(run / "lora", run / "moved" / "lora")
    shutil.rmtree(run / "base")
    step = run / "moved" / "lora" / "step3"
    assert torch.equal(logits(loaded(step)), logits(merge(adapted_model())))
    assert resolve(step)[0] == run / "moved" / "base"
    shutil.move(step, run / "step3")
    with pytest.raises(TrainError, match=r"step3: its base is not at .*: mend base\.json"):
        loaded(run / "step3")


def test_adapters_alone_may_be_moved(run: Path) -> None:
    (run / "far" / "away").mkdir(parents=True)
    step = shutil.move(run / "lora" / "step3", run / "far" / "away" / "step3")
    assert resolve(Path(step))[0] == run / "base"


def test_a_base_that_changed_is_refused(run: Path) -> None:
    shutil.rmtree(run / "base")
    write_whole(run / "base", small_model(1))
    with pytest.raises(TrainError, match=r"base has other weights than when .*step3 was trained"):
        loaded(run / "lora" / "step3")


def test_a_folder_of_peft_names_its_base_by_path_alone(run: Path) -> None:
    step = run / "lora" / "step3"
    (step / "base.json").unlink()
    assert torch.equal(logits(loaded(step)), logits(merge(adapted_model())))
    edit(step / "adapter_config.json", base_model_name_or_path="allenai/OLMo-1B-hf")
    with pytest.raises(TrainError, match="allenai/OLMo-1B-hf, is no folder on this machine"):
        loaded(step)


def test_ranks_of_layers_may_differ(run: Path) -> None:
    """PEFT's rank_pattern: the scale is alpha over the rank of the layer."""
    step = run / "lora" / "step3"
    tensors = load_file(step / "adapter_model.safetensors")
    b = KEY.replace("lora_A", "lora_B")
    tensors[KEY], tensors[b] = tensors[KEY][:2].clone(), tensors[b][:, :2].clone()
    save_file(tensors, step / "adapter_model.safetensors")
    scales = read_adapters(step).scales
    assert scales.pop(LAYER) == 6.0
    assert set(scales.values()) == {3.0}
    edit(step / "adapter_config.json", use_rslora=True)
    assert read_adapters(step).scales["model.layers.1.mlp.up_proj"] == 6.0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"peft_type": "IA3"}, "adapters of type IA3; only LORA"),
        ({"use_dora": True}, "use_dora is True: plain LoRA"),
        ({"bias": "all"}, "bias is all: plain LoRA"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is pissa"),
        ({"alpha_pattern": {"q_proj": 3}}, "alpha_pattern is"),
        ({"r": "many"}, r"adapter_config\.json: Expected `int`"),
    ],
)
def test_other_adapters_of_peft_are_refused(run: Path, changes: dict[str, Any], told: str) -> None:
    step = run / "lora" / "step3"
    edit(step / "adapter_config.json", **changes)
    with pytest.raises(TrainError, match=told):
        loaded(step)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (KEY, None, "q_proj: A and B do not belong together"),
        (KEY, "base_model.model.model.embed_tokens.weight", "is no adapter of a linear layer"),
    ],
)
def test_other_tensors_are_refused(run: Path, old: str, new: str | None, told: str) -> None:
    path = run / "lora" / "step3" / "adapter_model.safetensors"
    tensors = load_file(path)
    values = tensors.pop(old)
    save_file(tensors if new is None else {**tensors, new: values}, path)
    with pytest.raises(TrainError, match=told):
        loaded(path.parent)


def test_adapters_of_a_layer_that_is_not_there_are_refused(run: Path) -> None:
    path = run / "lora" / "step3" / "adapter_model.safetensors"
    tensors = {name.replace("layers.1", "layers.7"): v for name, v in load_file(path).items()}
    save_file(tensors, path)
    with pytest.raises(TrainError, match=r"adapters of model\.layers\.7\.mlp\.down_proj, which"):
        loaded(path.parent)


def test_half_a_file_is_refused(run: Path) -> None:
    path = run / "lora" / "step3" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TrainError, match=r"adapter_model\.safetensors"):
        loaded(path.parent)


def test_weights_of_another_model_are_refused(run: Path) -> None:
    deep = Model(msgspec.structs.replace(SHAPE, layers=3))
    with pytest.raises(TrainError, match=r"base: model\.layers\.2\..* are not in its weights"):
        load_model_weights(deep, run / "base")
    wide = write_adapted(run / "wide", adapted_model(), run / "base")
    other = small_model(shape=msgspec.structs.replace(SHAPE, intermediate_size=64))
    write_json(wide / "base.json", Base.at(wide, write_whole(run / "other", other)))
    with pytest.raises(TrainError, match=r"adapters of model\.layers\.0\.mlp\.\w+ do not fit"):
        load_model_weights(other, wide)


def test_no_file_knows_a_device_and_types_follow_the_model(run: Path) -> None:
    half = small_model().bfloat16()
    base = write_whole(run / "half", half)
    assert {values.dtype for _, values in model_weights(base)} == {torch.bfloat16}
    master = small_model(9)
    load_model_weights(master, base)
    for name, parameter in master.named_parameters():
        assert parameter.dtype is torch.float32
        assert torch.equal(parameter, half.get_parameter(name).float()), name
    with torch.device("meta"):
        empty = Model(SHAPE)
    empty.to_empty(device="cpu")
    load_model_weights(empty, base)
    assert all(torch.equal(p, master.get_parameter(n)) for n, p in empty.named_parameters())


def test_meta_adapters_load_what_a_cpu_saved(run: Path) -> None:
    with torch.device("meta"):
        model = Model(SHAPE)
    load_adapters(model, run / "lora" / "step3")
    assert {p.device.type for p in model.parameters()} == {"meta"}
    model.to_empty(device="cpu")
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {
        n for n, p in adapted_model().named_parameters() if p.requires_grad
    }


def test_merge_writes_a_whole_model(run: Path) -> None:
    step, out = run / "lora" / "step3", run / "merged"
    (run / "base" / "tokenizer.json").write_text("{}")
    (step / "chat_template.jinja").write_text("{{ messages }}")
    ran = CliRunner().invoke(command, [str(step), "--out", str(out)], catch_exceptions=False)
    assert ran.exit_code == 0
    assert ran.output.splitlines() == [
        f"{out}: {SHAPE.parameters:,} parameters of {run / 'base'}",
        "adapters of 14 layers merged",
    ]
    again = CliRunner().invoke(command, [str(step), "--out", f"{out}-again", "--json"])
    merged = checked("checkpoints merge", json.loads(again.stdout))
    assert (merged.layers, merged.parameters) == (14, SHAPE.parameters)
    assert {path.name for path in out.iterdir()} == {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "chat_template.jinja",
    }
    modes = {path.name: path.stat().st_mode for path in out.iterdir()}
    assert modes["model.safetensors"] == modes["config.json"]  # who may read the one reads all
    torch.testing.assert_close(logits(loaded(out)), logits(adapted_model()), rtol=1e-5, atol=2e-6)
    assert torch.equal(logits(loaded(out)), logits(loaded(step)))


def test_a_bf16_base_is_merged_in_fp32_and_stays_bf16(run: Path) -> None:
    base = write_whole(run / "half", small_model().bfloat16())
    adapters = adapted_model(spread=0.01)
    merge_checkpoint(write_adapted(run / "lora" / "step9", adapters, base), run / "merged")
    found = load_file(run / "merged" / "model.safetensors")[f"{LAYER}.weight"]
    layer = adapters.get_submodule(LAYER)
    exact = small_model().get_parameter(f"{LAYER}.weight").bfloat16().double()
    exact += 3.0 * (layer.lora_B.double() @ layer.lora_A.double())
    assert torch.equal(found, exact.bfloat16())


def test_what_cannot_be_merged_is_told(run: Path) -> None:
    with pytest.raises(TrainError, match="base has no adapters"):
        merge_checkpoint(run / "base", run / "merged")
    with pytest.raises(TrainError, match="nowhere is not there"):
        merge_checkpoint(run / "nowhere", run / "merged")
    write_meta(run / "lora" / "step3", made_meta(3))
    with pytest.raises(TrainError, match=r"lora is a run: take one of its checkpoints, .*/step3$"):
        merge_checkpoint(run / "lora", run / "merged")
    with pytest.raises(TrainError, match="base is there already"):
        merge_checkpoint(run / "lora" / "step3", run / "base")
    shutil.rmtree(run / "base")
    with pytest.raises(TrainError, match="its base is not at"):
        merge_checkpoint(run / "lora" / "step3", run / "merged")
    assert not list(run.glob("*merged*"))


def test_transformers_loads_what_was_merged(run: Path) -> None:
    transformers = pytest.importorskip("transformers")
    merge_checkpoint(run / "lora" / "step3", run / "merged")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(run / "merged")
    with torch.no_grad():
        found = theirs(small_ids()).logits
    torch.testing.assert_close(found, logits(adapted_model()), rtol=1e-5, atol=2e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers for an old name
def test_peft_computes_the_same(run: Path) -> None:
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    base = transformers.AutoModelForCausalLM.from_pretrained(run / "base")
    theirs = peft.PeftModel.from_pretrained(base, run / "lora" / "step3")
    with torch.no_grad():
        found = theirs(small_ids()).logits
    torch.testing.assert_close(found, logits(adapted_model()), rtol=1e-5, atol=2e-6)
    theirs.save_pretrained(run / "theirs")
    assert torch.equal(logits(loaded(run / "theirs")), logits(merge(adapted_model())))


def test_settings_of_adapters_are_written_for_peft(run: Path) -> None:
    config = read_json(run / "lora" / "step3" / "adapter_config.json")
    assert (config["r"], config["lora_alpha"]) == (4, 12)
    assert config["target_modules"] == list(LoraSettings().targets)
    assert config["base_model_name_or_path"] == str(run / "base")
