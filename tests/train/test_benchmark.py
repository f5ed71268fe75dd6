"""The benchmark of the loader works, and its sides have the same ids; nothing is measured here."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import train_data
from dolma_pipe.tokens import verify

pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")


def test_sides_have_the_same_ids_and_are_told() -> None:
    told = train_data.measured(300_000, batches=2, rounds=1, workers=[0])
    for name in ("ours", "nanoGPT", "OLMo's way", "packed, documents masked"):
        assert f"| {name}" in told


def test_a_side_with_other_ids_is_told(tmp_path: Path) -> None:
    arrays = train_data.write_made_up(tmp_path, 300_000)
    assert not [told for told in verify(arrays) if "npy: its bytes" in told]
    count = train_data.windows(arrays.manifest.tokens)
    path = tmp_path / "train.bin"
    np.zeros(arrays.manifest.tokens, np.uint16).tofile(path)
    with pytest.raises(AssertionError, match="zeros"):
        train_data.same(
            {"ours": train_data.ours(tmp_path), "zeros": train_data.olmo(path, count, 0)}
        )
