"""`dolma-pipe mix`: a swarm that runs without encoding again, a fit whose proposal runs, and what
is refused."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dolma_pipe.cli.mix import command
from dolma_pipe.errors import UserError
from dolma_pipe.passes.mix import source_tasks
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.stages.mix import plan_mix
from dolma_pipe.stages.mix.plan import Plan
from dolma_pipe.work import Work
from tests.cli.json_page import checked
from tests.corpus import dolma_pipe, ran, tree, write_corpus
from tests.stages.corpus import in_process

SUPPLY = "web=60k,wiki=40k"


def mix(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    """The one line with which it is refused."""
    result = mix(*arguments)
    assert isinstance(result.exception, UserError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_corpus(tmp_path, shards=1, count=60)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights_of(path: Path) -> tuple[list[str], np.ndarray]:
    rows = list(csv.reader(path.read_text().splitlines()))
    return [row[0] for row in rows[1:]], np.array([[float(v) for v in row[1:]] for row in rows[1:]])


def write_losses(root: Path, runs: list[str], shares: np.ndarray) -> None:
    losses = 0.4 + np.exp(shares @ np.array([[-0.8, -0.2], [-0.1, -0.7]]).T)
    lines = [f"{run},{a:.6f},{b:.6f}" for run, (a, b) in zip(runs, losses.tolist(), strict=True)]
    (root / "losses.csv").write_text("\n".join(["run,arc,mmlu", *lines]) + "\n")


def test_a_swarm_is_mixed_without_encoding_again_and_its_fit_runs(corpus: Path) -> None:
    dolma_pipe(corpus, "run", "mix.yaml")
    result = mix("swarm", "mix.yaml", "swarm", "--tokens", "6000", "--max-repeats", "2")
    assert result.exit_code == 0, result.output
    runs, shares = weights_of(corpus / "swarm/weights.csv")
    assert len(runs) == 11  # the prior and 5 a source
    recipes = sorted(path.stem for path in (corpus / "swarm").glob("*.yaml"))
    assert recipes == runs
    for run, row in zip(runs, shares, strict=True):
        read = read_recipe(corpus / f"swarm/{run}.yaml")
        assert read.mix is not None
        assert read.mix.shares == dict(zip(("web", "wiki"), row.tolist(), strict=True))
        assert read.mix.target_tokens == 6000
    dolma_pipe(corpus, "run", f"swarm/{runs[3]}.yaml")
    assert {task.split()[0] for task in ran(corpus / "work/demo")} == {"plan", "assemble"}
    manifest = json.loads((corpus / "work/demo/tokens/manifest.json").read_text())
    got = {source["name"]: source["tokens"] for source in manifest["sources"]}
    for name, share in zip(("web", "wiki"), shares[3].tolist(), strict=True):
        assert abs(got.get(name, 0) - share * 6000) < 1500  # within a document
    write_losses(corpus, runs, shares)
    arguments = ["fit", "swarm/weights.csv", "losses.csv", "--recipe", "mix.yaml"]
    arguments += ["--tokens", "6000", "--bootstrap", "5", "--starts", "3", "--out", "best.yaml"]
    result = mix(*arguments)
    assert result.exit_code == 0, result.output
    dolma_pipe(corpus, "run", "best.yaml")
    assert {task.split()[0] for task in ran(corpus / "work/demo")} == {"plan", "assemble"}
    assert "is there already" in refused(*arguments)


DIVIDED = """
mix:
  mixer: {natural: {max_share: 0.9}}
  max_repeats: 2.3
  upsample: {web: {by: gopher.words, max: 3, discard: 0.33, buckets: 7}}
  groups:
    web: {by: gopher.words, at: [150], shares: {<150: 0.3, ">=150": 0.7}}
    wiki: {by: length, at: [150, 300], upsample: {<150: {by: gopher.words, max: 5}}}
  held_out: {web: 0.2, wiki: 0.1}
