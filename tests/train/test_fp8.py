"""fp8 is refused where there is none; which layers it would take."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.errors import TrainError  # noqa: E402
from dolma_pipe.train.model.fp8 import fits, use_fp8  # noqa: E402


def test_a_cpu_has_none() -> None:
    with pytest.raises(TrainError, match="fp8 needs a GPU with fp8"):
        use_fp8(torch.nn.Linear(16, 16), torch.device("cpu"))


def test_widths_are_multiples_of_16_and_the_output_stays() -> None:
    linear = torch.nn.Linear(32, 48, bias=False)
    assert fits(linear, "model.layers.0.mlp.up_proj")
    assert not fits(linear, "lm_head")
    assert not fits(torch.nn.Linear(24, 48), "model.layers.0.mlp.up_proj")
    assert not fits(torch.nn.Embedding(32, 48), "model.embed_tokens")
