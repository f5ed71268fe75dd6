"""A recipe is settings: it makes no objects, leads out of no folder, and holds no passwords."""

from pathlib import Path

import pytest

from dolma_pipe.errors import UserError
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.stream import told

WEB = "sources: {web: {documents: web.jsonl}}\n"


def refused(root: Path, text: str) -> str:
    path = root / "mix.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_recipe(path)
    assert len(str(error.value)) < 1000
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        '!!python/object/apply:os.system ["touch harmed"]',
        "!!python/name:os.system",
        "!!python/module:os",
        "!<tag:yaml.org,2002:python/object/new:os.system> []",
    ],
)
def test_a_tag_makes_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert "could not determine a constructor" in refused(tmp_path, f"name: {value}\n{WEB}")
    assert not Path("harmed").exists()


def test_a_billion_laughs_are_refused_at_once(tmp_path: Path) -> None:
    lists = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lists += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    for use in (WEB, "sources: {web: {documents: *a9}}\n"):
        assert "mix.yaml:" in refused(tmp_path, "\n".join(["name: x", *lists, use]))
    use = "quality: {taggers: [gopher: {x: *a9}]}\n"
    assert "a0" in refused(tmp_path, "\n".join(["name: x", *lists, WEB + use]))
    nested = "[" * 9 + "x" + "]" * 9
    assert "documents" in refused(tmp_path, f"name: x\nsources: {{web: {{documents: {nested}}}}}\n")


@pytest.mark.parametrize("name", ["..", "../x", "/x", "a/b", "x\\0", "\\e[31m", ".x", ""])
def test_names_are_folders_of_the_work_directory_and_no_others(tmp_path: Path, name: str) -> None:
    assert "matching regex" in refused(tmp_path, f'name: "{name}"\n{WEB}')
    web = f'sources: {{"{name}": {{documents: web.jsonl}}}}\n'
    assert "matching regex" in refused(tmp_path, f"name: x\n{web}")


@pytest.mark.parametrize(
    "given",
    [
        "extends: /etc/passwd",
        "extends: ../../../etc/passwd",
        'extends: "a\\0.yaml"',
        "extends: [a.yaml]",
        'quality: {taggers: ["a\\0.py"]}',
        "quality: {taggers: [os.path]}",
        "quality: {taggers: [/etc/passwd]}",
        "quality: {taggers: [../harm]}",
        'sources: {web: {documents: "a\\0.jsonl"}}',
    ],
)
def test_what_is_no_recipe_and_no_tagger_is_one_line(tmp_path: Path, given: str) -> None:
    more = "" if given.startswith("sources") else WEB
    assert refused(tmp_path, f"name: x\n{more}{given}\n")


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@example.org/a.jsonl",
        "https://hunter2@example.org/a.jsonl",
        "s3://key:hunter2@bucket/a.jsonl",
        "https://example.org/a.jsonl?X-Amz-Signature=hunter2",
        "https://example.org/a.jsonl?x=1&X-Goog-Credential=hunter2",
        "https://example.org/a.jsonl?sv=1&sig=hunter2",
        "https://example.org/a.jsonl?access_token=hunter2",
        "https://example.org/a.jsonl?api_key=hunter2",
        "http://me:hunter2@[x/a.jsonl",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_told(tmp_path: Path, address: str) -> None:
    text = f'name: x\nsources: {{web: {{documents: "{address}"}}}}\n'
    assert "hunter2" not in refused(tmp_path, text)


def test_other_addresses_are_not(tmp_path: Path) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text('name: x\nsources: {web: {documents: "https://example.org/a.jsonl?v=3&s=1"}}\n')
    assert read_recipe(path).sources[0].inputs[0].uri.endswith("?v=3&s=1")


def test_where_a_server_sends_us_on_to_is_told_without_its_signature() -> None:
    error = OSError("403 for url: https://cdn.example.org/a?X-Amz-Signature=hunter2 (again?)")
    assert told(error) == "403 for url: https://cdn.example.org/a?... (again?)"
