"""`dolma-pipe tokens`: damage exits with 1 and names the shard, text comes back."""

import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.options import arrays_in
from dolma_pipe.cli.tokens import command
from dolma_pipe.errors import TokensError, UserError
from dolma_pipe.stages.assemble import assemble_part, assembly_tasks, finish_tokens
from dolma_pipe.tokenizer import TokenizeSettings, load_tokenizer
from dolma_pipe.tokens import Manifest, TokenArrays
from tests.small_tokenizer import small_tokenizer, small_tokenizer_json
from tests.stages.corpus import plan, texts_of, write_corpus


@pytest.fixture
def root(tmp_path: Path) -> Path:
    sources = write_corpus(tmp_path, {"web/a": 40, "code/a": 3})
    plan(tmp_path, sources, seed=1, max_shard_tokens=500)
    settings = TokenizeSettings(tokenizer=str(tmp_path / "tokenizer.json"))
    parts = {t.key: assemble_part(t.args) for t in assembly_tasks(tmp_path, settings)}
    finish_tokens(tmp_path, settings, parts, fingerprint="f", counts={})
    return tmp_path


def test_verify_finds_a_flipped_byte(root: Path) -> None:
    whole = CliRunner().invoke(command, ["verify", str(root)])
    assert (whole.exit_code, "43 documents" in whole.output) == (0, True)
    path = root / "tokens/web/part-00001.npy"
    content = bytearray(path.read_bytes())
    content[5] ^= 4
    path.write_bytes(content)
    damaged = CliRunner().invoke(command, ["verify", str(root / "tokens")])
    assert damaged.exit_code == 1
    lines = damaged.output.splitlines()
    assert lines
    assert all(line.startswith("web/part-00001.npy: ") for line in lines)


def test_no_arrays_is_the_users_error(tmp_path: Path) -> None:
    out = tmp_path / "out"
    actions = [["verify"], ["inspect"], ["decode"], ["stats"], ["where", "--token", "0"]]
    for action in (*actions, ["export", "--to", "llmc", str(out)]):
        result = CliRunner().invoke(command, [action[0], str(tmp_path), *action[1:]])
        assert isinstance(result.exception, UserError)
    assert not out.exists()


def test_inspect_says_what_they_are(root: Path) -> None:
    output = CliRunner().invoke(command, ["inspect", str(root)]).output
    assert "uint16" in output
    assert [line.split()[0] for line in output.splitlines()[-3:]] == ["web", "code", "all"]
    manifest = TokenArrays(root / "tokens").manifest
    assert msgspec.json.decode(told(root, "inspect", "--json"), type=Manifest) == manifest


def told(root: Path, *arguments: str) -> str:
    """What a command prints on the arrays under root, from the second word on its arguments."""
    result = CliRunner().invoke(command, [arguments[0], str(root), *arguments[1:]])
    assert result.exit_code == 0, result.output
    return result.output


def test_decode_gives_the_text_of_some_tokens(root: Path) -> None:
    arrays = TokenArrays(root / "tokens")
    reader = small_tokenizer()
    for start, count in ((0, 20), (490, 40)):  # the second from two files
        given = told(root, "decode", "--token", str(start), "--count", str(count))
        assert given.removesuffix("\n") == reader.decode(arrays.span(start, count))
    both = CliRunner().invoke(command, ["decode", str(root), "--token", "1", "--document", "1"])
    assert both.exit_code == 2


def test_where_leads_back_to_the_line_of_the_input(root: Path) -> None:
    place = msgspec.json.decode(told(root, "where", "--token", "700", "--json"))
    line = (place["line"] - 1) // 2  # as the small corpus has them
    assert (place["src"], place["id"]) == ("web/a.jsonl", f"a-{line}")
    text = told(root, "decode", "--document", str(place["document"]))
    assert text.removesuffix("\n") == texts_of(40, 0)[line]
    lines = dict(row.split(None, 1) for row in told(root, "where", "--token", "700").splitlines())
    assert lines["input"] == f"web/a.jsonl, line {place['line']}"
    assert lines["id"] == place["id"]
    same = told(root, "where", "--document", str(place["document"]), "--source", "web")
    assert f"id        {place['id']}\n" in same
    for arguments in ([], ["--token", "1", "--document", "1"]):
        assert CliRunner().invoke(command, ["where", str(root), *arguments]).exit_code == 2


