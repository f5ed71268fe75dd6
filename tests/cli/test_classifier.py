"""classifier train and eval: files, tables, and one line for whatever cannot be."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dolma_pipe.batch import batch_of
from dolma_pipe.cli.classifier import command
from dolma_pipe.errors import UserError
from dolma_pipe.learn import fit
from dolma_pipe.learn.metrics import auc
from dolma_pipe.learn.samples import held_out
from dolma_pipe.learn.texts import as_seen
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Tagger
from tests.cli.json_page import checked
from tests.corpus import command as command_line
from tests.corpus import dolma_pipe, tree, write_shard, write_tokenizer
from tests.learn.made import GOOD, write_sides

fasttext = pytest.importorskip("fasttext")

SMALL = ["--dim", "4", "--epochs", "4", "--lr", "0.5", "--buckets", "400", "--held-out", "0.3"]
SIDES = ["--positive", "good", "--negative", "bad"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def train(*arguments: str) -> Result:
    result = invoke("train", *SIDES, "--out", "model.ftz", *SMALL, *arguments)
    assert result.exit_code == 0, result.output + str(result.exception)
    return result


def refused(*arguments: str) -> str:
    """The one line that a command ends with."""
    result = invoke(*arguments)
    assert isinstance(result.exception, UserError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with sides and a model of them, and what the training printed."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_sides(root)
        return root, train("--bin").stdout


@pytest.fixture
def here(trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trained folder as current directory; nobody changes what is in it."""
    monkeypatch.chdir(trained[0])
    return trained[0]


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_sides(tmp_path, documents=60)
    return tmp_path


def test_train_tells_and_writes(trained: tuple[Path, str]) -> None:
    root, told = trained
    for line in (
        r"hq +243 +1 +1 +1 +0 +240",
        r"lq +121 +0 +0 +1 +0 +120",
        r"bad lines hq: no text 1",
        r"AUC hq +0\.9\d+|AUC hq +1\.0000",
        r"AUC document length +0\.[5-9]\d+  \((longer|shorter) is better\)",
        r"AUC mean line length +0\.[5-9]",
        r"       0\.9 +\d",
        r"best F1",
        r"calibration: expected error 0\.\d+, classes weighed equally",
        r"  0\.9-1\.0 ",
        r"AUC before quantising",
        r"model\.ftz  [\d,]+ bytes, sha256 [0-9a-f]{64}",
    ):
        assert re.search(line, told), line
    assert {path.name for path in root.iterdir()} == {
        "good", "bad", "model.ftz", "model.bin", "model.ftz.md", "model.ftz.json"
    }  # fmt: skip


def test_the_card(trained: tuple[Path, str]) -> None:
    root, told = trained
    card = json.loads((root / "model.ftz.json").read_text())
    assert card["files"][0]["sha256"] in told
    assert card["settings"]["epochs"] == 4
    good, bad = card["classes"]
    assert sum(file["documents"] for file in good["files"]) == good["documents"] == 243
    assert all(len(file["content"]) == 32 for file in good["files"])
    for each in (good, bad):
        assert each["documents"] == each["taken"] + sum(
            each[name] for name in ("empty", "repeated", "in_other_classes", "passed_over")
        )
    (measures,) = card["measures"]
    assert measures["positives"] + card["training"]["hq"] == good["taken"]
    assert card["lines"] == {"hq": card["training"]["hq"], "lq": card["training"]["hq"]}
    markdown = (root / "model.ftz.md").read_text()
    for part in ("Intended use", "quality.hq", card["files"][0]["sha256"], "good/a.jsonl.zst"):
        assert part in markdown
    assert "None" not in markdown


def test_the_same_bytes_twice(here: Path) -> None:
    before = tree(here)
    shard = here / "good" / "a.jsonl.zst"
    renamed = shard.rename(here / "good" / "z.jsonl.zst")
    try:
        train("--force")  # another order of the files
        assert tree(here)["model.ftz"] == before["model.ftz"]
        renamed.rename(shard)
        told = train("--force", "--bin", "--json").stdout
        assert tree(here) == before
        assert json.loads(told) == json.loads((here / "model.ftz.json").read_text())
        checked("classifier train", json.loads(told))
    finally:
        if renamed.exists():
            renamed.rename(shard)


