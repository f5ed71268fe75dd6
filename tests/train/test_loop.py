"""The loop: it learns, it goes on bit by bit, and how a batch is cut does not matter."""

import hashlib
import json
import math
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from safetensors.torch import load_file  # noqa: E402

from dolma_pipe.cli.train import command  # noqa: E402
from dolma_pipe.errors import TokensError, TrainError, UserError  # noqa: E402
from dolma_pipe.train.checkpoints.delta import is_delta  # noqa: E402
from dolma_pipe.train.checkpoints.packing import open_checkpoint  # noqa: E402
from dolma_pipe.train.meta import checkpoint_folders, read_meta  # noqa: E402
from dolma_pipe.train.start import start  # noqa: E402
from tests.cli.json_page import checked  # noqa: E402
from tests.small_tokenizer import small_tokenizer_json  # noqa: E402
from tests.train.small_runs import MODEL, VOCABULARY, small_config, write_language  # noqa: E402


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_language(tmp_path / "tokens")
    return tmp_path


def lines(root: Path, run: str = "run") -> list[dict[str, Any]]:
    text = (root / run / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def losses(root: Path, run: str = "run") -> list[float]:
    found = lines(root, run)
    return [line["train/CrossEntropyLoss"] for line in found if "optim/learning_rate" in line]


def weights(root: Path, step: int, run: str = "run") -> dict[str, "torch.Tensor"]:
    return load_file(root / run / f"step{step}" / "model.safetensors")


def same(one: dict[str, "torch.Tensor"], other: dict[str, "torch.Tensor"]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_it_learns_below_the_unigram_entropy(root: Path) -> None:
    """Of counting, which a model that sees no context cannot know: log(59) nats a token."""
    write_language(root / "held_out", documents=20, seed=2)
    config = small_config(
        root,
        steps=None,
        epochs=8,
        data={"mask_documents": True},
        evaluation={"every": 10**6, "held_out": str(root / "held_out")},
    )
    assert start(config) == 0
    found = losses(root)
    assert found[0] > math.log(VOCABULARY - 1)
    held_out = {name: v for name, v in lines(root)[-1].items() if name.endswith("EntropyLoss")}
    assert set(held_out) == {
        f"eval/{name}/CrossEntropyLoss"
        for name in ("ones", "threes", "macro_average", "micro_average")
    }
    assert max(held_out.values()) < 0.6 * math.log(VOCABULARY - 1)


def test_a_resumed_run_is_the_same_bit_by_bit(root: Path) -> None:
    """Rule 3, across the border of an epoch, with steps skipped by an outlier's window."""
    more: dict[str, Any] = {
        "batch": {"instances": 24, "micro": 10},
        "checkpoints": {"every": 5},
        "optimizer": {"lr": 1e-2, "skip_sigma": 1.0, "skip_window": 4},
        "z_loss": 1e-3,
    }
    start(small_config(root, steps=14, **more))
    assert {line.get("optim/step_skipped") for line in lines(root)} == {0, 1}
    assert len({read_meta(folder).epoch for folder in checkpoint_folders(root / "run")}) > 1
    shutil.copytree(root / "run", root / "again")
    for folder in checkpoint_folders(root / "again")[1:]:
        shutil.rmtree(folder)
    start(small_config(root, steps=14, out=str(root / "again"), **more))
    assert losses(root, "again") == losses(root)
    assert same(weights(root, 14), weights(root, 14, "again"))
    assert [line["step"] for line in lines(root, "again")] == list(range(1, 15))


def test_micro_batches_do_not_change_a_step(root: Path) -> None:
    """Rule 1: sums are divided by the targets of the whole batch, of which each part has others."""
    found = []
    for micro in (8, 3, 1):
        out = f"micro-{micro}"
        data = {"view": "padded", "mask_documents": True}
        start(small_config(root, batch={"micro": micro}, data=data, out=str(root / out), steps=4))
        found.append(losses(root, out))
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert found[2] == pytest.approx(found[0], rel=1e-5)


def test_another_batch_or_micro_size_goes_on_with_what_was_not_read(root: Path) -> None:
    start(small_config(root, steps=3))
    start(small_config(root, steps=5, batch={"instances": 5, "micro": 2}))
    meta = read_meta(root / "run" / "step5")
    assert (meta.epoch, meta.instances, meta.tokens) == (0, 3 * 8 + 2 * 5, (3 * 8 + 2 * 5) * 16)


@pytest.mark.parametrize("instances", [4, 16])
def test_an_epoch_ends_where_it_ends_after_another_batch_size(root: Path, instances: int) -> None:
    start(small_config(root, steps=3))
    start(small_config(root, steps=None, batch={"instances": instances}))
    last = read_meta(checkpoint_folders(root / "run")[-1])
    assert (last.epoch, last.instances, last.tokens) == (1, 0, 168 * 16)
    assert last.step == 3 + -(-(168 - 3 * 8) // instances)
    assert last.lr < 2e-3  # of 1e-2 to 1e-3: the schedule ends there, too


def test_a_model_that_computes_something_else_is_refused(root: Path) -> None:
    """The weights of 2 heads fit 4, too."""
    start(small_config(root, steps=2))
    for changed in ({"heads": 4}, {"layers": 3}, {"rope_theta": 1e5}):
        with pytest.raises(TrainError, match=r"step2 is of another model \("):
            start(small_config(root, steps=3, model={**MODEL, **changed}))
    start(small_config(root, steps=3, model={**MODEL, "context": 4096}))


def test_settings_of_the_optimizer_may_change_on_the_way(root: Path) -> None:
    start(small_config(root, steps=2))
    shutil.copytree(root / "run", root / "other")
    start(small_config(root, steps=3, schedule={"shape": "constant"}))
    more: dict[str, Any] = {"optimizer": {"lr": 1e-2, "weight_decay": 9.0, "betas": [0.1, 0.2]}}
    start(
        small_config(root, steps=3, schedule={"shape": "constant"}, out=str(root / "other"), **more)
    )
    assert not same(weights(root, 3), weights(root, 3, "other"))


def test_a_refused_run_stays_as_it_was(root: Path) -> None:
    start(small_config(root, steps=2))
    before = (root / "run" / "config.json").read_bytes()
    for more in ({"data": {"length": 8}}, {"evaluation": {"tasks": ["arc_nosuch"]}}):
        with pytest.raises(UserError):
            start(small_config(root, steps=3, **more))
        assert (root / "run" / "config.json").read_bytes() == before


def test_what_has_ended_is_not_trained_again(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(small_config(root))
    capsys.readouterr()
    before = (root / "run" / "step6" / "model.safetensors").stat()
    start(small_config(root))
    assert (root / "run" / "step6" / "model.safetensors").stat().st_mtime_ns == before.st_mtime_ns
    assert len(losses(root)) == 6
    assert "nothing is left to do: 6 steps are done" in capsys.readouterr().err


def test_other_data_are_refused(root: Path) -> None:
    start(small_config(root, steps=2))
    for data in ({"length": 8}, {"seed": 3}):
        with pytest.raises(TrainError, match=r"step2 was trained on other data, or in another"):
            start(small_config(root, data=data))
    write_language(root / "tokens", seed=9)
    with pytest.raises(TrainError, match="was trained on other data"):
        start(small_config(root))


def test_a_flipped_byte_is_refused_by_name(root: Path) -> None:
    """Rule 8."""
    path = root / "tokens" / "threes" / "part-00001.npy"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    with pytest.raises(TokensError, match=r"threes/part-00001\.npy"):
        start(small_config(root))


def test_a_loss_that_is_no_number_names_step_and_documents(root: Path) -> None:
    config = small_config(root, optimizer={"lr": 1e30, "clip": None}, schedule={"warmup": 0})
    with pytest.raises(TrainError) as failure:
        start(config)
    assert "step 2: loss nan" in str(failure.value) or "step 3: loss nan" in str(failure.value)
    assert "(in.zst:" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_checkpoint_is_the_start_of_another_run(root: Path) -> None:
    start(small_config(root))
    begun = small_config(
        root,
        model=None,
        start=str(root / "run" / "step6"),
        out=str(root / "other"),
        steps=1,
        optimizer={"lr": 1e-9},
        schedule={"warmup": 0},
    )
    start(begun)
    for name, tensor in weights(root, 1, "other").items():
        assert torch.allclose(tensor, weights(root, 6)[name], atol=1e-6)
    with pytest.raises(TrainError, match=r"start: .*run is a run: take one of its .*run/step6$"):
        start(small_config(root, model=None, start=str(root / "run"), out=str(root / "third")))


def test_a_checkpoint_carries_the_tokenizer_of_the_arrays(root: Path) -> None:
    transformers = pytest.importorskip("transformers")
    content = small_tokenizer_json()
    (root / "tokens" / "tokenizer.json").write_bytes(content)
    manifest = json.loads((root / "tokens" / "manifest.json").read_text())
    manifest["tokenizer"]["sha256"] = hashlib.sha256(content).hexdigest()
    manifest |= {"vocab_size": 269, "eos_id": 268, "token_bytes_sha256": ""}
    (root / "tokens" / "manifest.json").write_text(json.dumps(manifest))
    start(small_config(root, steps=2, model={**MODEL, "vocab_size": 269}))
    folder = root / "run" / "step2"
    assert (folder / "tokenizer.json").read_bytes() == content
    assert transformers.AutoTokenizer.from_pretrained(folder).eos_token_id == 268
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.eos_token_id == 268
    assert model(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 384)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"model": {**MODEL, "vocab_size": 59, "pad_rows_to": 1}}, "a vocabulary of 60, the model"),
        ({"data": {"length": 600}}, "model.context: 600"),
        ({"data": {"length": 5000}}, "too few tokens for data.length: need S+1 = 5001, have 2675"),
        ({"start": "other", "model": None}, "was trained with another one"),
    ],
)
def test_what_does_not_fit_together(root: Path, more: dict[str, Any], told: str) -> None:
    if "start" in more:
        start(small_config(root, steps=2, out=str(root / "other")))
        more["start"] = str(root / "other" / "step2")
        meta = (root / "other" / "step2" / "meta.json").read_text()
        (root / "other" / "step2" / "meta.json").write_text(meta.replace("0" * 64, "1" * 64))
    with pytest.raises(UserError) as failure:
        start(small_config(root, **more))
    assert told in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("where", ["setup.loss_sums", "optimizer.Optimizers.step"])
