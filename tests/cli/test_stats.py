"""`dolma-pipe stats`: the same for any number of workers, hostile text harmless, one line for what
is wrong."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dolma_pipe.cli.stats import command
from dolma_pipe.errors import UserError
from dolma_pipe.statistics.table import WIDTH, statistics_table
from tests.corpus import documents, dolma_pipe, write_shard, write_tokenizer
from tests.statistics.made import counted

HOSTILE = "\x1b[31mred\x1b[0m \u202eevil\x07 <script>alert(1)</script>"
CHEAP = ("--without", "tokens,language,toxicity")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stats")
    for name in ("web", "wiki"):
        for shard in range(3):
            rows = documents(f"{name}{shard}", 60)
            for row in rows:
                row["metadata"] = {"url": f"https://{name}{shard}.example/{row['id']}"}
            write_shard(root / name / f"{shard}.jsonl.zst", rows)
    rows = [{"text": HOSTILE, "metadata": {"url": f"https://{HOSTILE}.example/"}}] * 3
    write_shard(root / "wiki" / "3.jsonl.zst", [{**row, "id": i} for i, row in enumerate(rows)])
    write_tokenizer(root / "tokenizer.json")
    return root


def test_any_number_of_workers_tells_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("stats", "a=web", "b=wiki", "--json", "--top", "5", "--memory", "1.3MB")
    given += ("--tokenizer", "tokenizer.json", "--without", "language,toxicity")
    one = dolma_pipe(root, *given, "--workers", 1).stdout
    monkeypatch.setenv("PYTHONHASHSEED", "7")  # sets have another order: all forks have one seed
    assert dolma_pipe(root, *given, "--workers", 3).stdout == one
    told = json.loads(one)
    assert [corpus["name"] for corpus in told["corpora"]] == ["a", "b"]
    assert told["total"]["documents"] == 363
    assert told["total"]["tokens"] > told["total"]["words"]
    assert told["total"]["languages"] is told["total"]["toxicity"] is None
    emails = next(found for found in told["total"]["pii"] if found["kind"] == "email")
    assert emails["documents"] == emails["spans"] > 0
    assert not all(one["frequencies"]["exact"] for one in told["total"]["ngrams"])


def test_the_table_is_narrow_and_harmless(root: Path) -> None:
    told = dolma_pipe(root, "stats", "wiki", *CHEAP, "--workers", 1).stdout
    assert max(map(len, told.splitlines())) <= WIDTH
    assert not set("\x1b\x07\u202e") & set(told)
    assert "\\x1b[31mred" in told or "\\u001b[31mred" in told
    for head in ("documents", "words a document", "5-gram, rarest", "domain", "came before"):
        assert head in told
    assert " to 63 " in told  # a bin of lengths ends before the next one begins


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("nowhere",), 1, "no file matches nowhere"),
        (("web", "--without", "token"), 1, "did you mean 'tokens'?"),
        (("web", "--memory", "much"), 2, "no size: 1GB or 500MB"),
        (("web", "--ngrams", "0"), 2, "words from 1 to 100"),
        (("web", "--evaluation", "none.jsonl"), 1, "--evaluation none: no file matches none.jsonl"),
        (("web", "--tokenizer", "./none.json", "--with", "tokens"), 1, "--without tokens"),
    ],
)
def test_what_is_wrong_is_one_line(
    root: Path,
    arguments: tuple[str, ...],
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(root)
    done = CliRunner().invoke(command, [*arguments, "--workers", "1"])
    assert told in done.output + str(done.exception)
    assert isinstance(done.exception, UserError) if code == 1 else done.exit_code == code


def test_lists_of_nothing_are_left_out(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.jsonl.zst", [{"id": "0", "text": "one two"}])
    told = statistics_table(counted(tmp_path))
    assert "2-gram, rarest" in told
    assert "3-gram" not in told


def test_a_damaged_file_is_counted_as_far_as_it_goes(root: Path, tmp_path: Path) -> None:
    content = (root / "web" / "0.jsonl.zst").read_bytes()
    (tmp_path / "half.jsonl.zst").write_bytes(content[: len(content) // 2])
    found = counted(tmp_path)
    assert found.corpora[0].quarantined == 1
    assert "1 line is no document: " in statistics_table(found)
