"""Tables of runs: both shapes are read, and whatever is wrong is one line that says where."""

from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.errors import InputError
from dolma_pipe.mixture.table import Table, read_table

WEIGHTS = "run,web,code\nr0,0.5,0.5\nr1,0.9,0.1\nr2,0.2,0.8\n"
LOSSES = "run,arc,mmlu\nr2,1.2,0.9\nr0,1.0,0.8\nr1,1.1,0.7\n"
ONE = "weight.web,weight.code,loss.arc\n0.5,0.5,1.0\n0.9,0.1,1.1\n"


def read(tmp_path: Path, *texts: str, tasks: tuple[str, ...] = ()) -> Table:
    paths = [tmp_path / f"{'ab'[i]}.csv" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return read_table(paths, "weight.", "loss.", tasks)


def test_two_files_are_joined_on_the_run(tmp_path: Path) -> None:
    table = read(tmp_path, WEIGHTS, LOSSES)
    assert table.runs == ("r0", "r1", "r2")
    assert (table.domains, table.tasks) == (("web", "code"), ("arc", "mmlu"))
    assert table.losses[:, 0].tolist() == [1.0, 1.1, 1.2]
    assert read(tmp_path, WEIGHTS, LOSSES, tasks=("mmlu",)).tasks == ("mmlu",)


def test_one_file_has_prefixes(tmp_path: Path) -> None:
    table = read(tmp_path, "﻿" + ONE)
    assert (table.domains, table.tasks) == (("web", "code"), ("arc",))
    assert table.weights.tolist() == [[0.5, 0.5], [0.9, 0.1]]


def test_columns_of_published_swarms_are_passed_over(tmp_path: Path) -> None:
    weights = WEIGHTS.replace("run,", ",run_id,name,", 1)
    for i in range(3):
        weights = weights.replace(f"\nr{i},", f"\n{i},r{i},some-{i},")
    assert read(tmp_path, weights, LOSSES).domains == ("web", "code")
    regmix = [text.replace("run,", "index,", 1) for text in (WEIGHTS, LOSSES)]
    assert read(tmp_path, *regmix).runs == ("r0", "r1", "r2")


def test_rounded_weights_are_scaled_to_one(tmp_path: Path) -> None:
    table = read(tmp_path, WEIGHTS.replace("0.9,0.1", "0.9003,0.1"), LOSSES)
    np.testing.assert_allclose(table.weights.sum(axis=1), 1, rtol=1e-15)


def test_runs_without_losses_are_left_out_and_told(tmp_path: Path) -> None:
    table = read(tmp_path, WEIGHTS, LOSSES.replace("r1,1.1,0.7\n", ""))
    assert table.runs == ("r0", "r2")
    assert table.notes == ("1 runs without losses are left out: r1",)


@pytest.mark.parametrize(
    ("weights", "losses", "told"),
    [
        (
            WEIGHTS.replace("0.9,0.1", "0.9,0.2"),
            LOSSES,
            "line 3: the weights of run 'r1' sum to 1.1",
        ),
        (
            WEIGHTS.replace("0.9,0.1", "1.1,-0.1"),
            LOSSES,
            "line 3: code has a negative weight, -0.1",
        ),
        (WEIGHTS, LOSSES.replace("1.1", "nan"), "line 4: arc of run 'r1' is 'nan'"),
        (WEIGHTS, LOSSES.replace("1.1", "inf"), "line 4: arc of run 'r1' is 'inf'"),
        (WEIGHTS, LOSSES.replace("1.1", ""), "line 4: arc of run 'r1' is missing"),
        (WEIGHTS, LOSSES.replace("1.1", "-1.1"), "line 4: arc of run 'r1' is -1.1; bits"),
        (WEIGHTS, LOSSES.replace("1.1", "high"), "is 'high', a number is needed"),
        (WEIGHTS, LOSSES.replace("r1", "r11"), "has no run 'r11' (did you mean 'r1'?)"),
        (WEIGHTS, LOSSES.replace("r1,1.1,0.7", "r1,1.1"), "line 4: 2 cells under 3 column names"),
        (WEIGHTS.replace("r1", "r0"), LOSSES, "line 3: run 'r0' is in line 2 already"),
        (WEIGHTS.replace("code", "web"), LOSSES, "the column web is there twice"),
        (WEIGHTS.replace("run", "rum"), LOSSES, "has no column 'run'"),
        (WEIGHTS, "", "empty, a line of column names"),
        (WEIGHTS, "run,arc\n", "no run in it"),
        (WEIGHTS, "run,arc\nr1,1.0\n", "only run 'r1' in it"),
        (WEIGHTS, LOSSES.replace(",", ";"), "has ';' between its columns, a comma is needed"),
        (WEIGHTS, LOSSES.replace("1.1", "1e300"), "line 4: arc of run 'r1' is 1e+300; bits"),
        (
            "run,web,code\nr0,1,0\nr1,1,0\nr2,1,0\n",
            LOSSES,
            "domain code: weight 0 in every run",
        ),
        (WEIGHTS, "run,arc\nr0,1\nr1,1\nr2,1\n", "task arc: the same loss in all runs"),
        (
            WEIGHTS.replace("0.9,0.1", "0.5,0.5"),
            LOSSES.replace("r1,1.1,0.7", "r1,1.0,0.8"),
            "run 'r1' is run 'r0' again",
        ),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, weights: str, losses: str, told: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, weights, losses)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_unknown_tasks_and_prefixes_name_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"losses of 'arcc' \(did you mean 'arc'\?\)"):
        read(tmp_path, WEIGHTS, LOSSES, tasks=("arcc",))
    with pytest.raises(InputError, match=r"no column starts with 'loss.'"):
        read(tmp_path, ONE.replace("loss.", "losses."))
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        read_table([tmp_path / "absent.csv"], "weight.", "loss.")
