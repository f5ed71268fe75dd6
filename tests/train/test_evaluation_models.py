"""`dolma-pipe evaluate`: checkpoints, runs and Hugging Face directories in one grid."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.cli.evaluate import command  # noqa: E402 # after the skip
from dolma_pipe.errors import TrainError, UserError  # noqa: E402
from dolma_pipe.tokens import TokenizerStamp  # noqa: E402
from dolma_pipe.train.evaluation.compare import Comparison  # noqa: E402
from dolma_pipe.train.evaluation.evaluator import Evaluation  # noqa: E402
from dolma_pipe.train.evaluation.grid import grid  # noqa: E402
from dolma_pipe.train.evaluation.models import Transformers, find_models, load_model  # noqa: E402
from dolma_pipe.train.evaluation.perplexity import Fit, Fits  # noqa: E402
from dolma_pipe.train.evaluation.tasks import TaskScore  # noqa: E402
from dolma_pipe.train.meta import Meta, write_meta  # noqa: E402
from dolma_pipe.train.model.initial import initialise  # noqa: E402
from dolma_pipe.train.model.shape import ModelShape  # noqa: E402
from dolma_pipe.train.model.transformer import Model  # noqa: E402
from dolma_pipe.train.model.weights import save_weights  # noqa: E402
from tests.cli.json_page import checked  # noqa: E402
from tests.small_tokenizer import small_tokenizer_json  # noqa: E402
from tests.token_arrays import STAMP, write_arrays  # noqa: E402
from tests.train.test_evaluation_tasks import write_task  # noqa: E402

SHAPE = ModelShape(
    family="olmo",
    vocab_size=300,
    hidden_size=16,
    layers=1,
    heads=2,
    intermediate_size=32,
    context=32,
    rope_theta=1e4,
    tied=True,
    norm_eps=1e-5,
    eos_id=9,
)
CPU = torch.device("cpu")


def write_model(
    folder: Path, seed: int = 1, stamp: TokenizerStamp | None = None, **meta: Any
) -> Path:
    """A Hugging Face directory; with meta a checkpoint of ours."""
    folder.mkdir(parents=True)
    model = Model(SHAPE)
    initialise(model, seed)
    save_weights(model.state_dict(), model.shape, folder)
    if meta:
        told: dict[str, Any] = {
            "tokens": 1,
            "loss": None,
            "lr": 0.1,
            "epoch": 0,
            "instances": 0,
            "world": 1,
        }
        told |= {"data_sha256": "0", "created": "2026-01-31T23:59:59", "config": {}} | meta
        write_meta(folder, Meta(tokenizer=stamp, **told))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two models with the tokenizer of the arrays, which is taken to have 300 ids."""
    write_arrays(tmp_path / "arrays", {"web": [[[1, 2, 3, 9], [4, 9]]], "code": [[[5, 9]]]})
    stamp = TokenizerStamp(name=STAMP.name, sha256=STAMP.sha256)
    write_model(tmp_path / "run/step9", seed=1, stamp=stamp, step=9)
    write_model(tmp_path / "run/step10", seed=2, stamp=stamp, step=10)
    (tmp_path / "run/config.json").write_text('{"name": "run"}')
    write_model(tmp_path / "hf", seed=3)
    return tmp_path


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    """The one line of the user's error."""
    result = evaluate(*arguments)
    assert isinstance(result.exception, UserError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_a_run_stands_for_its_latest_checkpoint(root: Path) -> None:
    found = find_models([root / "run", root / "run/step9", root / "hf"])
    assert [model.name for model in found] == ["run/step10", "run/step9", "hf"]
    assert [model.stamp is None for model in found] == [False, False, True]
    assert {model.context for model in found} == {32}
    assert len(find_models([root / "hf", root / "hf"])) == 1
    shutil.copytree(root / "hf", root / "other/hf")
    same = find_models([root / "hf", root / "other/hf"])
    assert [model.name for model in same] == [str(root / "hf"), str(root / "other/hf")]


def test_what_is_no_model_is_told(root: Path) -> None:
    (root / "empty").mkdir()
    (root / "begun").mkdir()
    (root / "begun/config.json").write_text('{"name": "run"}')
    (root / "broken").mkdir()
    (root / "broken/config.json").write_text("{")
    (root / "other").mkdir()
    (root / "other/config.json").write_text('{"model_type": "olmo", "hidden_act": "gelu"}')
    for name, told in {
        "other": "other/config.json: hidden_act gelu is not supported",
        "nowhere": "nowhere is no model",
        "empty": "empty is no model",
        "begun": "names no model_type",
        "broken": "broken/config.json: ",
    }.items():
        with pytest.raises(TrainError, match=told):
            find_models([root / name])


def test_the_grid_of_two_models(root: Path) -> None:
    result = evaluate(root / "run", root / "hf", "--held-out", root / "arrays")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["chance", "run/step10", "hf"]
    row = next(line for line in lines if line[:1] == ["web"])
    assert len(row) == 4
    assert sum(value.endswith("*") for value in row) == 1
    assert ["macro", "average"] in [line[:2] for line in lines]
    assert "hf has no tokenizer.json: taken to have that of the arrays (small)" in result.stderr
    assert "windows of 32 tokens" in result.stdout


def test_json_has_everything(root: Path) -> None:
    task = write_task(root / "made")
    (root / "hf/tokenizer.json").write_bytes(small_tokenizer_json())
    told = evaluate(root / "hf", "--task", task, "--json", "--limit", 1)
    found = json.loads(told.stdout)
    checked("evaluate", found)
    assert found["chance"] is None
    assert found["models"]["hf"]["tasks"]["made"]["questions"] == 1
    told = evaluate(root / "run", "--held-out", root / "arrays", "--json", "--max-documents", 1)
    found = json.loads(told.stdout)["models"]["run/step10"]["held_out"]
    assert found["sources"]["web"]["documents"] == 1
    assert found["micro"]["tokens"] == 6


def test_a_tokenizer_that_is_certainly_another_is_refused(root: Path) -> None:
    (root / "hf/tokenizer.json").write_bytes(small_tokenizer_json())
    told = refused(root / "hf", "--held-out", root / "arrays")
    assert "ids, that of the arrays (small) 10: another tokenizer" in told
    other = TokenizerStamp(name="mine", sha256="1" * 64)
    write_model(root / "other/step1", stamp=other, step=1)
    told = refused(root / "other", "--held-out", root / "arrays")
    assert "made by tokenizer small, the model's is mine" in told


def test_bad_input_is_one_line(root: Path) -> None:
    arrays = root / "arrays"
    assert "nothing to evaluate on" in refused(root / "hf")
    assert "no token arrays in" in refused(root / "hf", "--held-out", root)
    assert "context is 32, not 64" in refused(root / "hf", "--held-out", arrays, "--length", 64)
    assert "need the tokenizer.json" in refused(root / "hf", "--task", write_task(root / "made"))
    (root / "hf/model.safetensors").write_bytes(b"damaged")
    assert "not readable as safetensors" in refused(root / "hf", "--held-out", arrays)


def test_models_of_transformers_run_behind_our_interface(root: Path) -> None:
    transformers = pytest.importorskip("transformers")
    made = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2, n_positions=20)
    )
    made.save_pretrained(root / "gpt2")
    (found,) = find_models([root / "gpt2"])
    assert (found.shape, found.context, found.vocab_size) == (None, 20, 300)
    model = load_model(found, CPU)
    assert isinstance(model, Transformers)
    ids = torch.arange(40).reshape(2, 20)
    assert torch.equal(model(ids), made.eval()(ids).logits)
    result = evaluate(root / "gpt2", root / "hf", "--held-out", root / "arrays")
    assert "windows of 20 tokens" in result.stdout
    shutil.copy(root / "hf/config.json", root / "gpt2/config.json")  # not what its weights are
    assert "is no weight" in refused(root / "gpt2", "--held-out", root / "arrays")


