"""The recipe at the door: what is wrong is one line with its place and the nearest name."""

import re
from pathlib import Path

import pytest

from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe

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
    Path("empty").mkdir()


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
    ("name: demo", "nmae: demo", "mix.yaml:2: recipe: unknown key 'nmae' (did you mean 'name'?)"),
    ("web:", "we b:", "sources"),
    ("{documents: web", "{docs: web", "sources.web: unknown key 'docs'"),
    ("web/*.jsonl", "wbe/*.jsonl", "sources.web.documents: no file matches wbe/*.jsonl"),
    ("web/*.jsonl", "empty", "sources.web.documents: empty is a directory without data files"),
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
    (
        "- exact: {}",
        "- exact: {}\n" + "  - exact: {}\n" * 254,
        "dedup: expected `array` of length <= 255",
    ),
    ("bands: 20", "bends: 20", "dedup.1.minhash: unknown key 'bends' (did you mean 'bands'?)"),
    ("bands: 20", "bands: 0", "dedup.1.minhash.bands: expected `int` >= 1"),
    ("keep: longest", "keep: biggest", "dedup.1.minhash.keep"),
    (
        "skip: [language,",
        "skip: [langauge,",
        "sources.code.skip.0: unknown value 'langauge' (did you mean 'language'?)",
    ),
    ("[pii]", "[pii: {find: [cards]}]", "unknown value 'cards' (known: credit_card, email, "),
    ("name: demo", "name: [", "mix.yaml:4: "),
    ("name: demo", "name: demo\nname: twice", "mix.yaml:3: "),
    ("name: demo", "name: demo\nmix: {shares: {}}", "mix: needs a tokenize section"),
    ("name: demo", "name: 2024-13-45", "mix.yaml:2: '2024-13-45' is no timestamp"),
    ("name: demo", "name: !!int abc", "mix.yaml:2: 'abc' is no int"),
    ("name: demo", "name: !!int ''", "mix.yaml:2: '' is no int"),
    ("name: demo", "name: !!float x", "mix.yaml:2: 'x' is no float"),
    ("name: demo", "name: !!bool x", "mix.yaml:2: 'x' is no bool"),
    ("name: demo", "name: demo\nseed: " + "9" * 5000, "mix.yaml:3: '99999"),
    ("name: demo", "name: demo\nseed: " + "9" * 30, "seed: "),
    ("name: demo", 'name: "\\U0011ffff"', "not YAML"),
    ("name: demo", "name: " + "[" * 3000, "not YAML: nested too deeply"),
    ("name: demo", 'name: "d\\n"', "name: "),
    ("name: demo", "name: " + "d" * 101, "name: "),
    ("name: demo", 'name: demo\n"x\\ny": 1', "recipe: unknown key 'x y'"),
    ("name: demo", "name: demo\nmax_bad: .inf", "mix.yaml:3: .inf is no number"),
    ("name: demo", "name: demo\nmax_bad: .nan", "mix.yaml:3: .nan is no number"),
    ("name: demo", "name: demo\nmax_bad: -1", "max_bad: expected `float` >= 0"),
    ("name: demo", "name: demo\nmax_bad: 1" + "0" * 400, "max_bad: number out of range"),
    (
        "name: demo",
        "name: demo\ntokenize: {tokenizer: t}\nmix: {shares: {web: 1}, upsample: {web: .inf}}",
        "mix.yaml:4: .inf",
    ),
    (
        "name: demo",
        "name: demo\ntokenize: {tokenizer: t}\nmix: {shares: {web: 1}, upsample: {web: 1001}}",
        "mix.yaml:4: mix.upsample.web: expected `float` <= 1000",
    ),
    ("web: {doc", "1: {doc", "sources: in a key: expected `str`, got `int`"),
    (
        "keep: {pii.count",
        "keep: {3: [1, 2], pii.count",
        "content.keep: in a key: expected `str`",
    ),
    ("name: demo", "name: demo\n3: x", "recipe: in a key: expected `str`"),
    (
        "{gopher_repetition: {}}",
        "{gopher_repetition: {3: 4}}",
        "quality.taggers.1.gopher_repetition: in a key: ",
    ),
    ("web/*.jsonl}", "[]}", "sources.web.documents: at least one file or pattern is needed"),
    ("web/*.jsonl}", "''}", "sources.web.documents: '' is no file name"),
    ("web/*.jsonl}", "web/*.jsonl, quality: {keep: }}", "sources.web.quality.keep: expected"),
    ("[50, 1e5]", "[.nan, .nan]", "mix.yaml:11: .nan is no number"),
    ("[50, 1e5]", "[.inf, null]", "mix.yaml:11: .inf is no number"),
    (
        '"|||EMAIL_ADDRESS|||"',
        '"a \\ud800 b"',
        "mix.yaml:15: 'a \\ud800 b' has half of a surrogate pair",
    ),
    ("keep: longest", 'keep: "longest\\n"', "dedup.1.minhash.keep"),
    ("bands: 20, rows: 5", "threshold: 1.0", "dedup.1.minhash.threshold: expected `float` < 1"),
    (
        "bands: 20, rows: 5",
        "threshold: 0.99",
        "threshold: 0.99 is too near to 1 for bands",
    ),
    ("bands: 20", "shingle: 1001", "dedup.1.minhash.shingle: expected `int` <= 1000"),
    (
        "[pii]",
        "[pii, {c4: {min_words_per_line: 10000000000000000000}}]",
        "content.taggers.c4.min_words_per_line: expected `int` <= 1000000",
    ),
    ("[gopher,", "['.',", "quality.taggers: '.' is neither a name"),
    ("[gopher,", "[..x,", "quality.taggers: '..x' is neither a name"),
    ("[gopher,", "[os.path,", "quality.taggers: module os.path has no file of its own"),
    ("[gopher,", "[os.nothing,", "quality.taggers: no module os.nothing is installed"),
    ("[gopher,", "[email.message,", "email.message defines 0 subclasses of Tagger"),
    ("[gopher,", "[{gopher: {}, pii: {}},", "quality.taggers: one name with its settings is"),
]


