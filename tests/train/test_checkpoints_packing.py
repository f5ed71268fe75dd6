"""Deltas: exact, verified, bound to their base; what is damaged is refused by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints import coding, delta, packing
from dolma_pipe.train.checkpoints.delta import DELTA, is_delta, read_header
from dolma_pipe.train.checkpoints.packing import Against, open_checkpoint, pack, unpack, verify
from dolma_pipe.train.checkpoints.weights import Weights
from dolma_pipe.train.meta import checkpoint_folders, read_meta
from tests.train.killed import killed_at_every_moment
from tests.train.made_checkpoints import (
    contents,
    made_weights,
    make_checkpoint,
    make_run,
    write_shards,
    write_weights,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def without_optimizer(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.startswith("train/")}


def test_a_delta_restores_the_whole_checkpoint(run: Path, tmp_path: Path) -> None:
    before = contents(run / "step300")
    packed = pack(run / "step300", Against(run / "step100"), tmp_path / "d")
    assert contents(run / "step300") == before
    assert packed.left_out == 1006
    assert packed.whole == len(before["model.safetensors"])
    assert packed.delta == (tmp_path / "d" / DELTA).stat().st_size < packed.whole
    assert set(contents(tmp_path / "d")) == {DELTA, "config.json", "meta.json"}
    unpack(tmp_path / "d", tmp_path / "whole")
    assert contents(tmp_path / "whole") == without_optimizer(before)


def test_the_optimizer_is_kept_where_asked(run: Path, tmp_path: Path) -> None:
    before = contents(run / "step300")
    assert pack(run / "step300", Against(run / "step100"), None, optimizer=True).left_out == 0
    assert "train/.metadata" in contents(run / "step300")
    unpack(run / "step300", tmp_path / "whole")
    assert contents(tmp_path / "whole") == before
    with open_checkpoint(run / "step300") as folder:
        assert contents(folder)["meta.json"] == before["meta.json"]
        assert (folder / "train" / "__0_0.distcp").read_bytes() == bytes(1000)


def test_in_its_own_place_and_back(run: Path) -> None:
    before = contents(run / "step200")
    pack(run / "step200", Against(run / "step100"), None)
    assert set(contents(run / "step200")) == {DELTA, "config.json", "meta.json"}
    assert [path.name for path in checkpoint_folders(run)] == ["step100", "step200", "step300"]
    assert unpack(run / "step200") == run / "step200"
    assert contents(run / "step200") == without_optimizer(before)


def test_shards_come_back_as_they_were(tmp_path: Path) -> None:
    weights = made_weights(1e-5, seed=3)
    names = list(weights)
    make_checkpoint(tmp_path / "base", 1, made_weights())
    parts = [
        {name: weights[name] for name in names[:2]},
        {name: weights[name] for name in names[2:]},
    ]
    write_shards(tmp_path / "sharded", parts)
    before = contents(tmp_path / "sharded")
    packed = pack(tmp_path / "sharded", Against(tmp_path / "base"), None)
    assert packed.alone == 0
    assert set(contents(tmp_path / "sharded")) == {
        DELTA,
        "config.json",
        "model.safetensors.index.json",
    }
    with open_checkpoint(tmp_path / "sharded") as folder:
        assert contents(folder) == before
    unpack(tmp_path / "sharded")
    assert contents(tmp_path / "sharded") == before
    pack(tmp_path / "base", Against(tmp_path / "sharded"), tmp_path / "other_way")
    verify(tmp_path / "other_way")


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, tuple[str, np.ndarray]]:
    found = {}
    for name in draw(st.sets(st.sampled_from("abc"), min_size=1)):
        dtype, size = draw(st.sampled_from([("BF16", 2), ("F16", 2), ("F32", 4), ("I64", 8)]))
        shape = draw(st.sampled_from([(), (0,), (3, 0), (1,), (5,), (3, 7), (40,)]))
        count = int(np.prod(shape)) * size
        data = np.frombuffer(draw(st.binary(min_size=count, max_size=count)), f"<u{size}")
        found[name] = (dtype, data.reshape(shape))
    return found


@given(tensors(), tensors())
@settings(max_examples=60, deadline=None)
def test_whatever_the_tensors(tmp_path_factory: Any, base: Any, changed: Any) -> None:
    """Empty and 0-d ones, NaN payloads, tensors that the base has not, or in another shape."""
    place = tmp_path_factory.mktemp("any")
    for name, patterns in (("base", base), ("changed", changed)):
        (place / name).mkdir()
        write_weights(place / name / "model.safetensors", patterns)
    before = contents(place / "changed")
    packed = pack(place / "changed", Against(place / "base"), None, workers=1)
    assert packed.alone == sum(
        name not in base or (base[name][0], base[name][1].shape) != (dtype, bits.shape)
        for name, (dtype, bits) in changed.items()
    )
    unpack(place / "changed", workers=2)
    assert contents(place / "changed") == before


def test_a_tensor_of_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a chunk is the delta's, not that of who reads it."""
    run = make_run(tmp_path / "run", sizes=8)
    monkeypatch.setattr(packing, "CHUNK", 1000)
    before = contents(run / "step300")
    made = pack(run / "step300", Against(run / "step100"), tmp_path / "d", workers=3)
    parts = read_header(tmp_path / "d" / DELTA).weights[0].tensors[0].parts
    assert len(parts) == -(-50 * 8 * 32 // 1000)
    monkeypatch.undo()
    assert made.alone == 0
    unpack(tmp_path / "d", tmp_path / "whole")
    assert contents(tmp_path / "whole") == without_optimizer(before)


def test_any_flipped_byte_is_refused_and_named(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    pack(run / "step200", Against(run / "step100"), folder)
    header = read_header(folder / DELTA)
    names = [tensor.name for file in header.weights for tensor in file.tensors]
    ends = np.cumsum(
        [sum(sum(part.planes) for part in tensor.parts) for tensor in header.weights[0].tensors]
    )
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for place in {*range(0, len(data), 97), len(data) - 1, len(data) - 9, len(data) - 20}:
            flipped = bytearray(data)
            flipped[place] ^= 0x10
            path.write_bytes(flipped)
            with pytest.raises(TrainError) as told:
                verify(folder)
            assert str(path) in str(told.value)
            if path.name == DELTA and place < ends[-1]:
                assert names[int(np.searchsorted(ends, place, "right"))] in str(told.value)
        path.write_bytes(data)
    verify(folder)


def test_a_halved_delta_is_refused(run: Path, tmp_path: Path) -> None:
    pack(run / "step200", Against(run / "step100"), tmp_path / "d")
    path = tmp_path / "d" / DELTA
    data = path.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(TrainError, match=r"model\.delta: damaged"):
            unpack(tmp_path / "d", tmp_path / "whole")
        assert not (tmp_path / "whole").exists()


def changed_base(run: Path) -> Path:
    path = run / "step100" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return run / "step100"


def missing_base(run: Path) -> Path:
    shutil.rmtree(run / "step100")
    return run / "step200"


def delta_as_base(run: Path) -> Path:
    shutil.copyfile(run / "step200" / DELTA, run / "step100" / DELTA)
    return run / "step100"


@pytest.mark.parametrize("harm", [changed_base, missing_base, delta_as_base])
def test_a_wrong_base_is_refused_by_name(run: Path, harm: Callable[[Path], Path]) -> None:
    pack(run / "step200", Against(run / "step100"), None)
    named = harm(run)
    with pytest.raises(TrainError, match=str(named)):
        unpack(run / "step200")
    assert is_delta(run / "step200")


def test_another_base_is_refused_by_name(run: Path) -> None:
    pack(run / "step200", Against(run / "step100"), None)
    with pytest.raises(TrainError, match=r"step300 is not the base of .*model\.safetensors"):
        unpack(run / "step200", base=run / "step300")
    shutil.move(run / "step100", run / "moved")
    with pytest.raises(TrainError, match=r"its base step100 is not at .*--base"):
        unpack(run / "step200")
    unpack(run / "step200", base=run / "moved")


def test_a_run_moves_with_its_deltas(run: Path, tmp_path: Path) -> None:
    before = contents(run / "step200")["model.safetensors"]
    pack(run / "step200", Against(run / "step100"), None)
    shutil.move(run, tmp_path / "elsewhere")
    with open_checkpoint(tmp_path / "elsewhere" / "step200") as folder:
        assert (folder / "model.safetensors").read_bytes() == before


def test_what_cannot_be_packed_is_one_line(run: Path, tmp_path: Path) -> None:
    base = Against(run / "step100")
    pack(run / "step200", base, None)
    with pytest.raises(TrainError, match="step200 is a delta already"):
        pack(run / "step200", base, None)
    with pytest.raises(TrainError, match="step200 is a delta itself"):
        Against(run / "step200")
    with pytest.raises(TrainError, match="step100 is the base"):
        pack(run / "step100", base, tmp_path / "d")
    with pytest.raises(TrainError, match=r"step100 stays whole: it is the base of .*step200"):
        pack(run / "step100", Against(run / "step300"), None)
    (tmp_path / "d").write_text("")
    with pytest.raises(TrainError, match="d is there already"):
        pack(run / "step300", base, tmp_path / "d")
    with pytest.raises(TrainError, match="no delta"):
        unpack(run / "step300")


def test_the_original_stays_where_a_delta_does_not_decode(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(run / "step300")

    def wrong(values: np.ndarray, *others: Any) -> list[bytes]:
        return coding.encode(values ^ values.dtype.type(1), *others)

    monkeypatch.setattr(delta, "encode", wrong)
    with pytest.raises(TrainError, match=r"step300.*does not decode"):
        pack(run / "step300", Against(run / "step100"), None)
    assert contents(run / "step300") == before


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda data: data[:-1], r"7,\d+ bytes, not 7,\d+"),
        (lambda data: data[:5], "not all of it"),
        (lambda data: b"\xff" * 8 + data[8:], "not all of it"),
        (lambda data: data[:8] + b"[" + data[9:], "its header"),
        (lambda data: data.replace(b"[50, 32]", b"[50, 31]"), r"size of model\.embed_tokens"),
    ],
)
def test_damaged_weights_are_refused(run: Path, harm: Callable[[bytes], bytes], told: str) -> None:
    path = run / "step300" / "model.safetensors"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(TrainError, match=f"{path}: damaged: .*{told}"):
        Weights(run / "step300")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path, [made_weights()])
    (tmp_path / "model-00001-of-00001.safetensors").unlink()
    with pytest.raises(TrainError, match=r"00001-of-00001.*is missing"):
        Weights(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    with pytest.raises(TrainError, match="is no file beside it"):
        Weights(tmp_path)
    index.write_text("{}")
    with pytest.raises(TrainError, match="damaged"):
        Weights(tmp_path)


def test_whole_checkpoints_are_opened_as_they_are(run: Path) -> None:
    with open_checkpoint(run / "step100") as folder:
        assert folder == run / "step100"
    (run / "step100" / "model.safetensors").unlink()
    with pytest.raises(TrainError, match="no weights"), open_checkpoint(run / "step100"):
        pass


def test_nothing_is_left_of_an_opened_delta(run: Path) -> None:
    pack(run / "step200", Against(run / "step100"), None)
    with open_checkpoint(run / "step200") as folder:
        assert read_meta(folder).step == 200
        assert folder.name == "step200"
    assert not folder.parent.exists()
    assert is_delta(run / "step200")


def pack_in_place(run: Path) -> None:
    pack(run / "step300", Against(run / "step100"), None, workers=1)


def pack_elsewhere(run: Path) -> None:
    pack(run / "step300", Against(run / "step100"), run / "deltas" / "step300", workers=1)


def unpack_in_place(run: Path) -> None:
    unpack(run / "step300", workers=1)


@pytest.mark.parametrize("function", ["pack_in_place", "pack_elsewhere", "unpack_in_place"])
def test_killed_at_any_moment_there_are_whole_weights(
    run: Path, tmp_path: Path, function: str
) -> None:
    """Whole, or a delta; and the same command ends well afterwards."""
    before = contents(run / "step300")
    if function == "unpack_in_place":
        pack_in_place(run)
    states = killed_at_every_moment(__name__, function, run, tmp_path / "states")
    assert len(states) > 5
    seen = set()
    for state in states:
        seen.add(is_delta(state / "step300"))
        with open_checkpoint(state / "step300") as folder:
            found = {name: data for name, data in contents(folder).items() if name[0] != "."}
        assert without_optimizer(found) == without_optimizer(before)
        again(function, state)
        assert not [name for name in contents(state / "step300") if name.startswith(".")]
    assert seen == ({False} if function == "pack_elsewhere" else {False, True})


def again(function: str, state: Path) -> None:
    if function == "pack_in_place" and is_delta(state / "step300"):
        packing.finish(state / "step300")
    elif function == "pack_elsewhere" and is_delta(state / "deltas" / "step300"):
        verify(state / "deltas" / "step300")
    elif function != "unpack_in_place" or is_delta(state / "step300"):
        globals()[function](state)
    if function == "pack_in_place":
        assert set(contents(state / "step300")) == {DELTA, "config.json", "meta.json"}


def test_the_libraries_own_files_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file, save_file

    for name, more in (("base", 0.0), ("tuned", 1e-3)):
        (tmp_path / name).mkdir()
        torch.manual_seed(0)
        tensors = {"b": torch.randn(3, 5) + more, "a": (torch.randn(7) + more).bfloat16()}
        tensors["none"] = torch.zeros(0, 4)
        save_file(tensors, tmp_path / name / "model.safetensors", {"format": "pt"})
    pack(tmp_path / "tuned", Against(tmp_path / "base"), None)
    with open_checkpoint(tmp_path / "tuned") as folder:
        found = load_file(folder / "model.safetensors")
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert set(contents(tmp_path / "tuned")) == {DELTA}
