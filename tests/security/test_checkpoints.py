"""A checkpoint is data: what its pickles say is not done."""

import io
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.metadata import _MEM_FORMAT_ENCODING

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoint import load_optimizer, save_optimizer
from dolma_pipe.train.evaluation.models import find_models, load_model


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


class Optimizers:
    """One optimizer after one step."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.each = [torch.optim.AdamW(model.parameters(), betas=(0.8, 0.9))]
        model(torch.ones(1, 4)).sum().backward()
        self.each[0].step()
        self.each[0].zero_grad()

    def as_asked(self) -> None: ...


def training() -> Any:
    model = torch.nn.Linear(4, 4)
    return SimpleNamespace(model=model), Optimizers(model)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    save_optimizer(tmp_path, *training())
    return tmp_path / "train"


def test_a_state_comes_back(state: Path) -> None:
    parallel, optimizers = training()
    optimizers.each[0].param_groups[0]["betas"] = (0.1, 0.2)
    load_optimizer(state.parent, parallel, optimizers)
    assert optimizers.each[0].param_groups[0]["betas"] == (0.8, 0.9)


def test_an_index_that_names_anything_else_is_refused(
    state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (state / ".metadata").write_bytes(pickle.dumps(Harm(tmp_path / "harmed")))
    with pytest.raises(TrainError, match=r"it names pathlib\S*Path\.touch, which no index has"):
        load_optimizer(state.parent, *training())
    assert not (tmp_path / "harmed").exists()
    assert capfd.readouterr().err == ""


class Asked:
    """Pickled as getattr(kind, name)."""

    def __init__(self, kind: object, name: str) -> None:
        self.asked = kind, name

    def __reduce__(self) -> Any:
        return getattr, self.asked


def test_a_member_of_an_enumeration_is_read_as_early_python_3_11_writes_it(state: Path) -> None:
    kind, name = _MEM_FORMAT_ENCODING, "TORCH_CHANNELS_LAST"
    (state / ".metadata").write_bytes(pickle.dumps(Asked(kind, name)))
    with pytest.raises(TrainError, match=r"it is no index of torch"):  # but a member
        load_optimizer(state.parent, *training())
    for harm in (Asked(kind, "__class__"), Asked(Path("x"), "touch"), Asked(kind, "mro")):
        (state / ".metadata").write_bytes(pickle.dumps(harm))
        with pytest.raises(TrainError, match=r"which no index has"):
            load_optimizer(state.parent, *training())


@pytest.mark.parametrize("place", ["../other", "/etc/passwd"])
def test_an_index_names_files_beside_it(state: Path, place: str) -> None:
    index = pickle.loads((state / ".metadata").read_bytes())
    next(iter(index.storage_data.values())).relative_path = place
    (state / ".metadata").write_bytes(pickle.dumps(index))
    with pytest.raises(TrainError, match="is no file beside it"):
        load_optimizer(state.parent, *training())


def test_what_is_no_tensor_is_a_number_or_a_text(state: Path, tmp_path: Path) -> None:
    index = pickle.loads((state / ".metadata").read_bytes())
    place = next(p for i, p in index.storage_data.items() if i.fqn.endswith("betas"))
    held, data = io.BytesIO(), (state / place.relative_path).read_bytes()
    torch.save(Harm(tmp_path / "harmed"), held)
    place.offset, place.length = len(data), len(held.getvalue())
    (state / place.relative_path).write_bytes(data + held.getvalue())
    (state / ".metadata").write_bytes(pickle.dumps(index))
    with pytest.raises(TrainError, match=r"betas is neither number, text nor tensor"):
        load_optimizer(state.parent, *training())
    assert not (tmp_path / "harmed").exists()


def test_pickled_weights_of_transformers_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "gpt"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 4, "vocab_size": 8}'
    )
    torch.save({"x": Harm(tmp_path / "harmed")}, folder / "pytorch_model.bin")
    with pytest.raises(TrainError, match="transformers cannot load it"):
        load_model(find_models([folder])[0], torch.device("cpu"))
    assert not (tmp_path / "harmed").exists()


def test_modules_beside_weights_are_not_imported(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"model_type": "own", "auto_map": {"AutoConfig": "mine.Config",'
        ' "AutoModelForCausalLM": "mine.Model"}}'
    )
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'harmed')!r}, 'w')\n")
    with pytest.raises(TrainError, match="transformers cannot load it"):
        load_model(find_models([folder])[0], torch.device("cpu"))
    assert not (tmp_path / "harmed").exists()