@pytest.mark.parametrize(("right", "wrong", "told"), WRONG, ids=[w[:60] for _, w, _ in WRONG])
def test_what_is_wrong_is_one_line(right: str, wrong: str, told: str) -> None:
    assert right in RECIPE
    with pytest.raises(RecipeError) as caught:
        checked(RECIPE.replace(right, wrong, 1))
    assert told in str(caught.value)
    assert re.match(r"mix\.yaml(:\d+)?: ", str(caught.value))
    assert "\n" not in str(caught.value)


MANY = """
name: demo
sead: 3
sources:
  web: {documents: wbe/*.jsonl}
  code:
    documents: code/*.jsonl.zst
    skip: [langage]
  books:
    documents: web/*.jsonl
    quality: {keep: {gopher.wrods: [5, null], gopher.words: [9, 3]}}
  same: {documents: web/*.jsonl}
  other: {documents: web/*.jsonl}
language:
  taggers: [ldi]
  keep: {lid.en: [0.5, null]}
quality:
  taggers: [gopher, {gopher_repetition: {wrods: 2, name: 5}}]
  keep: {gopher.wrods: [50, 1e5], gopher.words: [1, 2, 3], gopher_repetition.x: [0, 1]}
dedup:
  - exact: {}
  - minhash: {bands: 0, keep: longst}
  - lines: {prefer: [wbe]}
mix: {shares: {web: 2, xx: x}, upsample: {xx: 2}}
tokenize: {tokeniser: x}
"""
ALL = """
3: recipe: unknown key 'sead' (did you mean 'seed'?)
5: sources.web.documents: no file matches wbe/*.jsonl
8: sources.code.skip.0: unknown value 'langage' (did you mean 'language'?)
11: sources.books.quality.keep.gopher.words: 9 is above 3, nothing can be kept
11: sources.books.quality.keep.gopher.wrods: no tagger of source books makes this column (did
15: language.taggers: unknown tagger 'ldi' (did you mean 'lid'?)
18: quality.taggers.gopher_repetition.name: expected `str`, got `int`
18: quality.taggers.gopher_repetition: unknown key 'wrods' (known:
19: quality.keep.gopher.words: expected `array` of length 2, got 3
19: quality.keep.gopher.wrods: no tagger of source web makes this column (did you mean 'gopher.words
22: dedup.1.minhash.bands: expected `int` >= 1
22: dedup.1.minhash.keep: expected `str` matching regex
24: mix.shares.web: expected `float` <= 1.0
24: mix.shares.xx: expected `float`, got `str`
25: tokenize: unknown key 'tokeniser' (did you mean 'tokenizer'?)
"""


