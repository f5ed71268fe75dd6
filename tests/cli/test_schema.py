"""`dolma-pipe schema`: the schema accepts what the parser accepts, and refuses what it refuses."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.schema import command
from dolma_pipe.entries import METHODS
from dolma_pipe.errors import RecipeError
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.settings import read_yaml, settle
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger
from dolma_pipe.train.config import parse_config

ROOT = Path(__file__).parent.parent.parent
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def schema_of(*arguments: str) -> jsonschema.Draft202012Validator:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    schema = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def recipes() -> jsonschema.Draft202012Validator:
    return schema_of()


@pytest.fixture(scope="module")
def trainings() -> jsonschema.Draft202012Validator:
    return schema_of("--train")


def shown(recipe: Any) -> Any:
    return json.loads(json.dumps(recipe))


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_recipes_are_right(path: Path, recipes: jsonschema.Draft202012Validator) -> None:
    recipes.validate(read_yaml(path))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "train").glob("*.yaml")), ids=lambda p: p.stem
)
def test_shipped_trainings_are_right(
    path: Path, trainings: jsonschema.Draft202012Validator
) -> None:
    trainings.validate(read_yaml(path))


def parts_of_recipes(keys: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every indented or fenced block of the documentation that has sections of a recipe."""
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE)
        blocks = ["\n".join(line[4:] for line in block.splitlines()) for block in blocks]
        blocks += re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        for block in blocks:
            file = Path("block.yaml")
            file.write_text(block)
            try:
                given = read_yaml(file)
            except RecipeError:
                continue
            if isinstance(given, dict) and given and set(given) <= keys:
                yield f"{path.name}: {block}", given


