"""The recipe at the door: what is wrong is one line with its place and the nearest name."""

from pathlib import Path

import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.recipe import Recipe, read_recipe

RECIPE = """
name: demo
sources:
  web: {documents: web/*.jsonl}
  code:
    documents: [code/*.jsonl.zst]
    skip: [language, content]
    quality: {keep: {gopher.words: [5, null]}}
quality:
  taggers: [gopher, {gopher_repetition: {}}]
  keep: {gopher.words: [50, 1e5], gopher_repetition.duplicate_lines: [null, 3e-1]}
content:
  taggers: [pii]
  keep: {pii.count: [null, 5]}
  mask: {pii.email: "|||EMAIL_ADDRESS|||"}
dedup:
  - exact: {}
  - minhash: {bands: 20, rows: 5, keep: longest}
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("web/b.jsonl", "web/a.jsonl", "code/c.jsonl.zst"):
        Path(place).parent.mkdir(exist_ok=True)
        Path(place).touch()


def checked(text: str) -> Recipe:
    Path("mix.yaml").write_text(text)
    return read_recipe(Path("mix.yaml"))


def test_everything_is_resolved() -> None:
    recipe = checked(RECIPE)
    web, code = recipe.sources
    assert [(s.key, s.uri) for s in recipe.inputs()] == [
        ("web/a", "web/a.jsonl"),
        ("web/b", "web/b.jsonl"),
        ("code/c", "code/c.jsonl.zst"),
    ]
    assert [use.prefix for use in web.taggers] == ["gopher", "gopher_repetition", "pii"]
    assert [use.prefix for use in code.taggers] == ["gopher", "gopher_repetition"]
    assert [(r.stage, r.column, r.minimum, r.maximum) for r in web.rules] == [
        ("quality", "gopher.words", 50.0, 1e5),
        ("quality", "gopher_repetition.duplicate_lines", None, 0.3),
        ("content", "pii.count", None, 5.0),
    ]
    assert [(r.column, r.minimum) for r in code.rules] == [("gopher.words", 5.0)]
    assert [mask.column for mask in web.masks] == ["pii.email"]
    assert code.masks == ()
    assert [type(entry).__name__ for entry in recipe.dedup] == ["Exact", "MinHash"]


WRONG = [
    ("name: demo", "nmae: demo", "mix.yaml: recipe: unknown key 'nmae' (did you mean 'name'?)"),
    ("web:", "we b:", "sources"),
    ("{documents: web", "{docs: web", "sources.web: unknown key 'docs'"),
    ("web/*.jsonl", "wbe/*.jsonl", "sources.web.documents: no file matches wbe/*.jsonl"),
    ("web/*.jsonl", "web", "sources.web.documents: web is a directory; write web/*.jsonl.zst"),
    ("[gopher,", "[gohper,", "quality.taggers: unknown tagger 'gohper' (did you mean 'gopher'?)"),
    ("[gopher,", "[./mine.py,", "quality.taggers: no file ./mine.py"),
    ("[gopher,", "[no.such,", "quality.taggers: no module no.such is installed"),
    (
        "{gopher_repetition: {}}",
        "{gopher_repetition: {wrods: 3}}",
        "quality.taggers.gopher_repetition: unknown key 'wrods'",
    ),
    ("gopher.words: [50", "gopher.wrods: [50", "(did you mean 'gopher.words'?)"),
    ("[50, 1e5]", "[50]", "quality.keep.gopher.words"),
    ("[50, 1e5]", "[50, 5]", "quality.keep.gopher.words: 50 is above 5, nothing can be kept"),
    ("[50, 1e5]", "[null, null]", "quality.keep.gopher.words: [null, null] keeps everything"),
    ("[50, 1e5]", "[no, 5]", "quality.keep"),
    ("pii.count: [null", "pii.email: [null", "content.keep.pii.email: is spans"),
    ("taggers: [pii]", "taggers: [pii, lid]\n  x: 1", "content: unknown key 'x'"),
    ("pii.count: [null", "lid.top: [null", "content.keep.lid.top: no tagger of source web"),
    (
        "mask: {pii.email",
        "mask: {pii.count",
        "mask.pii.count: is a number, only spans can be masked",
    ),
    ("- exact: {}", "- exakt: {}", "dedup.0: unknown method 'exakt' (did you mean 'exact'?)"),
    ("bands: 20", "bends: 20", "dedup.1.minhash: unknown key 'bends' (did you mean 'bands'?)"),
    ("bands: 20", "bands: 0", "dedup.1.minhash.bands: expected `int` >= 1"),
    ("keep: longest", "keep: biggest", "dedup.1.minhash.keep"),
    ("skip: [language,", "skip: [langauge,", "sources.code.skip"),
    ("name: demo", "name: [", "line"),
    ("name: demo", "name: demo\nname: twice", "line 3: "),
    ("name: demo", "name: demo\nmix: {shares: {}}", "mix: needs a tokenize section"),
]


@pytest.mark.parametrize(("right", "wrong", "told"), WRONG, ids=[w for _, w, _ in WRONG])
def test_what_is_wrong_is_one_line(right: str, wrong: str, told: str) -> None:
    assert right in RECIPE
    with pytest.raises(RecipeError) as caught:
        checked(RECIPE.replace(right, wrong, 1))
    assert told in str(caught.value)
    assert str(caught.value).startswith("mix.yaml: ")
    assert "\n" not in str(caught.value)


def test_a_label_has_no_range() -> None:
    with pytest.raises(RecipeError, match=r"content\.keep\.lid\.top: is a name"):
        checked(RECIPE.replace("[pii]", "[pii, lid]").replace("pii.count: [null", "lid.top: [null"))


@pytest.mark.asset
def test_a_language_that_the_model_does_not_know_is_told_before_any_data() -> None:
    lid = "[pii, {lid: {languages: [en, xx]}}]"
    with pytest.raises(RecipeError, match=r"^lid: the model lid176 knows no language 'xx'"):
        checked(RECIPE.replace("[pii]", lid)).check_assets()


def test_a_recipe_that_is_not_there_is_one_line() -> None:
    with pytest.raises(RecipeError, match=r"^missing.yaml: cannot be read: No such file"):
        read_recipe(Path("missing.yaml"))


def test_yaml_is_1_2() -> None:
    recipe = checked(RECIPE.replace("name: demo", "name: no\nseed: 10_000\nmax_bad: 3e-4"))
    assert (recipe.name, recipe.seed, recipe.max_bad) == ("no", 10_000, 3e-4)


def test_a_tagger_can_be_used_twice_under_another_name() -> None:
    twice = RECIPE.replace("{gopher_repetition: {}}", "gopher_repetition, gopher")
    with pytest.raises(RecipeError, match="already; give one of the two taggers a name"):
        checked(twice)
    named = RECIPE.replace("{gopher_repetition: {}}", "gopher_repetition, {gopher: {name: again}}")
    assert checked(named).sources[0].taggers[2].prefix == "again"


TAGGER = '''
"""Counts exclamation marks."""
import numpy as np
from dolma_pipe.tagger import Tagger

class Exclamation(Tagger):
    mark: str = "!"
    def columns(self):
        return ("count",)
    def tag(self, batch):
        return {"count": np.array([text.count(self.mark) for text in batch.texts()])}
'''


def test_a_users_own_tagger_is_a_file() -> None:
    Path("mine.py").write_text(TAGGER)
    recipe = checked(
        RECIPE.replace("[gopher,", "[./mine.py, gopher,").replace(
            "keep: {gopher.words", "keep: {mine.count: [null, 3], gopher.words"
        )
    )
    use = recipe.sources[0].taggers[0]
    assert (use.prefix, use.found.content) == ("mine", TAGGER)
    Path("mine.py").write_text("class Broken(")
    with pytest.raises(RecipeError, match=r"cannot import \./mine\.py"):
        checked(RECIPE.replace("[gopher,", "[./mine.py, gopher,"))
    Path("mine.py").write_text("x = 1")
    with pytest.raises(
        RecipeError, match=r"\./mine\.py defines 0 subclasses of Tagger, one is needed"
    ):
        checked(RECIPE.replace("[gopher,", "[./mine.py, gopher,"))


def test_files_of_the_same_name_are_told_apart_by_their_folders() -> None:
    for place in ("deep/x/a.jsonl", "deep/y/a.jsonl"):
        Path(place).parent.mkdir(parents=True)
        Path(place).touch()
    recipe = checked(RECIPE.replace("web/*.jsonl", "deep/**/*.jsonl"))
    assert [s.key for s in recipe.sources[0].inputs] == ["web/x__a.jsonl", "web/y__a.jsonl"]


def test_a_directory_called_like_a_file_is_told() -> None:
    Path("web/c.jsonl").mkdir()
    with pytest.raises(RecipeError, match=r"web/c\.jsonl is a directory"):
        checked(RECIPE)
