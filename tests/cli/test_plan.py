"""`dolma-pipe plan`: what will be, before it is; and mixers of your own."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.corpus import dolma_pipe, ran, tree, write_corpus

MINE = '''"""The same for every source."""

import numpy as np

from dolma_pipe.share_mixer import ShareMixer


class Mine(ShareMixer, frozen=True):
    """Equal shares, but for the first."""

    first: float = 1.0

    def weights(self, supply):
        return np.array([self.first] + [1.0] * (len(supply.names) - 1))
'''


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plan")
    write_corpus(root, shards=1, count=60)
    (root / "mine.py").write_text(MINE)
    return root


def with_mix(root: Path, mix: str) -> None:
    """Give the recipe another mix section."""
    text = (root / "mix.yaml").read_text()
    begin, end = text.index("mix:\n"), text.index("tokenize:")
    (root / "mix.yaml").write_text(f"{text[:begin]}mix:\n{mix}\n{text[end:]}")


def planned(root: Path) -> dict[str, object]:
    return dict(json.loads(dolma_pipe(root, "plan", "mix.yaml", "--json").stdout))


def test_a_plan_comes_true_and_writes_nothing(root: Path) -> None:
    with_mix(root, "  target_tokens: 5000\n  shares: {web: 0.6, wiki: 0.4}\n  held_out: 0.1")
    table = dolma_pipe(root, "plan", "mix.yaml", "--buckets").stdout
    work = root / "work" / "demo"
    assert not (work / "mix").exists()
    assert not (work / "tokens").exists()
    plan = planned(root)
    dolma_pipe(root, "run", "mix.yaml")
    assert json.loads((work / "mix/plan.json").read_text()) == plan
    assert "asked" in table
    assert "target 5,000: missed by" in table
    assert "held out: " in table
    before = tree(work)
    assert planned(root) == plan
    assert tree(work) == before


def test_a_change_of_the_mix_never_encodes(root: Path) -> None:
    work = root / "work" / "demo"
    for mix in (
        "  mixer: natural",
        "  upsample: {web: {by: gopher.words, max: 3}}\n  shares: {web: 0.5, wiki: 0.5}",
        "  groups: {web: {by: length, at: [50, 100]}}",
        "  mixer: {./mine.py: {first: 2}}\n  held_out: 0.3",
    ):
        with_mix(root, mix)
        dolma_pipe(root, "run", "mix.yaml")
        assert {task.split()[0] for task in ran(work)} == {"plan", "assemble"}, mix


def test_a_mixer_of_your_own(root: Path) -> None:
    with_mix(root, "  target_tokens: 3000\n  mixer: {./mine.py: {first: 2}}")
    plan = planned(root)
    assert [source["asked"] for source in plan["sources"]] == [2000, 1000]  # type: ignore[attr-defined]
    dolma_pipe(root, "run", "mix.yaml")
    (root / "mine.py").write_text(MINE.replace("first: float = 1.0", "first: float = 3.0"))
    dolma_pipe(root, "run", "mix.yaml")
    assert {task.split()[0] for task in ran(root / "work/demo")} == {"plan", "assemble"}


WRONG = [
    ("  mixer: naturel", "mix.mixer: unknown mixer 'naturel' (did you mean 'natural'?)"),
    ("  mixer: {temperature: {temprature: 2}}", "unknown key 'temprature'"),
    ("  mixer: {a: {}, b: {}}", "one name with its settings is needed, got a, b"),
    ("  mixer: ./none.py", "mix.mixer: no file ./none.py"),
    ("  held_out: 1", "mix.held_out: 1 leaves nothing of web to train on"),
    ("  held_out: {wab: 0.1}", "mix.held_out: unknown source 'wab' (did you mean 'web'?)"),
    ("  groups: {wab: {by: length, at: [1]}}", "mix.groups: unknown source 'wab'"),
    ("  groups: {web: {by: gopher.words}}", "gopher.words is a column of numbers, numbers need"),
    ("  groups: {web: {by: pii.count, at: [2, 1]}}", "borders must ascend"),
    ("  groups: {web: {by: gopher.wrods, at: [1]}}", "(did you mean 'gopher.words'?)"),
    ("  shares: {web: 0.5, wiki: 0.4}", "mix.shares: they sum to 0.9, not to 1"),
    (
        "  upsample: {web: {by: metadata.n}}\n  groups: {web: {by: metadata.n}}",
        "metadata.n is read as a number elsewhere; give borders: at",
    ),
    ("  target_tokens: 0", "mix.target_tokens: expected `int` >= 1"),
    ("  target_tokens: 99999999", "is the largest"),
    (
        "  shares: {web: 1, wiki: 0}\n  upsample: {web: {by: gopher.words, curve: quolity}}",
        "mix.upsample.web.curve: unknown mixer 'quolity' (did you mean 'quality'?)",
    ),
]


@pytest.mark.parametrize(("mix", "message"), WRONG)
def test_what_is_wrong_is_one_line(root: Path, mix: str, message: str) -> None:
    with_mix(root, mix)
    result = dolma_pipe(root, "plan", "mix.yaml", code=1)
    assert message in result.stderr.splitlines()[-1]


def test_a_mixer_that_breaks_is_the_users_error(root: Path) -> None:
    with_mix(root, "  target_tokens: 3000\n  mixer: ./bad.py")
    for body, message in (
        ("return np.array([np.nan, 1.0])", "weights are"),
        ("return 1 / 0", "ZeroDivisionError"),
        ("return np.ones(3)", "2 numbers from 0 on are needed"),
    ):
        (root / "bad.py").write_text(
            MINE.replace("return np.array([self.first] + [1.0] * (len(supply.names) - 1))", body)
        )
        result = dolma_pipe(root, "plan", "mix.yaml", code=1)
        assert message in result.stderr.splitlines()[-1]


def test_topics_of_the_metadata(root: Path) -> None:
    """A column of labels that the documents bring, without a tagger in the recipe."""
    with_mix(root, "  mixer: natural")
    dolma_pipe(root, "plan", "mix.yaml")
    with_mix(root, "  groups: {web: {by: metadata.n}}")
    groups = planned(root)["sources"][0]["groups"]  # type: ignore[index]
    assert not {task for task in ran(root / "work/demo") if task.startswith("encode")}
    names = [group["name"] for group in groups]
    assert names == sorted(names)
    assert len(names) > 10
    with_mix(root, "  groups: {web: {by: metadata.n, at: [10, 30]}}")
    groups = planned(root)["sources"][0]["groups"]  # type: ignore[index]
    assert [group["name"] for group in groups] == ["<10", "10-30", ">=30", "none"]
    assert np.sum([group["available"]["documents"] for group in groups]) > 0


def test_columns_without_any_value_are_told(root: Path) -> None:
    upsample = "  upsample: {web: {by: metadata.nosuch, discard: 0}}\n"
    with_mix(root, f"{upsample}  groups: {{web: {{by: metadata.nolabel}}}}")
    assert planned(root)["sources"][0]["notes"][-2:] == [  # type: ignore[index]
        "no document has a label in metadata.nolabel, by which groups are made",
        "no document has a number in metadata.nosuch: the curve has nothing to rank by",
    ]
    with_mix(
        root, "  upsample: {web: {by: metadata.n}}\n  groups: {web: {by: metadata.n, at: [9]}}"
    )
    notes = planned(root)["sources"][0]["notes"]  # type: ignore[index]
    assert not [note for note in notes if "no document has" in note]
