"""Pictures of runs: of a file that is being written, of broken ones, of very long ones."""

import json
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.train_plot import command
from dolma_pipe.errors import MissingExtra, TrainError, WorkError
from dolma_pipe.train.metrics.file import (
    GRAD_NORM,
    LOSS,
    LR,
    METRICS,
    MFU,
    RESTARTED,
    SKIPPED,
    SPEED,
    STEP,
    TOKENS,
)
from dolma_pipe.train.plots.names import place_of, shown
from dolma_pipe.train.plots.picture import picture
from dolma_pipe.train.plots.read import read_run
from dolma_pipe.train.plots.reduce import COLUMNS, reduce, rolling_mean
from dolma_pipe.train.plots.write import write_plot
from tests.cli.json_page import checked

pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")

PNG = b"\x89PNG\r\n\x1a\n"
Line = dict[str, Any]


def steps(count: int, **more: Any) -> list[Line]:
    return [
        {STEP: s, LOSS: 2 + 8 / s, LR: 1e-3 / s, GRAD_NORM: 1 / s, TOKENS: 100 * s, **more}
        for s in range(1, count + 1)
    ]


def made(folder: Path, lines: Sequence[Line | bytes], config: Any = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content = (li if isinstance(li, bytes) else json.dumps(li).encode() + b"\n" for li in lines)
    (folder / METRICS).write_bytes(b"".join(content))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def full(folder: Path, config: Any = None) -> Path:
    """A run with everything."""
    lines = steps(40, **{SPEED: 5e3, MFU: 0.4})
    lines[9][SKIPPED] = lines[19][RESTARTED] = 1
    for at in (20, 40):
        found = {f"eval/{source}/bits_per_byte": 20 / at for source in ("web", "code", "wiki")}
        found |= {f"eval/{source}/CrossEntropyLoss": 40 / at for source in ("web", "code")}
        found |= {"eval/web/Perplexity": 9.0, "eval/downstream/piqa_acc": 0.6, "eval/other": 1.0}
        lines.insert(at, {STEP: at, TOKENS: 100 * at, **found})
    return made(folder, lines, config)


def panels(*folders: Path, axis: Any = "steps") -> list[str]:
    figure = picture([read_run(folder, folder.name, axis) for folder in folders], axis)
    return [axes.get_title(loc="left").split("  (")[0] for axes in figure.axes]


def legend_of(figure: Any, panel: int) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].get_legend().get_texts()]


def test_every_metric_has_a_panel(tmp_path: Path) -> None:
    assert panels(full(tmp_path / "a")) == [
        "Training loss, nats a token",
        "Learning rate",
        "Gradient norm, before clipping",
        "Tokens a second and device",
        "Model FLOPs utilisation",
        "Held-out text: bits per byte",
        "Held-out text: cross entropy, nats a token",
        "Zero-shot tasks: accuracy",
        "Evaluation: other",
    ]
    assert panels(made(tmp_path / "b", steps(3)))[3:] == []


def test_skipped_steps_restarts_and_held_out_points_are_marked(tmp_path: Path) -> None:
    run = read_run(full(tmp_path / "a"), "a", "tokens")
    assert (run.skipped.tolist(), run.restarts.tolist()) == ([1000.0], [2000.0])
    figure = picture([run], "tokens")
    loss = legend_of(figure, 0)
    assert loss == ["a", "held-out text", "skipped steps: 1", "restarts: 1"]
    [points] = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2][:1]
    assert points.get_xdata().tolist() == [2000.0, 4000.0]
    assert points.get_ydata().tolist() == [2.0, 1.0]
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert [line.get_xdata().tolist() for line in crosses] == [[1000.0]]
    assert legend_of(figure, 5) == ["code", "web", "wiki"]
    assert legend_of(figure, 7) == ["piqa (chance 0.5)"]


def test_runs_share_panels_by_colour(tmp_path: Path) -> None:
    folders = [full(tmp_path / name) for name in ("a", "b")]
    figure = picture([read_run(folder, folder.name, "steps") for folder in folders], "steps")
    assert legend_of(figure, 0)[:2] == ["a", "b"]
    bpb = figure.axes[5].lines
    assert len({line.get_color() for line in bpb}) == 2
    assert len({line.get_marker() for line in bpb}) == 3
    assert len(bpb) == 6


