"""What does not fit in memory waits in a file, and comes out the same."""

from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.entries import Entry, Exact, MinHash, SimHash
from dolma_pipe.errors import WorkError
from dolma_pipe.stages.dedup import collect, sign
from dolma_pipe.stages.dedup.spool import Spool
from dolma_pipe.work import Work
from tests.stages.curated import curate, documents_of, run
from tests.stages.test_dedup_minhash import families, split


@pytest.mark.parametrize("held", [0, 5, 40, 10**6])
def test_words_come_out_as_they_went_in(tmp_path: Path, held: int) -> None:
    rng = np.random.default_rng(held)
    words = rng.integers(0, 1 << 63, 100).astype(np.uint64)
    with Spool(tmp_path / "folder", held) as spool:
        for start in range(0, 100, 20):
            spool.add(words[start : start + 20].reshape(4, 5))
            assert spool._in_memory <= held
        assert [len(piece) for piece in spool.pieces(30)] == [30, 30, 30, 10]
        assert np.concatenate(list(spool.pieces(7))).tolist() == words.tolist()
        found = spool.all()
    assert found.tolist() == words.tolist()
    assert not [*tmp_path.rglob("*.*")]


def test_nothing_comes_out_of_an_empty_spool() -> None:
    with Spool(None, 0) as spool:
        assert spool.all().tolist() == []
        assert [*spool.pieces(3)] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkError, match="cannot write in"):
        Spool(tmp_path / "file", 0).add(np.ones(3, np.uint64))


def test_signatures_have_the_same_bytes_however_they_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = families(9, roots=10, copies=4)
    entries: list[Entry] = [Exact(), MinHash(keep="longest"), SimHash()]
    contents = []
    for held, piece in ((1 << 20, 1 << 16), (0, 7), (30, 1), (0, 40)):
        monkeypatch.setattr(sign, "HELD_WORDS", held)
        monkeypatch.setattr(sign, "PIECE", piece)
        work = Work(tmp_path / f"{held}-{piece}")
        [shard] = curate(work, {"web": [documents]}, entries)
        prefix = work.signatures(shard.key)
        files = sorted(prefix.parent.iterdir())
        assert [file.name.partition(".")[2] for file in files] == [
            "1.keys.u64",
            "2.keys.u64",
            "2.ranks.u64",
            "3.keys.u64",
            "lengths.u64",
        ]
        contents.append([file.read_bytes() for file in files])
    assert all(content == contents[0] for content in contents)
    assert len(contents[0][1]) == 40 * 14 * 8


def test_sets_that_are_mapped_decide_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = families(2, roots=6, copies=6)
    entry = MinHash(bands=20, rows=3, shingle=3, keep="longest")
    held = run(tmp_path / "held", {"web": split(documents, 3)}, [entry])
    monkeypatch.setattr(collect, "HELD_WORDS", 100)
    mapped = run(tmp_path / "mapped", {"web": split(documents, 3)}, [entry])
    assert held.rows == mapped.rows
    assert len(held.rows) > 5
    assert held.report == mapped.report


def test_an_empty_shard_has_empty_signatures(tmp_path: Path) -> None:
    work = Work(tmp_path)
    [shard] = curate(work, {"web": [documents_of([])]}, [MinHash()])
    assert sign.keys_path(work.signatures(shard.key), 1).read_bytes() == b""