def test_stats_shows_the_texts_of_ids(root: Path) -> None:
    assert "'the'" in told(root, "stats", "--source", "web")
    stats = msgspec.json.decode(told(root, "stats", "--json", "--no-repeats"))
    assert [one["name"] for one in stats] == ["web", "code", "all"]
    assert stats[0]["most_frequent"][0]["text"]
    (root / "tokenizer.json").unlink()
    load_tokenizer.cache_clear()
    assert "no texts of ids" in told(root, "stats")


def test_what_is_exported_is_imported_again(root: Path) -> None:
    tokenizer = ["--tokenizer", str(root / "tokenizer.json")]
    for to, dtype in (("megatron", []), ("llmc", []), ("nanogpt", ["--dtype", "uint16"])):
        old, new = root / to, root / f"{to}-back"
        assert told(root, "export", str(old), "--to", to).startswith(str(old))
        assert "43 documents" in told(old, "import", str(new), *tokenizer, *dtype)
        assert "43 documents" in told(new, "verify")
        first = told(new, "decode", *(["--source", "web"] if to != "nanogpt" else []))
        assert first == told(root, "decode")


def test_import_of_a_work_directory_takes_its_tokens(root: Path) -> None:
    work, new = root / "around", root / "around-back"
    shutil.copytree(arrays_in(str(root)), work / "tokens")
    shutil.copytree(arrays_in(str(root)), work / "held_out")
    settings = ["--tokenizer", str(root / "tokenizer.json"), "--dtype", "uint16"]
    assert "43 documents" in told(work, "import", str(new), *settings)
    assert {path.name for path in new.iterdir() if path.is_dir()} == {"web", "code"}


def test_import_refuses_what_is_no_name_and_tells_what_it_mended(root: Path) -> None:
    (root / "old").mkdir()
    np.array([1, 2], "<u2").tofile(root / "old/a.npy")
    given = ["import", str(root / "old"), str(root / "new"), "--dtype", "uint16"]
    given += ["--tokenizer", str(root / "tokenizer.json")]
    for source in ("a/b", ".."):
        refused = CliRunner().invoke(command, [*given, "--source", source])
        assert "named like a folder" in str(refused.exception)
    done = CliRunner().invoke(command, [*given, "--add-eos"])
    assert "note: " in done.output
    assert "1 documents had no end of text: it is added" in done.output


def test_decode_gives_the_text_back(root: Path) -> None:
    texts = set()
    for i in range(3):
        arguments = ["decode", str(root), "--source", "code", "--document", str(i)]
        texts.add(CliRunner().invoke(command, arguments).output.removesuffix("\n"))
    assert texts == set(texts_of(3, 1))


def test_decode_refuses_another_tokenizer(root: Path) -> None:
    other = root / "other.json"
    other.write_bytes(small_tokenizer_json(extra_ids=1))
    result = CliRunner().invoke(command, ["decode", str(root), "--tokenizer", str(other)])
    assert isinstance(result.exception, TokensError)


def test_the_page_about_tokens_shows_commands_that_are_there() -> None:
    page = (Path(__file__).parents[2] / "docs/tokens.md").read_text()
    shown = re.findall(r"(?:dolma-pipe|`)(?: )?tokens ([a-z]+)([^`\n]*)", page)
    assert {name for name, _ in shown} >= set(command.commands) - {"pack"}
    for name, rest in shown:
        known = {option for p in command.commands[name].params for option in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, name