@pytest.mark.parametrize("ending", [".png", ".html"])
def test_a_picture_is_written_the_same_again(tmp_path: Path, ending: str) -> None:
    folder, out = full(tmp_path / "a"), tmp_path / f"new/out{ending}"
    assert write_plot([folder, folder], out).told() == f"{out}: a up to step 40"
    content = out.read_bytes()
    write_plot([folder], out)
    assert out.read_bytes() == content
    if ending == ".png":
        assert content.startswith(PNG)


class Page(HTMLParser):
    """Tags, and addresses in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.addresses |= {value for name, value in attrs if "href" in name or name == "src"}


def test_a_page_needs_nothing_and_no_name_gets_out(tmp_path: Path) -> None:
    evil = '<img src="x" onerror="alert(1)"> & $x^$'
    lines = steps(3)
    lines.append({STEP: 3, f"eval/{evil}/bits_per_byte": 1.0, "eval/<script>/x": 1.0})
    runs = [
        made(
            tmp_path / "runs" / evil, lines, {"optimizer": {"lr": 1, "name": "adamw"}, "x": "<b>"}
        ),
        made(tmp_path / "runs/_b", steps(2), {"optimizer": {"lr": 2, "name": "adamw"}}),
    ]
    write_plot(runs, tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert not page.tags & {"img", "script", "b", "link", "iframe"}
    assert all(address.startswith("#") for address in page.addresses)
    assert "url(http" not in text
    svg = text[text.index("<svg") : text.index("</svg>") + len("</svg>")]
    ElementTree.fromstring(svg)  # is well-formed
    differences = text[text.index("Settings that differ") :]
    assert "optimizer.lr" in differences
    assert "&lt;b&gt;" in differences
    assert "adamw" not in differences


def test_names_as_they_can_be_drawn() -> None:
    assert shown("_hidden") == " _hidden"
    assert shown("") == " "
    assert shown("a\n\x1b[0m\u202e") == "a\ufffd\ufffd[0m\ufffd"
    assert shown("abcdefghij" * 9, 8) == "abcd…hij"


def test_a_run_that_goes_on_and_lines_of_something_else(tmp_path: Path) -> None:
    torn = b'{"step": 5, "train/Cross'
    folder = made(tmp_path / "a", [*steps(4), b"nonsense\n", b"[1]\n", b'{"a": 1}\n', torn])
    run = read_run(folder, "a", "steps")
    assert (run.last_step, run.left_out) == (4, 3)
    drawn = write_plot([folder], tmp_path / "o.png")
    assert drawn.told().endswith("left out, no lines of a training: 3")


def test_values_that_are_no_numbers_leave_a_gap(tmp_path: Path) -> None:
    lines = steps(5)
    lines[2][LOSS] = None
    lines[3][LOSS] = "high"
    lines[4][LOSS] = 10**400
    folder = made(tmp_path / "a", lines)
    loss = read_run(folder, "a", "steps").curves[LOSS].mean
    assert np.isnan(loss).tolist() == [False, False, True, True, True]
    nothing = made(tmp_path / "b", [{STEP: 1, LOSS: None}, {STEP: 2, "eval/a/b": None}])
    assert panels(folder, nothing)


@pytest.mark.parametrize(
    "lines",
    [
        [{STEP: 1, LOSS: 3.0}],
        [{STEP: 0, "eval/web/bits_per_byte": 2.0}],
        [{STEP: s, LOSS: 0.0, LR: 0, GRAD_NORM: 0.0, SPEED: 0} for s in (1, 2)],
        [{STEP: s, LOSS: -s, GRAD_NORM: -1} for s in (1, 2, 3)],
        [{STEP: s, LOSS: 10.0 ** (40 * s), GRAD_NORM: 1e200 * s} for s in range(1, 7)],
        [{STEP: s, LOSS: 3.0} for s in (3, 1, 2)],
        [{STEP: s, "eval/a/Perplexity": 10.0**s} for s in range(30)],
    ],
)
def test_few_and_strange_values_are_drawn(tmp_path: Path, lines: list[Line]) -> None:
    write_plot([made(tmp_path / "a", lines)], tmp_path / "a.png")


def test_a_long_run_keeps_its_spikes() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(2, 0.01, 50_000)
    y[31_234], y[100] = 9.0, np.nan
    x = np.arange(1.0, len(y) + 1)
    series = reduce(x, y)
    assert len(series.x) == COLUMNS
    assert np.isfinite(series.mean).all()
    assert series.high.max() == 9.0
    assert series.x[series.high.argmax()] == pytest.approx(31_235, abs=len(y) / COLUMNS)
    assert series.low.min() == np.nanmin(y)
    assert np.diff(series.x).min() > 0
    assert len(reduce(x[:900], y[:900]).x) == 900


def test_the_rolling_mean_is_the_mean_of_what_is_there() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=60)
    y[[3, 4, 5, 6, 30]] = np.nan
    for window in (1, 2, 5, 200):
        for at, found in enumerate(rolling_mean(y, window)):
            around = y[max(0, at - (window - 1) // 2) : at + window // 2 + 1]
            slow = np.mean(around[np.isfinite(around)]) if np.isfinite(around).any() else np.nan
            assert found == pytest.approx(slow, nan_ok=True)


def test_the_axis_shows_the_end_and_the_title_what_is_cut(tmp_path: Path) -> None:
    lines = [{STEP: s, LOSS: 2 + 9 * np.exp(-s / 8)} for s in range(1, 1001)]
    lines[500][LOSS] = 5.0
    figure = picture([read_run(made(tmp_path / "a", lines), "a", "steps")], "steps")
    axes = figure.axes[0]
    assert axes.get_ylim()[1] < 2.5
    assert "up to 9.94" in axes.get_title(loc="left")
    [spike] = [line for line in axes.lines if line.get_marker() == "^"]
    assert spike.get_xdata().tolist() == [501]


def test_tokens_of_evaluations_and_without_tokens(tmp_path: Path) -> None:
    lines = [*steps(4), {STEP: 3, "eval/web/bits_per_byte": 1.0}]
    run = read_run(made(tmp_path / "a", lines), "a", "tokens")
    assert run.evaluations["eval/web/bits_per_byte"].x.tolist() == [300]
    assert run.ends == (100, 400)
    with pytest.raises(TrainError, match="has no throughput/total_tokens: draw it over steps"):
        read_run(made(tmp_path / "b", [{STEP: 1, LOSS: 1.0}]), "b", "tokens")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "has no whole line of a step yet: nothing to draw"),
        ([b'{"step": 1'], "has no whole line of a step yet: nothing to draw"),
        ([b"\xff\n", b"{}\n"], "has no whole line of a step yet, 2 lines of something else"),
    ],
)
def test_nothing_to_draw(tmp_path: Path, lines: list[bytes], told: str) -> None:
    with pytest.raises(TrainError, match=told) as caught:
        write_plot([made(tmp_path / "a", lines)], tmp_path / "o.png")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "o.png").exists()


def test_what_is_no_run_and_no_place(tmp_path: Path) -> None:
    run = made(tmp_path / "run", steps(2))
    (run / "step2").mkdir()
    for folder, told in (
        (tmp_path / "none", "there is no such folder"),
        (run / METRICS, "is a file: name the folder of a run"),
        (run / "step2", rf"metrics.jsonl is missing \({run} has one\)"),
        (tmp_path, rf"metrics.jsonl is missing \({run} has one\)"),
    ):
        with pytest.raises(TrainError, match=told):
            write_plot([run, folder], tmp_path / "o.png")
    with pytest.raises(TrainError, match=r"written as \.png or \.html"):
        write_plot([run], tmp_path / "o.pdf")
    with pytest.raises(WorkError, match="cannot write"):
        write_plot([run], run / METRICS / "o.png")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        full(tmp_path / name)
    assert CliRunner().invoke(command, ["a"]).output == "a/curves.png: a up to step 40\n"
    both = CliRunner().invoke(command, ["a", "b", "--x", "tokens"])
    assert both.output == "curves.png: a up to step 40, b up to step 40\n"
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)
    drawn = checked("train plot", json.loads(CliRunner().invoke(command, ["a", "--json"]).stdout))
    assert (str(drawn.file), drawn.runs[0].last_step) == ("a/curves.png", 40)
    assert CliRunner().invoke(command, []).exit_code == 2
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    missing = CliRunner().invoke(command, ["a"]).exception
    assert isinstance(missing, MissingExtra)
    assert "pip install 'dolma-pipe[train]'" in str(missing)


def test_where_a_name_belongs() -> None:
    assert place_of("eval/web/en/bits_per_byte")[:2] == ("Held-out text: bits per byte", "web/en")
    assert place_of("eval/downstream/arc_easy_len_norm") == (
        "Zero-shot tasks: accuracy",
        "arc_easy",
        0.25,
    )
    assert place_of("eval/downstream/mine_acc").chance is None
    assert place_of("eval/downstream/piqa_bpb").panel.startswith("Zero-shot tasks: bits per byte")