def told_of(text: str) -> list[str]:
    """Every mistake, sorted."""
    with pytest.raises(RecipeError) as caught:
        checked(text)
    return [str(each).removeprefix("mix.yaml:") for each in caught.value.args]


def test_all_that_is_wrong_is_told_at_once_and_where_it_stands() -> None:
    told = told_of(MANY)
    lines = [int(mistake.partition(":")[0]) for mistake in told]
    assert lines == sorted(lines)
    for mistake, words in zip(sorted(told), sorted(ALL.strip().splitlines()), strict=True):
        assert mistake.startswith(words)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("quality:\n  taggers", "quality:\n  tagger", ["10: quality: unknown key 'tagger'"]),
        ("quality:\n  taggers", "qualiti:\n  taggers", ["9: recipe: unknown key 'qualiti'"]),
        ("[gopher,", "[gohper,", ["10: quality.taggers: unknown tagger"]),
        ("- exact: {}", "- exakt: {}", ["17: dedup.0: unknown method 'exakt'"]),
        ("keep: longest}", "keep: highest gopher.words, rowz: 1}", ["18: dedup.1.minhash: unkn"]),
        ("web/*.jsonl", "wbe/*.jsonl", ["4: sources.web.documents: no file matches"]),
        ("  web: {", "  1: {", ["3: sources: in a key: expected `str`"]),
    ],
)
def test_what_hangs_on_a_mistake_is_not_told_as_another(
    right: str, wrong: str, told: list[str]
) -> None:
    curve = "{web: {by: gopher.words}, code: 1}"
    mixed = f"{RECIPE}tokenize: {{tokenizer: t}}\nmix: {{shares: {{web: 1}}, upsample: {curve}}}\n"
    assert checked(mixed).mix is not None
    found = told_of(mixed.replace(right, wrong, 1))
    assert len(found) == len(told), found
    assert all(map(str.startswith, found, told))


def test_what_one_section_says_of_another_is_told_beside_mistakes_elsewhere() -> None:
    mixed = RECIPE.replace("bands: 20", "bends: 20").replace("web/*.jsonl", "wbe/*.jsonl")
    mixed += (
        "mix:\n"
        "  shares: {wbe: 0.5, code: 0.5}\n"
        "  mixer: {unimaxx: {}}\n"
        "tokenize: {tokenizer: t.json}\n"
        "max_bad: -1\n"
    )
    assert [line[: len("20: mix.shares")] for line in told_of(mixed)] == [
        "4: sources.web",
        "18: dedup.1.mi",
        "20: mix.shares",
        "21: mix.mixer:",
        "23: max_bad: e",
    ]


def test_a_mistake_in_what_is_extended_is_told_there() -> None:
    Path("base.yaml").write_text("seed: -1\nquality:\n  taggers: [gopher, c5]\n")
    own = "name: demo\nextends: base.yaml\nsources:\n  web: {documents: web/*.jsonl}\nmax_bad: -1\n"
    Path("mix.yaml").write_text(own)
    with pytest.raises(RecipeError) as caught:
        read_recipe(Path("mix.yaml"))
    base = Path("base.yaml").resolve()
    first, second, third = map(str, caught.value.args)
    assert first.startswith("mix.yaml:5: max_bad")
    assert second.startswith(f"{base}:1: seed")
    assert third.startswith(f"{base}:3: quality.taggers: unknown tagger 'c5'")


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