def test_what_the_documentation_shows_is_right(
    recipes: jsonschema.Draft202012Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = 0
    for place, given in parts_of_recipes(set(recipes.schema["properties"])):
        whole = {"name": "shown", "sources": {"web": {"documents": "a"}}}
        whole |= {"tokenize": {"tokenizer": "t.json"}} | given
        errors = [error.message for error in recipes.iter_errors(shown(whole))]
        assert not errors, f"{place}\n{errors}"
        seen += 1
    assert seen > 10


BASE = """
name: demo
sources:
  web: {documents: a.jsonl}
"""
BROKEN = [
    "seeds: 3",
    "seed: -1",
    "seed: three",
    "name: ../up",
    "sources: {}",
    "sources: {web: {documents: []}}",
    "sources: {web: {document: a.jsonl}}",
    "sources: {web: {documents: a.jsonl, skip: [dedup]}}",
    "sources: {web: {documents: a.jsonl, format: csv}}",
    "sources: {web: {documents: a.jsonl, columns: {txt: content}}}",
    "sources: {web: {documents: a.jsonl, quality: {taggers: null}}}",
    "quality: {taggers: [gofer]}",
    "quality: {taggers: gopher}",
    "quality: {taggers: [classifier]}",
    "quality: {taggers: [{gopher: {wrods: 3}}]}",
    "quality: {taggers: [{gopher: {}, c4: {}}]}",
    "quality: {taggers: [{lid: {level: word}}]}",
    "quality: {taggers: ['https://example.org/mine.py']}",
    "quality: {taggers: [gopher], keep: {gopher.words: 50}}",
    "quality: {taggers: [gopher], keep: {gopher.words: [50]}}",
    "quality: {taggers: [gopher], keep: {gopher.words: [null, null]}}",
    "quality: {taggers: [gopher], keep: {gopher.words: [a, b]}}",
    "quality: {taggers: [gopher], keep: {words: [1, 2]}}",
    "quality: {taggers: [gopher], keep: {gopher.words: null}}",
    "sources: {web: {documents: a.jsonl, quality: {keep: {a.b: null}}}}\nextends: base.yaml",
    "sources: {web: {documents: ''}}",
    "sources: {web: {documents: [a.jsonl, '']}}",
    "mix: {shares: {web: 1}}",
    "mix: {shares: {web: 1}}\ntokenize:",
    "content: {taggers: [pii], mask: {pii.email: 3}}",
    "content: {taggers: [pii], mask: {pii.email: null}}",
    "dedup: {exact: {}}",
    "dedup: [exact]",
    "dedup: [{exakt: {}}]",
    "dedup: [{minhash: {bands: 0}}]",
    "dedup: [{minhash: {verify: 80}}]",
    "dedup: [{exact: {keep: best}}]",
    "dedup: [{decontaminate: {}}]",
    "dedup: [{exact: {}, minhash: {}}]",
    "mix: {share: {web: 1}}\ntokenize: {tokenizer: t.json}",
    "mix: {shares: {web: 2}}\ntokenize: {tokenizer: t.json}",
    "mix: {mixer: unimaxx}\ntokenize: {tokenizer: t.json}",
    "mix: {mixer: {unimax: {mx: 3}}}\ntokenize: {tokenizer: t.json}",
    "mix: {upsample: {web: {max: 3}}}\ntokenize: {tokenizer: t.json}",
    "tokenize: {}",
    "tokenize: {tokeniser: t.json}",
    "max_bad: -1",
    "extends: 3",
    "extends: finewebb",
]
RIGHT = [
    "quality:",
    "quality: {taggers: [./mine.py, {./mine.py: {name: twice, empty: 1}}]}",
    "quality: {taggers: [dolma_pipe.taggers.gopher]}",
    "quality: {taggers: [gopher: ]}",
    "extends: fineweb\nquality: {keep: {gopher.words: null}}",
    "extends: base.yaml\nmax_bad: 3",
    "extends: base.yaml\nmix: {shares: {web: 1}}",
    "mix:",
    "quality: {taggers: [{lid: {name: who}}], keep: {who.en: [0.5, null]}}",
    "sources: {web: {documents: [a.jsonl], language: null, skip: null}}",
    "quality: {keep: {metadata.score: [1, null]}}",
    "dedup: [{exact: }, {minhash: {keep: highest metadata.score}}]",
    "mix: {mixer: {unimax: {max: 3}}, upsample: {web: 2}}\ntokenize: {tokenizer: t.json}",
    "dedup_index:",
]


def written(text: str) -> Path:
    """The recipe with one section in place of its own."""
    Path("a.jsonl").write_text('{"text": "a"}')
    Path("base.yaml").write_text("name: base\nseed: 3\ntokenize: {tokenizer: t.json}\n")
    Path("mine.py").write_text(
        "from dolma_pipe.tagger import Tagger\n"
        "class Mine(Tagger, frozen=True):\n"
        "    empty: float = 0\n"
        "    def columns(self): return ('x',)\n"
        "    def tag(self, batch): return {}\n"
    )
    base = BASE
    for key in ("name", "sources"):
        if text.startswith(f"{key}:"):
            base = re.sub(rf"^{key}:.*\n(?: .*\n)*", "", base, flags=re.MULTILINE)
    path = Path("mix.yaml")
    path.write_text(base + text + "\n")
    return path


@pytest.mark.parametrize("text", BROKEN)
def test_what_the_parser_refuses_is_refused(
    text: str,
    recipes: jsonschema.Draft202012Validator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(text)
    with pytest.raises(RecipeError):
        read_recipe(path)
    assert not recipes.is_valid(read_yaml(path))


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_parser_accepts_is_accepted(
    text: str,
    recipes: jsonschema.Draft202012Validator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(text)
    read_recipe(path)
    recipes.validate(read_yaml(path))


VALUES: list[Any] = [None, True, 0, -1, 3, 0.5, "", "x", [], ["x"], [1], {}, {"zz": 1}]


def settings_of() -> Iterator[tuple[str, type[Any], Any]]:
    """Each tagger and dedup entry, and how a recipe gives it a setting."""
    for name in names("taggers"):
        kind = load(find("taggers", name), Tagger)
        yield name, kind, lambda given, name=name: {"quality": {"taggers": [{name: given}]}}
    for name, entry in METHODS.items():
        yield name, entry, lambda given, name=name: {"dedup": [{name: given}]}


GIVEN = [pytest.param(*given, id=given[0]) for given in settings_of()]


@pytest.mark.parametrize(("name", "kind", "section"), GIVEN)
def test_every_setting_is_as_the_type_says(
    name: str, kind: type[Any], section: Any, recipes: jsonschema.Draft202012Validator
) -> None:
    """Whatever a setting is given: the schema is never stricter than the parser, and it is as
    strict where types alone decide."""
    needed = {field.encode_name: "x" for field in msgspec.structs.fields(kind) if field.required}
    if name == "decontaminate":
        needed = {"evaluations": {"x": "y"}}  # type: ignore[dict-item]
    by_type_alone = not hasattr(kind, "__post_init__")
    for field in msgspec.structs.fields(kind):
        for value in VALUES:
            given = needed | {field.encode_name: value}
            try:
                settle(given, kind, name)
                parsed = True
            except RecipeError:
                parsed = False
            recipe = {"name": "a", "sources": {"web": {"documents": "a"}}} | section(given)
            valid = recipes.is_valid(recipe)
            assert valid or not parsed, (field.name, value)
            assert parsed or not valid or not by_type_alone, (field.name, value)


def test_settings_have_their_docstrings_and_defaults(
    recipes: jsonschema.Draft202012Validator, trainings: jsonschema.Draft202012Validator
) -> None:
    parts = recipes.schema["$defs"]
    bands = parts["MinHash"]["properties"]["bands"]
    assert bands["default"] == 14
    assert parts["MinHash"]["properties"]["verify"]["description"].startswith(
        "A document goes only"
    )
    assert "\n    " not in json.dumps([part.get("description", "") for part in parts.values()])
    assert "gopher.words" in parts["Stage"]["properties"]["keep"]["anyOf"][0]["properties"]
    length = trainings.schema["$defs"]["DataSettings"]["properties"]["length"]
    assert length["description"] == "Targets of an instance; it has one token more."


def test_an_editor_has_words_and_a_default_for_every_key(
    recipes: jsonschema.Draft202012Validator,
) -> None:
    parts = {"recipe": recipes.schema} | recipes.schema["$defs"]
    inside = {"ColumnNames", "FilterSection", "Stage", "Tagger", "Mixer", "DedupEntry"}
    for name, part in parts.items():
        needed = {*part.get("required", []), "name", "extends", "mixer", "sources"}
        for key, about in part.get("properties", {}).items():
            assert about.get("description"), f"{name}.{key}"
            if name not in inside and key not in needed:
                is_stage = key in ("language", "quality", "content", "shares")
                assert "default" in about or is_stage, f"{name}.{key}"
    seed = recipes.schema["properties"]["seed"]
    assert seed["description"].startswith("Of all that is drawn")
    structure = parts["dolma_pipe.taggers.structure.Structure"]["properties"]
    assert structure["name"]["description"] != parts["Gopher"]["description"]


@pytest.mark.parametrize("text", ["steps: -1", "stepz: 3", "data: {tokens: a, view: windows}"])
def test_broken_trainings(text: str, trainings: jsonschema.Draft202012Validator) -> None:
    base = {"name": "a", "model": "olmo-1m", "data": {"tokens": "a"}}
    parse_config(base)
    trainings.validate(base)
    key, _, value = text.partition(": ")
    broken = base | {key: msgspec.yaml.decode(value) if value.startswith("{") else int(value)}
    with pytest.raises(RecipeError):
        parse_config(broken)
    assert not trainings.is_valid(broken)


def test_written_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mix.schema.json"
    result = CliRunner().invoke(command, ["--out", str(path)], catch_exceptions=False)
    assert result.stdout == ""
    assert json.loads(path.read_text()) == schema_of().schema