def test_the_library_ranks_alike(here: Path) -> None:
    """Our kernels and fastText's own predict, on the documents held out."""
    library = fasttext.load_model("model.ftz")
    settings = json.loads((here / "model.ftz.json").read_text())["settings"]
    result = invoke("eval", "model.ftz", *SIDES, "--held-out-only", "--json")
    checked("classifier eval", json.loads(result.stdout))
    measures = json.loads(result.stdout)["measures"]
    assert measures == json.loads((here / "model.ftz.json").read_text())["measures"][0]
    texts = {side: unique_texts(here / side) for side in ("good", "bad")}
    scores, positive = [], []
    for side, others in (("good", "bad"), ("bad", "good")):
        for text in texts[side] - texts[others]:
            if held_out(key(text), settings["seed"], settings["held_out"])[0]:
                labels, probabilities = library.predict(text, k=2)
                scores.append(dict(zip(labels, probabilities, strict=True))["__label__hq"])
                positive.append(side == "good")
    assert sum(positive) == measures["positives"]
    assert auc(np.array(scores), np.array(positive)) == pytest.approx(measures["auc"], abs=1e-3)


def key(text: str) -> Any:
    import xxhash

    return np.array([xxhash.xxh3_64_intdigest(text.encode())], np.uint64)


def unique_texts(folder: Path) -> set[str]:
    import zstandard

    lines = [
        line
        for path in folder.iterdir()
        for line in zstandard.ZstdDecompressor().decompress(path.read_bytes()).splitlines()
    ]
    found = [json.loads(line).get("text") or "" for line in lines]
    return {as_seen(text.encode()).decode() for text in found} - {""}


@pytest.mark.usefixtures("here")
def test_eval_of_other_data(tmp_path: Path) -> None:
    write_sides(tmp_path, seed="other", documents=50)
    args = ["--positive", f"{tmp_path}/good/*.zst", "--negative", f"{tmp_path}/bad"]
    told = invoke("eval", "model.ftz", *args).stdout
    assert re.search(r"hq: 50 documents against 25 others\nAUC hq +(0\.9\d+|1\.0000)", told)
    turned = invoke("eval", "model.ftz", *args, "--label", "lq").stdout
    assert re.search(r"AUC lq +0\.0", turned)


def test_columns_of_the_tagger(here: Path) -> None:
    classifier = load(find("taggers", "classifier"), Tagger)(model=str(here / "model.ftz"))
    assert classifier.columns()[:2] in (("hq", "lq"), ("lq", "hq"))
    scores = classifier.tag(batch_of([" ".join(GOOD[:20]), "baa boo buu"]))["hq"]
    assert scores[0] > scores[1]  # type: ignore[index]


def test_several_classes(sides: Path) -> None:
    rows = [{"text": " ".join(f"x{i % 7}{j}" for j in range(20 + i))} for i in range(60)]
    write_shard(sides / "third" / "c.jsonl.zst", rows)
    args = ["train", *SIDES, "--label", "other=third", "--out", "three.bin", *SMALL]
    told = invoke(*args, "--balance", "fewer").stdout
    for label in ("hq", "lq", "other"):
        assert f"AUC {label} " in told
    card = json.loads((sides / "three.bin.json").read_text())
    assert set(card["lines"].values()) == {min(card["training"].values())}
    assert card["auc_before_quantising"] is None


def test_limits_choose_by_hash(sides: Path) -> None:
    result = invoke(
        "train", *SIDES, "--out", "m.bin", *SMALL, "--max-documents", "25", "--balance", "none"
    )
    assert re.search(r"hq +63 .* 25$", result.stdout, re.MULTILINE)
    assert "weighed equally" not in result.stdout
    card = json.loads((sides / "m.bin.json").read_text())
    for each in card["classes"]:
        assert each["taken"] + each["in_other_classes"] == 25
    assert card["lines"] == card["training"]


@pytest.mark.usefixtures("here")
def test_refusals(tmp_path: Path) -> None:
    def trains(*arguments: str) -> str:
        return refused("train", *arguments)

    out = ["--out", str(tmp_path / "m.ftz")]
    assert "already; --force" in trains(*SIDES, "--out", "model.ftz")
    assert "there is no folder" in trains(*SIDES, "--out", "absent/m.ftz")
    assert "ends in .ftz" in trains(*SIDES, "--out", "model.txt")
    assert "needs two classes" in trains("--positive", "good", *out)
    assert "'top' cannot be a label" in trains(*SIDES, "--positive-label", "top", *out)
    assert "hq: no file matches nowhere" in trains("--positive", "nowhere", *SIDES[2:], *out)
    assert "is given as hq and as lq" in trains("--positive", "good", "--negative", "good", *out)
    (tmp_path / "empty").mkdir()
    assert "without data files" in trains("--positive", str(tmp_path / "empty"), *SIDES[2:], *out)
    (tmp_path / "bad.jsonl").write_text('{"id": "1"}\n{"text": " "}\nnonsense\n')
    told = trains("--positive", str(tmp_path / "bad.jsonl"), *SIDES[2:], *out)
    assert "hq: there is no document with words in" in told
    assert "1 lines are bad: no text" in told
    (tmp_path / "one.jsonl").write_text('{"text": "one alone"}\n')
    assert "hq: only 1 documents" in trains("--positive", f"{tmp_path}/one.jsonl", *SIDES[2:], *out)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "m."))]