def fit(loss: float) -> Fit:
    counts = {"documents": 1, "tokens": 1, "bytes": 1}
    return Fit(loss=loss, perplexity=10 * loss, bits_per_byte=loss, **counts)


def score(acc: float) -> TaskScore:
    other = {"len_norm": 0.1, "bits_per_byte": 1.0, "chance": 0.25, "questions": 1000}
    return TaskScore(metric="acc", acc=acc, **other)  # type: ignore[arg-type]


def test_the_best_of_each_row_is_marked_lowest_or_highest() -> None:
    def fits(loss: float) -> Fits:
        return Fits(sources={"web": fit(loss)}, macro=fit(loss), micro=fit(loss))

    def evaluation(loss: float, *accs: float) -> Evaluation:
        tasks = {name: score(acc) for name, acc in zip(("sciq", "copa"), accs, strict=True)}
        return Evaluation(held_out=fits(loss), tasks=tasks)

    models = {"a": evaluation(1.0, 0.5, 0.3), "long-name": evaluation(2.0, 0.5, 0.4)}
    told = grid(Comparison(length=8, chance=fits(9.0), models=models, notes=[]))
    assert told.splitlines() == [
        "                     chance        a   long-name",
        "",
        "bits per byte (lower is better)",
        "  web                9.0000   1.0000*     2.0000",
        "",
        "perplexity a token (lower is better)",
        "  web                 90.00    10.00*      20.00",
        "",
        "accuracy, % (higher is better)",
        "  sciq (acc, 1,000)    25.0     50.0*       50.0*",
        "  copa (acc, 1,000)    25.0     30.0        40.0*",
        "  macro average        25.0     40.0        45.0*",
        "",
        "windows of 8 tokens",
    ]


def test_two_processes_get_what_one_gets(root: Path) -> None:
    arguments = [root / "run", "--held-out", root / "arrays", "--json", "--device", "cpu"]
    script = root / "run.py"
    script.write_text("from dolma_pipe.cli.main import main; main()")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    told = subprocess.run(
        [*torchrun, str(script), "evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == json.loads(evaluate(*arguments).stdout)