WRONG_TAGGERS = {
    "": "./mine.py defines 0 subclasses of Tagger",
    "raise RuntimeError('one\\ntwo')": "cannot import ./mine.py: RuntimeError: one two",
    "import sys; sys.exit(7)": "cannot import ./mine.py: SystemExit: 7",
    "1 / 0": "cannot import ./mine.py: ZeroDivisionError: division by zero",
    "x = '\0'": "cannot import ./mine.py: ",
    TAGGER.replace("def columns", "def colunms"): "./mine.py: the tagger has no columns()",
    TAGGER.replace("def tag", "def tga"): "./mine.py: the tagger has no tag()",
    TAGGER.replace('("count",)', '"count"'): "columns() gives 'count', a tuple of names is needed",
    TAGGER.replace('("count",)', '("count", 3)'): "columns() gives ('count', 3), a tuple of names",
    TAGGER.replace('("count",)', "None"): "columns() gives None, a tuple of names is needed",
    TAGGER.replace('("count",)', '("a", "a")'): "columns() has a name twice: a, a",
    TAGGER.replace('("count",)', 'self.no["x"]'): "./mine.py: AttributeError: ",
    TAGGER + "    def spans(self): return ('c',)": "spans() has 'c', columns() has it not",
    TAGGER + "    def __post_init__(self): {}['x']": "taggers../mine.py: KeyError: 'x'",
    TAGGER + "    def __post_init__(self): raise ValueError": "mine.py: the settings do not fit",
}


@pytest.mark.parametrize("content", WRONG_TAGGERS, ids=list(WRONG_TAGGERS.values()))
def test_what_a_users_tagger_does_wrong_is_one_line(content: str) -> None:
    Path("mine.py").write_text(content)
    with pytest.raises(RecipeError) as caught:
        checked(RECIPE.replace("[gopher,", "[./mine.py, gopher,"))
    assert WRONG_TAGGERS[content] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["threshold: 0.95", "bands: 1, rows: 1, threshold: 0.5"])
def test_a_threshold_that_bands_can_reach_passes(given: str) -> None:
    assert len(checked(RECIPE.replace("bands: 20, rows: 5", given)).dedup) == 2


def test_a_section_with_nothing_in_it_is_not_there() -> None:
    empty = """
name: demo
sources:
  web: {documents: web/*.jsonl, skip: , quality: }
language:
quality:
  taggers:
  keep:
  mask:
content: {taggers: [pii], keep: }
dedup:
mix:
tokenize:
"""
    recipe = checked(empty)
    assert [use.prefix for use in recipe.sources[0].taggers] == ["pii"]
    assert (recipe.dedup, recipe.mix, recipe.tokenize) == ((), None, None)


BLOCKED = {
    "not UTF-8": "c4.blocked_words: words.txt is not UTF-8: ",
    "empty": "c4.blocked_words: words.txt holds no word",
    "missing": "there is no asset or file 'words.txt'",
    "unreadable": "c4.blocked_words: words.txt cannot be read: ",
}


@pytest.mark.parametrize("why", BLOCKED)
def test_a_list_of_words_that_cannot_be_used_is_told_before_any_data(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why != "missing":
        Path("words.txt").write_bytes(b"caf\xe9" if why == "not UTF-8" else b"\n \n")
    if why == "unreadable":  # root may read everything, so a mode does not do

        def refuse(*_: object, **__: object) -> str:
            raise PermissionError(13, "Permission denied")

    recipe = checked(RECIPE.replace("[pii]", "[pii, {c4: {blocked_words: words.txt}}]"))
    if why == "unreadable":
        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AssetError, match="^" + re.escape(BLOCKED[why])) as caught:
        recipe.check_assets()
    assert "\n" not in str(caught.value)


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
