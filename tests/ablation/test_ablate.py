"""`dolma-pipe ablate`: the curation that drops noise wins, one that is the same does not."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="torch is not installed: no model can be trained")

from dolma_pipe.ablation import settings, training  # noqa: E402
from dolma_pipe.ablation.settings import Scale  # noqa: E402
from dolma_pipe.cli.ablate import command  # noqa: E402
from dolma_pipe.engine.choice import EngineChoice  # noqa: E402
from dolma_pipe.errors import UserError  # noqa: E402
from dolma_pipe.passes import prepare  # noqa: E402
from dolma_pipe.passes.context import Nobody  # noqa: E402
from dolma_pipe.run import run  # noqa: E402
from dolma_pipe.tokens import TokenArrays  # noqa: E402
from dolma_pipe.train.config import TrainConfig  # noqa: E402
from tests.cli.json_page import checked  # noqa: E402
from tests.corpus import text, write_shard  # noqa: E402
from tests.inline import Inline  # noqa: E402
from tests.small_tokenizer import small_tokenizer_json  # noqa: E402

RAW = "name: raw\nsources: {web: {documents: data/*.jsonl.zst}}\n"
CLEAN = RAW.replace("raw", "clean") + (
    "quality: {taggers: [gopher], keep: {gopher.stop_words: [2, null]}}\n"
)
NEEDED = ("--preset", "olmo-1m", "--tokens", "5k", "--device", "cpu")


def noise(rng: random.Random, words: int) -> str:
    """Words of random letters, none like the other."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(words))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of which half are noise, and a recipe that drops them."""
    root, rng = tmp_path_factory.mktemp("ablate"), random.Random(5)
    rows: list[dict[str, object]] = [
        {"id": str(i), "text": (noise if i % 2 else text)(rng, 40 + i % 30)} for i in range(400)
    ]
    write_shard(root / "data/web.jsonl.zst", rows)
    (root / "raw.yaml").write_text(RAW)
    (root / "clean.yaml").write_text(CLEAN)
    (root / "other.yaml").write_text(RAW.replace("raw", "other") + "seed: 3\n")
    return root


