"""`dolma-pipe checkpoints`: what it tells is what is there."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.checkpoints import command
from dolma_pipe.errors import UserError
from dolma_pipe.train.checkpoints import compare
from dolma_pipe.train.checkpoints.compare import difference
from dolma_pipe.train.checkpoints.listing import size_told
from tests.cli.json_page import checked
from tests.train.made_checkpoints import (
    bf16,
    contents,
    made_weights,
    make_checkpoint,
    make_run,
    write_weights,
)


def told(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(command, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result.output


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(one) for one in arguments])
    assert isinstance(result.exception, UserError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def test_list_tells_every_checkpoint(run: Path) -> None:
    told("pack", run / "step300", "--base", run / "step100", "--replace")
    lines = told("list", run, "--check").splitlines()
    assert lines[0].split()[:5] == ["name", "step", "tokens", "loss", "lr"]
    assert [line.split()[0] for line in lines[1:]] == ["step100", "step200", "step300"]
    assert lines[2].split()[1:5] == ["200", "409,600", "3.2500", "0.0003"]
    assert "2026-01-31 23:59:59  whole" in lines[2]
    assert lines[3].endswith("delta of ../step100")
    rows = json.loads(told("list", run, "--json"))
    checked("checkpoints list", rows)
    sizes = {name: len(data) for name, data in contents(run / "step100").items()}
    assert rows[0]["weights"] == sizes["model.safetensors"]
    assert rows[0]["optimizer"] == 1006
    assert (rows[2]["weights"], rows[2]["optimizer"]) == (
        (run / "step300" / "model.delta").stat().st_size,
        0,
    )
    assert [row["step"] for row in json.loads(told("list", run / "step200", "--json"))] == [200]


def cut_weights(run: Path) -> str:
    path = run / "step200" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    return "step200: .*bytes, not"


def no_meta(run: Path) -> str:
    (run / "step200" / "meta.json").unlink()
    return "step200: no meta.json"


def bad_meta(run: Path) -> str:
    (run / "step200" / "meta.json").write_text('{"step": 1')
    return "step200: no checkpoint in .*meta.json"


def no_config(run: Path) -> str:
    (run / "step200" / "config.json").unlink()
    return "step200: no config.json"


def no_base(run: Path) -> str:
    shutil.rmtree(run / "step100")
    return "step300: its base step100 is not at ../step100"


def cut_delta(run: Path) -> str:
    path = run / "step300" / "model.delta"
    path.write_bytes(path.read_bytes()[:-1])
    return "step300: .*model.delta: damaged"


def flipped_delta(run: Path) -> str:
    path = run / "step300" / "model.delta"
    path.write_bytes(b"?" + path.read_bytes()[1:])
    return "step300: .*model.delta: damaged: tensor model.embed_tokens.weight"


@pytest.mark.parametrize(
    "harm", [cut_weights, no_meta, bad_meta, no_config, no_base, cut_delta, flipped_delta]
)
def test_list_tells_what_is_damaged(run: Path, harm: Any) -> None:
    told("pack", run / "step300", "--base", run / "step100", "--replace")
    said = harm(run)
    assert re.search(said, told("list", run, "--check", code=1))


def test_list_tells_what_is_half_written(run: Path) -> None:
    (run / ".step400.dolma-pipe-tmp").mkdir()
    assert "half-written" in told("list", run)


def test_list_refuses_what_is_no_run(tmp_path: Path) -> None:
    assert "nowhere is no folder" in refused("list", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no checkpoints in" in refused("list", tmp_path / "empty")


def test_pack_takes_a_whole_run_and_goes_on(run: Path) -> None:
    before = contents(run)
    output = told("pack", run, "--base", run / "step100")
    assert output.count("verified against") == 2
    assert output.count("optimizer left out: 1.01 kB (--optimizer keeps it)") == 2
    after = contents(run)
    assert before.items() <= after.items()
    shutil.rmtree(run / "deltas" / "step300")
    output = told("pack", run, "--base", run / "step100")
    assert output.count("a delta already") == 1
    assert output.count("verified against") == 1
    shutil.rmtree(run / "deltas" / "step300")
    again = told("pack", run, "--base", run / "step100", "--json")
    [packed] = checked("checkpoints pack", json.loads(again))
    assert packed.packed.delta == (run / "deltas" / "step300" / "model.delta").stat().st_size
    assert contents(run) == after
    told("unpack", run / "deltas" / "step300")
    restored = contents(run / "deltas" / "step300")
    assert restored["model.safetensors"] == before["step300/model.safetensors"]


def test_pack_replaces_where_asked(run: Path) -> None:
    output = told("pack", run, "--base", run / "step100", "--replace", "--optimizer")
    assert "optimizer" not in output
    assert {path.name for path in (run / "step300").iterdir()} == {
        "model.delta",
        "config.json",
        "meta.json",
        "train",
    }
    assert "a delta already" in told("pack", run, "--base", run / "step100", "--replace")
    told(
        "pack", run / "step100", "--base", run / "step100", "--out", run / "d", "--replace", code=2
    )


def test_pack_says_what_the_base_has_not(run: Path) -> None:
    weights = made_weights()
    weights["lm_head.weight"] = ("BF16", np.ones((2, 2), np.uint16))
    make_checkpoint(run / "step400", 400, weights)
    output = told("pack", run / "step400", "--base", run / "step100")
    assert "no such shape and dtype: 1" in output


def test_pack_refuses_two_of_one_name(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", (300,))
    paths = (run / "step300", other / "step300", "--base", run / "step100")
    assert "would both become" in refused("pack", *paths, "--out", tmp_path / "d")
    assert not (tmp_path / "d").exists()
    (tmp_path / "d" / "step300").mkdir(parents=True)
    said = refused("pack", run / "step300", *paths[2:], "--out", tmp_path / "d")
    assert "step300 is there already" in said
    only = make_run(tmp_path / "only", (100,))
    assert "but the base" in refused("pack", only, "--base", only / "step100")


def test_diff_tells_what_changed(tmp_path: Path) -> None:
    before = np.array([[1.0, -2.0], [2.0, 0.0]], np.float32)
    after = np.array([[1.0, -2.0], [2.0, 1.5]], np.float32)
    for name, values in (("a", before), ("b", after)):
        weights = {
            "same": ("BF16", np.arange(4, dtype=np.uint16)),
            "half": ("BF16", bf16(values)),
            "full": ("F32", values.view(np.uint32)),
            "turned": ("F64", (before if name == "a" else -before).astype(float).view(np.uint64)),
            "counts": ("I64", np.array([3, len(name) if name == "a" else 5], np.uint64)),
        }
        make_checkpoint(tmp_path / name, 1 if name == "a" else 2, weights)
    found = {one.name: one for one in difference(tmp_path / "a", tmp_path / "b").parameters}
    assert (found["same"].bits, found["same"].rms, found["same"].cosine) == (0, 0, 1)
    for name in ("half", "full"):
        assert found[name].rms == pytest.approx(0.75)
        assert found[name].relative == pytest.approx(0.5)
        assert found[name].largest == pytest.approx(1.0)
        assert found[name].cosine == pytest.approx(9 / (3 * (9 + 2.25) ** 0.5))
    changed = bin(int(np.float32(1.5).view(np.uint32))).count("1")
    assert found["full"].bits == changed / 128
    assert found["turned"].cosine == pytest.approx(-1)
    assert found["turned"].bits == 4 / 256
    assert found["counts"].rms == pytest.approx((16 / 2) ** 0.5)
    output = told("diff", tmp_path / "a", tmp_path / "b", "--changed")
    assert "4 of 5 parameters differ" in output
    assert "same " not in output
    assert "step         1" in output


def test_diff_of_chunks_is_that_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", (100, 200))
    whole = difference(run / "step100", run / "step200").parameters
    monkeypatch.setattr(compare, "CHUNK", 100)
    parts = difference(run / "step100", run / "step200").parameters
    for one, other in zip(whole, parts, strict=True):
        assert (one.name, one.bits, one.largest) == (other.name, other.bits, other.largest)
        assert one.rms == pytest.approx(other.rms)
        assert one.cosine == pytest.approx(other.cosine)


def test_diff_tells_other_shapes_names_and_dtypes(tmp_path: Path) -> None:
    """Of Hugging Face directories, which have no meta.json."""
    values = np.array([1.0, np.nan, np.inf, 4.0], np.float32)
    given = {
        "a": {
            "gone": ("F32", np.zeros(1, np.uint32)),
            "shape": ("F32", np.zeros((2, 3), np.uint32)),
            "dtype": ("F32", values.view(np.uint32)),
            "empty": ("F32", np.zeros((0, 3), np.uint32)),
            "one": ("F32", np.zeros((), np.uint32)),
        },
        "b": {
            "new": ("F32", np.zeros(1, np.uint32)),
            "shape": ("F32", np.zeros((3, 2), np.uint32)),
            "dtype": ("BF16", bf16(np.array([1.0, 1.0, 1.0, 2.0], np.float32))),
            "empty": ("F32", np.zeros((0, 3), np.uint32)),
            "one": ("F32", np.zeros((), np.uint32)),
        },
    }
    for name, weights in given.items():
        (tmp_path / name).mkdir()
        write_weights(tmp_path / name / "model.safetensors", weights)
        (tmp_path / name / "config.json").write_text(json.dumps({"rope": {"theta": name}, "x": 1}))
    output = told("diff", tmp_path / "a", tmp_path / "b")
    for line in (
        "only in A: gone",
        "only in B: new",
        "shape: 2x3 in A, 3x2 in B",
        "dtype: 2 not finite",
        "rope.theta   a  b",
    ):
        assert line in output
    assert "meta.json" not in output
    found = json.loads(told("diff", tmp_path / "a", tmp_path / "b", "--json"))
    checked("checkpoints diff", found)
    dtype, empty, one = found["parameters"]
    assert (dtype["dtype"], dtype["bits"], dtype["not_finite"]) == ("F32, BF16", None, 2)
    assert dtype["rms"] == pytest.approx(2**0.5)
    assert (empty["rms"], empty["bits"]) == (None, None)
    assert (one["rms"], one["cosine"], one["bits"]) == (0, None, 0)


def test_diff_reads_deltas(run: Path) -> None:
    before = told("diff", run / "step200", run / "step300", "--json")
    told("pack", run, "--base", run / "step100", "--replace")
    assert told("diff", run / "step200", run / "step300", "--json") == before


def test_sizes() -> None:
    sizes = [size_told(size) for size in (0, 999, 1000, 123_456, 999_999, 1.5e9, 4e12)]
    assert sizes == ["0 B", "999 B", "1 kB", "123 kB", "1 MB", "1.5 GB", "4,000 GB"]
