"""`dolma-pipe tokens`: damage exits with 1 and names the shard, text comes back."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from dolma_pipe.cli.tokens import command
from dolma_pipe.errors import TokensError, UserError
from dolma_pipe.stages.assemble import assemble_part, assembly_tasks, finish_tokens
from dolma_pipe.tokenizer import TokenizeSettings
from tests.small_tokenizer import small_tokenizer_json
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
    for action in ("verify", "inspect", "decode"):
        result = CliRunner().invoke(command, [action, str(tmp_path)])
        assert isinstance(result.exception, UserError)


def test_inspect_says_what_they_are(root: Path) -> None:
    output = CliRunner().invoke(command, ["inspect", str(root)]).output
    assert "uint16" in output
    assert [line.split()[0] for line in output.splitlines()[-3:]] == ["web", "code", "all"]


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