def test_out_of_memory_says_what_to_lower(
    root: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr(f"dolma_pipe.train.{where}", full)
    with pytest.raises(TrainError) as failure:
        start(small_config(root))
    assert str(failure.value) == (
        "out of memory on cpu: lower batch.micro (now 4), or set recompute: true"
    )


def test_a_full_disk_is_one_line_and_leaves_no_half_a_checkpoint(root: Path) -> None:
    """Here a limit of the size of a file, between that of the weights and of the optimizer."""
    start(small_config(root, out=str(root / "whole"), steps=2))
    weights_size = (root / "whole" / "step2" / "model.safetensors").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (weights_size * 3 // 2, before[1]))
    try:
        with pytest.raises(TrainError, match=r"^cannot write .*/train: File too large$"):
            start(small_config(root, steps=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((root / "run").glob("*step2*"))
    assert start(small_config(root, steps=2)) == 0


def test_older_checkpoints_become_deltas(root: Path) -> None:
    start(small_config(root, out=str(root / "base")))
    more: dict[str, Any] = {"start": str(root / "base" / "step6"), "model": None}
    start(small_config(root, steps=4, checkpoints={"every": 2, "delta": True}, **more))
    start(small_config(root, steps=4, checkpoints={"every": 2}, out=str(root / "plain"), **more))
    assert is_delta(root / "run" / "step2")
    assert not is_delta(root / "run" / "step4")
    with open_checkpoint(root / "run" / "step2") as whole:
        assert same(load_file(whole / "model.safetensors"), weights(root, 2, "plain"))


def test_adapters_are_trained_saved_and_gone_on_with(root: Path) -> None:
    start(small_config(root, out=str(root / "base")))
    more: dict[str, Any] = {
        "start": str(root / "base" / "step6"),
        "model": None,
        "lora": {"rank": 4},
        "checkpoints": {"every": 2},
    }
    start(small_config(root, steps=4, **more))
    shutil.copytree(root / "run" / "step2", root / "again" / "step2")
    start(small_config(root, steps=4, out=str(root / "again"), **more))
    assert losses(root, "again") == losses(root)[2:]
    found = [load_file(root / r / "step4" / "adapter_model.safetensors") for r in ("run", "again")]
    assert same(*found)
    assert not (root / "run" / "step4" / "model.safetensors").exists()
    begun = small_config(
        root, **{**more, "start": str(root / "run" / "step4"), "lora": None}, out=str(root / "full")
    )
    start(begun)
    assert losses(root, "full")[0] < losses(root)[0]


def test_old_checkpoints_go(root: Path) -> None:
    start(small_config(root, steps=7, checkpoints={"every": 2, "keep_last": 2, "names": "tokens"}))
    assert [folder.name for folder in checkpoint_folders(root / "run")] == [
        "tokens768",
        "tokens896",
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"model": MODEL | {"preset": "olmo3-7b", "context": 64, "sliding_window": 8}},
        {"attention": {"pattern": "strided", "block": 4, "local": 1, "stride": 2}},
    ],
)
def test_instances_may_be_shorter_than_the_context(root: Path, more: dict[str, Any]) -> None:
    start(small_config(root, steps=2, data={"length": 16}, **more))
    assert len(losses(root)) == 2


def test_gradient_checkpointing_changes_nothing(root: Path) -> None:
    start(small_config(root, steps=3))
    start(small_config(root, steps=3, recompute=True, out=str(root / "less")))
    assert losses(root, "less") == losses(root)


def test_bf16_comes_near(root: Path) -> None:
    start(small_config(root, steps=3))
    start(small_config(root, steps=3, precision="bf16", out=str(root / "half")))
    assert losses(root, "half") == pytest.approx(losses(root), rel=1e-2)
    assert losses(root, "half") != losses(root)
    assert weights(root, 3, "half")["model.embed_tokens.weight"].dtype == torch.float32


def test_one_training_a_folder(root: Path) -> None:
    import fcntl

    (root / "run").mkdir()
    with (root / "run" / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TrainError, match="another training writes there"):
            start(small_config(root))


def test_what_was_trained_is_told_as_json(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(root, steps=2)
    monkeypatch.setattr("dolma_pipe.train.config.read_config", lambda _: config)

    def told(*options: str) -> Any:
        ran = CliRunner().invoke(
            command, ["train.yaml", *options, "--json"], catch_exceptions=False
        )
        return checked("train run", json.loads(ran.stdout))

    assert told("--check").metrics == {}
    assert not (root / "run").exists()
    trained = told()
    assert (trained.step, trained.steps_in_all, trained.folder) == (2, 2, root / "run")
    last = json.loads((root / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert trained.metrics.items() >= last.items()
    assert trained.metrics["train/CrossEntropyLoss"] > 0