def test_refusals_of_eval(here: Path, tmp_path: Path) -> None:
    told = refused("eval", "model.ftz", *SIDES, "--label", "hp")
    assert "knows no label 'hp' (--label: one of" in told
    assert "no asset or file 'nowhere.ftz'" in refused("eval", "nowhere.ftz", *SIDES)
    (tmp_path / "broken.ftz").write_bytes((here / "model.ftz").read_bytes()[:3000])
    assert "cut short" in refused("eval", str(tmp_path / "broken.ftz"), *SIDES)
    assert "there is no card" in refused("eval", "model.bin", *SIDES, "--held-out-only")
    assert "nothing to measure" in refused(
        "eval", "model.ftz", "--positive", few(tmp_path), *SIDES[2:], "--held-out-only"
    )


def few(folder: Path) -> str:
    """A file with one document of the training."""
    texts = [text for text in unique_texts(Path("good")) if not held_out(key(text), 0, 0.3)[0]]
    write_shard(folder / "few.jsonl.zst", [{"text": texts[0]}])
    return str(folder / "few.jsonl.zst")


@pytest.mark.usefixtures("here")
def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "find_spec", lambda _: None)
    told = refused("train", *SIDES, "--out", str(tmp_path / "m.ftz"))
    assert told == "fasttext-community is not installed: pip install 'dolma-pipe[classifier]'"


def test_what_fasttext_refuses_is_one_line(sides: Path) -> None:
    told = refused("train", *SIDES, "--out", "m.ftz", *SMALL[:-4], "--word-ngrams", "1")
    assert "fastText: Matrix too small for quantization" in told
    assert {path.name for path in sides.iterdir()} == {"good", "bad"}


def test_interrupted_leaves_nothing(sides: Path) -> None:
    arguments = command_line(
        *("classifier", "train", *SIDES, "--out", "m.bin"),
        *("--epochs", "10000", "--dim", "512", "--buckets", "1000"),
    )
    with subprocess.Popen(
        arguments,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a background job inherits that SIGINT is ignored, and ignores it, too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("train on"):
                break
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    assert {path.name for path in sides.iterdir()} == {"good", "bad"}


RECIPE = """
name: learned
sources:
  good: {documents: good/*.zst}
  bad: {documents: bad/*.zst}
quality:
  taggers: [{classifier: {name: quality, model: model.ftz}}]
mix:
  shares: {good: 0.5, bad: 0.5}
  upsample: {good: {by: quality.hq, max: 4, discard: 0.4}, bad: 2}
tokenize: {tokenizer: tokenizer.json}
max_bad: 10
"""


def test_the_score_mixes(here: Path, tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    text = RECIPE.replace("model.ftz", str(here / "model.ftz"))
    for side in ("good", "bad"):
        text = text.replace(f"documents: {side}", f"documents: {here}/{side}")
    (tmp_path / "mix.yaml").write_text(text)
    dolma_pipe(tmp_path, "run", "mix.yaml", "--workers", "1")
    plan = json.loads((tmp_path / "work" / "learned" / "mix" / "plan.json").read_text())
    buckets = plan["sources"][0]["buckets"]
    assert len(buckets) > 5
    assert [bucket["repeats"] for bucket in buckets] == sorted(b["repeats"] for b in buckets)
    assert buckets[0]["repeats"] == 0
    assert 0 <= buckets[0]["lowest"] <= buckets[-1]["lowest"] <= buckets[-1]["highest"] <= 1
    assert sum(bucket["available"]["tokens"] for bucket in buckets) > 0


def test_the_shipped_recipe_needs_only_a_model(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dolma_pipe.recipe_file import read_recipe

    monkeypatch.chdir(tmp_path)
    for source in ("docs", "prose"):
        write_shard(tmp_path / f"sample/{source}/documents/a.jsonl.zst", [{"text": "a"}])
    Path("quality.ftz").write_bytes((here / "model.ftz").read_bytes())
    recipe = read_recipe(Path(__file__).parent.parent.parent / "configs" / "learned-quality.yaml")
    (use,) = [use for use in recipe.sources[0].taggers if use.prefix == "quality"]
    use.build().check()