@pytest.fixture
def here(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The corpus as the current directory, a small scale, no workers to start."""
    monkeypatch.chdir(corpus)
    monkeypatch.setattr(prepare, "new_engine", lambda *_: Inline())
    scale = Scale(length=32, batch=16, lr=1e-2, vocabulary=500, evaluated=4_000)
    monkeypatch.setitem(settings.SCALES, "olmo-1m", scale)
    small = {"vocab_size": 500, "hidden_size": 32, "heads": 2, "intermediate_size": 64}
    monkeypatch.setattr(training, "model_of", lambda *_: {"preset": "olmo-1m", **small})
    return corpus


def ablate(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def found(*arguments: object) -> dict[str, Any]:
    result = ablate(*arguments, "--json")
    assert result.exit_code == 0, result.output + repr(result.exception)
    value: dict[str, Any] = json.loads(result.stdout)
    checked("ablate", value)
    return value


def refused(*arguments: object) -> str:
    """The one line with which it is refused."""
    result = ablate(*arguments)
    assert isinstance(result.exception, UserError), result.output + repr(result.exception)
    assert "\n" not in str(result.exception)
    return str(result.exception)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of trainings that are started."""
    names: list[str] = []
    real = training.start

    def start(config: TrainConfig) -> int:
        names.append(config.name)
        return real(config)

    monkeypatch.setattr(training, "start", start)
    return names


def macro(of: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = of["rows"][-2]
    assert row["name"] == "macro average"
    return row


@pytest.mark.usefixtures("here")
def test_the_curation_that_drops_noise_is_better_on_clean_text(starts: list[str]) -> None:
    asked = ("raw.yaml", "clean.yaml", *NEEDED, "--tokens", "40k", "--held-out-share", 0.1)
    ablation = found(*asked, "--work", "two")
    of_a, of_b = ablation["yardsticks"]
    assert macro(of_b)["difference"]["high"] < 0
    assert max(macro(of_b)["B"]) < min(macro(of_b)["A"])
    # on its own held-out text, half of it noise, the raw one knows what the clean one never saw
    assert max(macro(of_a)["A"]) < min(macro(of_a)["B"])
    assert ablation["verdict"].startswith("depends on the yardstick")
    raw, clean = ablation["recipes"]["A"], ablation["recipes"]["B"]
    assert (raw["documents_in"], raw["documents"], clean["documents"]) == (400, 400, 200)
    assert clean["unique"] < raw["unique"]
    assert ablation["trained"]["B"]["epochs"] > 1
    assert any("B gives fewer tokens" in note for note in ablation["notes"])
    assert any("B: fewer than 20 documents of web" in note for note in ablation["notes"])
    assert Path("two/curves.png").is_file()

    # what is done is not done again, and says the same; the other seeds come on top
    assert starts == [f"{label}-seed{seed}" for seed in (1, 2, 3) for label in "AB"]
    starts.clear()
    result = ablate(*asked, "--work", "two")
    assert result.output.splitlines()[-3] == ablation["verdict"]
    assert not starts

    # given arrays are the only yardstick then; their tokenizer is the one of both
    given = TokenArrays(arrays_of_good_text())
    ablation = found(*asked, "--work", "three", "--held-out", "work/good")
    assert [of["name"] for of in ablation["yardsticks"]] == ["work/good/tokens"]
    assert ablation["verdict"].startswith("B is better: work/good/tokens: -")
    assert "3 seeds" in ablation["verdict"]
    trained_on = TokenArrays("three/A/tokens").manifest
    assert trained_on.tokenizer.sha256 == given.manifest.tokenizer.sha256
    assert sum(source.documents for source in trained_on.sources) == 400  # none is held out

    # of what was trained on nothing can be measured
    told = refused(*asked, "--work", "four", "--held-out", "two/B/held_out")
    assert "documents are in the training sets, too" in told


def arrays_of_good_text() -> Path:
    """With the tokenizer of the ablation in two/."""
    rng = random.Random(9)
    write_shard(
        Path("good/a.jsonl.zst"), [{"id": str(i), "text": text(rng, 60)} for i in range(20)]
    )
    tokenize = "tokenize: {tokenizer: two/tokenizer.json}\n"
    Path("good.yaml").write_text(
        "name: good\nsources: {good: {documents: good/*.zst}}\n" + tokenize
    )
    with prepare.prepared(Path("good.yaml"), None, EngineChoice(), False, Nobody()) as context:
        run(context)
    return Path("work/good/tokens")


@pytest.mark.usefixtures("here")
def test_a_recipe_against_itself_is_exactly_equal() -> None:
    asked = ("raw.yaml", "raw.yaml", *NEEDED, "--held-out-share", 0.1)
    ablation = found(*asked, "--seeds", 2)
    assert ablation["verdict"] == "no difference: exactly equal"
    assert [of["name"] for of in ablation["yardsticks"]] == ["held out of A and B alike"]
    row = macro(ablation["yardsticks"][0])
    assert row["A"] == row["B"]
    assert len(set(row["A"])) == 2
    assert Path("work/ablate-raw-vs-raw/ablation.json").is_file()
    # a single seed: no interval, and no verdict
    ablation = found(*asked, "--seeds", 1)
    assert macro(ablation["yardsticks"][0])["difference"]["low"] is None
    assert ablation["verdict"].startswith("no verdict from a single seed")


@pytest.mark.usefixtures("here")
def test_an_edited_recipe_trains_only_its_own_models_again(starts: list[str]) -> None:
    asked = ("raw.yaml", "edited.yaml", *NEEDED, "--seeds", 1, "--work", "edited")
    shutil.copy("raw.yaml", "edited.yaml")
    found(*asked)
    Path("edited.yaml").write_text(CLEAN)
    starts.clear()
    found(*asked)
    assert starts == ["B-seed1"]


@pytest.mark.usefixtures("here")
def test_the_trainings_differ_in_nothing_but_the_data() -> None:
    ablation = found("raw.yaml", "other.yaml", *NEEDED, "--seeds", 1, "--work", "alike")
    configs = [
        json.loads((Path(ablation["trained"][label]["runs"][0]) / "config.json").read_text())
        for label in ("A", "B")
    ]
    for config in configs:
        config["data"].pop("tokens")
        assert config.pop("out").startswith("alike/runs/")
        assert config.pop("name") in ("A-seed1", "B-seed1")
    assert configs[0] == configs[1]
    assert "B was curated with the seed of A, 0, and not 3" in ablation["notes"]
    manifests = [TokenArrays(Path("alike") / label / "tokens").manifest for label in ("A", "B")]
    assert manifests[0].tokenizer.sha256 == manifests[1].tokenizer.sha256
    assert manifests[0].vocab_size == 500


@pytest.mark.usefixtures("here")
def test_an_interrupted_training_ends_with_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "start", lambda _: 15)
    result = ablate("raw.yaml", "clean.yaml", *NEEDED, "--work", "stopped")
    assert result.exit_code == 128 + 15
    assert not Path("stopped/ablation.json").exists()


def test_what_cannot_be_compared_is_refused(here: Path) -> None:
    work = ("--work", "refused")
    two = ("raw.yaml", "clean.yaml", "--tokens", "20k", *work)
    assert "no tokenize section" in refused(*two, "--preset", "olmo-20m")
    assert "--tokens: 'many' is no number" in refused(
        "raw.yaml", "clean.yaml", "--preset", "olmo-1m", "--tokens", "many"
    )
    for number in (0, 1):
        folder = here / f"tokenizer{number}"
        folder.mkdir()
        (folder / "tokenizer.json").write_bytes(small_tokenizer_json(extra_ids=number))
        tokenize = f"tokenize: {{tokenizer: {folder.name}/tokenizer.json}}\n"
        Path(f"own{number}.yaml").write_text(RAW + tokenize)
    large = ("--preset", "olmo-20m", "--tokens", "20k", *work)
    assert "two tokenizers: own0.yaml (" in refused("own0.yaml", "own1.yaml", *large)
    few = {"id": "1", "text": "only a few words, and that is all."}
    write_shard(here / "few/few.jsonl.zst", [{**few, "id": str(i)} for i in range(20)])
    Path("few.yaml").write_text(RAW.replace("data/", "few/"))
    told = refused("raw.yaml", "few.yaml", *NEEDED, "--held-out-share", 0.2, *work)
    assert told.startswith("B: refused/B/tokens has ")
    assert "8 batches" in told
    Path("chat.yaml").write_text(RAW.replace("zst}", "zst, messages: true}"))
    assert "conversations" in refused("chat.yaml", "raw.yaml", *NEEDED, *work)
    assert "no token arrays in data" in refused(
        "raw.yaml", "clean.yaml", *NEEDED, *work, "--held-out", "data"
    )
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    assert "no folder of an ablation of ours" in refused(
        "raw.yaml", "clean.yaml", *NEEDED, "--work", "mine"
    )
