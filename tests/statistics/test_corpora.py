"""What the command line names."""

from pathlib import Path

import pytest

from dolma_pipe.cli import stats as command
from dolma_pipe.errors import UserError
from dolma_pipe.statistics.corpora import find_corpora
from dolma_pipe.statistics.settings import PARTS, chosen_parts
from tests.corpus import write_shard
from tests.statistics.made import documents, write_lines


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "b.arrow").write_bytes(b"")
    for place in ("train", "test"):
        write_lines(tmp_path / "splits" / f"{place}.jsonl", documents(["text"]))
    for place in (
        "mixed/a",
        "web/documents/a",
        "web/documents/b",
        "code/x",
        "more/web/y",
        "one=two/z",
    ):
        write_lines(tmp_path / f"{place}.jsonl", documents(["text"]))
    return tmp_path


def named(*arguments: str) -> dict[str, list[str]]:
    return {
        corpus.name: [shard.uri for shard in corpus.inputs] for corpus in find_corpora(arguments)
    }


def test_a_path_is_called_by_its_folder(root: Path) -> None:
    both = ["web/documents/a.jsonl", "web/documents/b.jsonl"]
    assert named("web") == named("web/documents") == named("web/documents/*") == {"web": both}
    assert named(*both) == {"web": both}
    assert named(f"{root}/code/x.jsonl", "web/") == {"code": [f"{root}/code/x.jsonl"], "web": both}
    assert named("more/web/*.jsonl") == {"web": ["more/web/y.jsonl"]}


def test_a_name_may_come_again(root: Path) -> None:
    assert root
    found = named("all=web", "all=code/*.jsonl", "rest=more")
    assert list(found) == ["all", "rest"]
    assert len(found["all"]) == 3


def test_a_folder_with_an_equals_sign_is_a_folder(root: Path) -> None:
    assert root
    assert list(named("one=two")) == ["one=two"]


def test_the_work_directory_of_a_run_is_its_curated_sources(root: Path) -> None:
    for source in ("web", "wiki"):
        write_shard(root / "work[1]" / "curated" / source / "0.jsonl.zst", documents(["text"]))
        (root / "work[1]" / "curated" / source / "0.columns.parquet").write_bytes(b"")
    (root / "work[1]" / "records").mkdir()
    assert named("work[1]") == {
        source: [f"work[1]/curated/{source}/0.jsonl.zst"] for source in ("web", "wiki")
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "no file matches nowhere"),
        (["web=nowhere/*"], "no file matches nowhere/"),
        (["web", "more/web"], "are both called web: give a name, as web2=more/web"),
        (["web", "web=web"], "both called web"),
        (["all=web", "all=web"], "is there twice"),
        (["a" * 300], "no file matches aaa"),
        (["web=" + "a" * 300], "no file matches aaa"),
        (["s3//bucket/x"], "object stores are s3://"),
        (["mixed"], "mixed has files of arrow and jsonl: give its files as a pattern"),
        (["splits"], "say which: --split train"),
    ],
)
def test_what_is_not_there_is_one_line(root: Path, arguments: list[str], told: str) -> None:
    assert root
    with pytest.raises(UserError) as raised:
        named(*arguments)
    assert told in str(raised.value)
    assert "sources." not in str(raised.value)


def test_the_help_names_all_parts() -> None:
    assert ", ".join(PARTS) == command.PARTS


def test_parts_are_chosen_by_name() -> None:
    assert chosen_parts(None, None) == PARTS
    assert chosen_parts("urls,ngrams", None) == ("ngrams", "urls")
    assert chosen_parts("", None) == ()
    assert chosen_parts(None, "tokens, language") == tuple(
        part for part in PARTS if part not in ("tokens", "language")
    )
    with pytest.raises(UserError, match=r"--without: unknown part 'token' \(did you mean 'tokens'"):
        chosen_parts(None, "token")