tokenize:"""


def planned(path: Path) -> Plan:
    """What a run of the recipe would do, from what is encoded."""
    recipe = read_recipe(path)
    tasks = source_tasks(recipe, Work("work/demo"), recipe.inputs())
    return plan_mix(in_process, tasks, write=False)


def largest(told: str) -> int:
    found = re.search(r"([0-9,]+) is the largest", told)
    assert found is not None
    return int(found[1].replace(",", ""))


def test_recipes_at_the_very_caps_of_groups_curves_and_held_out_run(corpus: Path) -> None:
    text = (corpus / "mix.yaml").read_text()
    head, tail = text.split("\nmix:")[0], text.split("\ntokenize:")[1]
    (corpus / "mix.yaml").write_text(head + DIVIDED + tail)
    dolma_pipe(corpus, "run", "mix.yaml")
    most = largest(refused("swarm", "mix.yaml", "swarm", "--tokens", "9M"))
    assert mix("swarm", "mix.yaml", "swarm", "--tokens", int(0.97 * most)).exit_code == 0
    runs, shares = weights_of(corpus / "swarm/weights.csv")
    for run in runs:
        assert planned(corpus / f"swarm/{run}.yaml").asked == int(0.97 * most)
    read = read_recipe(corpus / "swarm/recipe-001.yaml").mix
    base = read_recipe(corpus / "mix.yaml").mix
    assert read is not None
    assert base is not None
    for key in ("max_repeats", "upsample", "groups", "held_out", "surplus"):
        assert getattr(read, key) == getattr(base, key)
    assert read.mixer is None
    write_losses(corpus, runs, shares + np.linspace(-0.2, 0.2, 22).reshape(11, 2))
    fit = ("fit", "swarm/weights.csv", "losses.csv", "--recipe", "mix.yaml", "--bootstrap", "2")
    for tokens in (most, most - 1):
        assert mix(*fit, "--force", "--out", "best.yaml", "--tokens", tokens).exit_code == 0
        plan = planned(corpus / "best.yaml")
        assert plan.asked == tokens
        assert sum(source.most for source in plan.sources) == most
    assert largest(refused(*fit, "--tokens", most + 1)) == most


def test_the_columns_of_groups_are_there(corpus: Path) -> None:
    dolma_pipe(corpus, "run", "mix.yaml")
    recipe = (corpus / "mix.yaml").read_text()
    recipe = recipe.replace("\ntokenize", "\n  groups: {web: {by: metadata.topic}}\ntokenize")
    (corpus / "mix.yaml").write_text(recipe)
    told = refused("swarm", "mix.yaml", "x", "--tokens", "1k")
    assert told.startswith("web/web-0000 has no column metadata.topic in work/demo: dolma-pipe run")
    (corpus / "mix.yaml").write_text(
        recipe.replace("metadata.topic}", "metadata.topic, upsample: {art: 2}}")
    )
    told = refused("swarm", "mix.yaml", "x", "--tokens", "1k", "--supply", SUPPLY)
    assert told.startswith(
        "mix.groups.web.upsample: art has an exact factor, but the tokens of web"
    )


@pytest.mark.usefixtures("corpus")
def test_max_repeats_is_that_of_the_recipe_and_what_is_held_out_is_no_supply() -> None:
    """wiki has no upsample: 40k less a fourth, twice or three times; web 3 x (1 - .2) of 60k."""
    recipe = Path("mix.yaml").read_text().replace(", wiki: 2}", "}")
    options = ("--tokens", "200k", "--supply", SUPPLY, "--json", "--force")
    for said, given, repeats in (
        ("", (), 4),
        ("  max_repeats: 2\n", (), 2),
        ("  max_repeats: 2\n", ("--max-repeats", "3.5"), 3.5),
    ):
        Path("mix.yaml").write_text(
            recipe.replace("tokenize:", f"{said}  held_out: {{wiki: 0.25}}\ntokenize:")
        )
        result = mix("swarm", "mix.yaml", "swarm", *options, *given)
        caps = {row["name"]: row["cap"] for row in json.loads(result.output)["domains"]}
        assert caps == pytest.approx({"web": 0.72, "wiki": 30 * repeats / 200})
        text = Path("swarm/recipe-001.yaml").read_text()
        assert f"\n  max_repeats: {repeats}\n" in text
        assert "wiki: 2" not in text


def test_the_seed_decides_all_files(corpus: Path) -> None:
    base = ("swarm", "mix.yaml", "--tokens", "100k", "--supply", SUPPLY)
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert mix(*base, out, "--seed", seed).exit_code == 0
    assert tree(corpus / "a") == tree(corpus / "b")
    assert tree(corpus / "a") != tree(corpus / "c")


def test_caps_follow_the_recipe_and_max_repeats(corpus: Path) -> None:
    """web has a curve: 3 x (1 - .2) of 60k; wiki may be used twice."""
    options = ("--tokens", "200k", "--supply", SUPPLY, "--max-repeats", "9", "--json")
    result = mix("swarm", "mix.yaml", "swarm", *options)
    drawn = checked("mix swarm", json.loads(result.output))
    caps = {row.name: row.cap for row in drawn.domains}
    assert caps == pytest.approx({"web": 0.72, "wiki": 0.4})
    _, shares = weights_of(corpus / "swarm/weights.csv")
    assert (shares <= [0.72, 0.4]).all()
    mixed = read_recipe(corpus / "swarm/recipe-004.yaml").mix
    base = read_recipe(corpus / "mix.yaml").mix
    assert mixed is not None
    assert base is not None
    assert mixed.upsample == base.upsample
    told = refused("swarm", "mix.yaml", "x", "--tokens", "300k", "--supply", SUPPLY)
    assert "224,000 is the largest" in told


def test_a_shorter_swarm_leaves_nothing_of_a_longer_one(corpus: Path) -> None:
    base = ("swarm", "mix.yaml", "swarm", "--tokens", "1k", "--supply", SUPPLY)
    assert mix(*base, "--runs", "9").exit_code == 0
    assert "holds a swarm already" in refused(*base, "--runs", "4")
    assert mix(*base, "--runs", "4", "--force").exit_code == 0
    assert len(list((corpus / "swarm").glob("recipe-*.yaml"))) == 5


@pytest.mark.usefixtures("corpus")
def test_rare_sources_are_told() -> None:
    base = ("swarm", "mix.yaml", "--tokens", "1k", "--supply", "web=999,wiki=1", "--max-repeats", 9)
    assert "--temperature" in mix(*base, "one").output
    flat = mix(*base, "two", "--temperature", "100").output
    assert "too few" not in flat


def test_a_swarm_refuses(corpus: Path) -> None:
    base = ("swarm", "mix.yaml", "swarm")
    assert "say the tokens of a run with --tokens" in refused(*base)
    assert "web/web-0000 is not encoded" in refused(*base, "--tokens", "1k")
    near = refused(*base, "--tokens", "1k", "--supply", "web=1,wik=2")
    assert near == "--supply: unknown name 'wik' (did you mean 'wiki'?)"
    assert "wiki is missing" in refused(*base, "--tokens", "1k", "--supply", "web=1")
    assert "'1Q' is no number" in refused(*base, "--tokens", "1Q")
    assert "one token at least" in refused(*base, "--tokens", "0")
    assert "unknown domain 'wbe'" in refused(
        *base, "--tokens", "1k", "--supply", SUPPLY, "--frozen", "wbe,wiki"
    )
    (corpus / "plain.yaml").write_text("name: p\nsources: {web: {documents: data/web/*}}\n")
    assert "needs a tokenize section" in refused("swarm", "plain.yaml", "swarm", "--tokens", "1k")


def test_a_source_without_a_share_stays_out(corpus: Path) -> None:
    other = corpus / "data/books/books.jsonl.zst"
    other.parent.mkdir()
    other.write_bytes((corpus / "data/web/web-0000.jsonl.zst").read_bytes())
    recipe = (corpus / "mix.yaml").read_text()
    recipe = recipe.replace("sources:", "sources:\n  books: {documents: data/books/*}")
    recipe = recipe.replace("wiki: 0.4}", "wiki: 0.4, books: 0}")
    (corpus / "mix.yaml").write_text(recipe)
    base = ("--recipe", "mix.yaml", "--tokens", "1k", "--supply", SUPPLY)
    told = mix("swarm", "mix.yaml", "swarm", *base[2:]).output
    assert "left out, with share 0 in the recipe: books" in told
    runs, shares = weights_of(corpus / "swarm/weights.csv")
    assert shares.shape == (11, 2)
    write_losses(corpus, runs, shares)
    options = ("--bootstrap", "5", "--starts", "3", "--out", "best.yaml")
    assert mix("fit", "swarm/weights.csv", "losses.csv", *base, *options).exit_code == 0
    for written in ("swarm/recipe-002.yaml", "best.yaml"):
        mixed = read_recipe(corpus / written).mix
        assert mixed is not None
        assert mixed.shares["books"] == 0


def test_supply_may_be_a_file(corpus: Path) -> None:
    (corpus / "supply.yaml").write_text("web: 60k\nwiki: 4e4\n")
    for out, supply in (("a", SUPPLY), ("b", "supply.yaml")):
        assert mix("swarm", "mix.yaml", out, "--tokens", "1k", "--supply", supply).exit_code == 0
    assert tree(corpus / "a") == tree(corpus / "b")
    (corpus / "supply.yaml").write_text("web: [1]\n")
    told = refused("swarm", "mix.yaml", "c", "--tokens", "1k", "--supply", "supply.yaml")
    assert told == "--supply: web: '[1]' is no number, as 0.25, 20000 or 8.1T"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    first = np.linspace(0.1, 0.9, 12)
    shares = np.column_stack([first, 1 - first])
    runs = [f"r{i}" for i in range(12)]
    write_losses(tmp_path, runs, shares)
    rows = [f"{run},{a:.6f},{b:.6f}" for run, (a, b) in zip(runs, shares.tolist(), strict=True)]
    (tmp_path / "weights.csv").write_text("\n".join(["run,web,wiki", *rows]) + "\n")
    return tmp_path


FIT = ("fit", "weights.csv", "losses.csv", "--bootstrap", "5", "--starts", "3")


@pytest.mark.usefixtures("table")
def test_task_weights_move_the_proposal() -> None:
    def share(*options: str) -> float:
        result = mix(*FIT, "--prior", "web=1,wiki=1", "--json", *options)
        assert result.exit_code == 0, result.output
        web = json.loads(result.output)["domains"][0]
        assert (web["name"], web["prior"]) == ("web", 0.5)
        return float(web["share"]["value"])

    assert share("--task-weights", "arc=9") > share() > share("--task-weights", "mmlu=9")
    assert share("--tasks", "arc") == pytest.approx(share("--task-weights", "mmlu=0"))


def test_the_proposal_is_a_mix_section(table: Path) -> None:
    options = ("--supply", "web=8.1T,wiki=137B", "--tokens", "6T", "--out", "best.yaml")
    result = mix(*FIT, *options)
    assert result.exit_code == 0, result.output
    text = (table / "best.yaml").read_text()
    assert "mix:\n  target_tokens: 6000000000000\n  shares:\n    web: 0.9" in text
    assert text.endswith("\n  max_repeats: 4\n")


@pytest.mark.usefixtures("table")
def test_a_fit_refuses() -> None:
    assert "no prior: give --prior" in refused(*FIT)
    assert "caps need the tokens" in refused(*FIT, "--prior", "web=1,wiki=1", "--tokens", "1k")
    assert "unknown name 'arcc' (did you mean 'arc'?)" in refused(
        *FIT, "--prior", "web=1,wiki=1", "--task-weights", "arcc=2"
    )
    assert "'wiki' is not NAME=NUMBER" in refused(*FIT, "--prior", "web=1,wiki")
    assert "--prior: all are 0" in refused(*FIT, "--prior", "web=0,wiki=0")
    assert "5,000 is the largest" in refused(
        *FIT, "--supply", "web=1k,wiki=250", "--tokens", "5001", "--max-repeats", "4"
    )
    told = refused(*FIT, "--prior", "web=1,wiki=1", "--kl", "nan")
    assert told == "kl: expected `float` >= 0.0"
    assert mix(*FIT, "--prior", "web=1,wiki=1", "--kl", "-1").exit_code == 2
