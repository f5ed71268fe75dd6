"""The benchmarks work, and their sides have the same result; nothing is measured here."""

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import dedup as deduplication
from benchmarks import growth, results, shelf
from benchmarks.chain import chain
from benchmarks.checks import same_estimates, with_copies
from benchmarks.comparisons import COMPARISONS, Given
from benchmarks.corpus import Corpus, size_of, tiny, write_texts
from benchmarks.peers import PeerMissing
from benchmarks.race import race
from benchmarks.settings import made_up_domains, variants
from benchmarks.sides import datasketch_side, encode_pass, ours, plain_python, tokenizers_side
from benchmarks.sides.shingles import shingles
from dolma_pipe.assets import asset_path
from dolma_pipe.batch import batch_of
from dolma_pipe.shelf import names
from tests.corpus import text, write_shard
from tests.small_tokenizer import write_small_tokenizer

SIGNED = {"bands": 14, "rows": 8, "shingle": 5, "seed": 1}


def told(kind: Any, texts: list[str], **arguments: Any) -> Any:
    side = kind(texts, **arguments)
    side.ready()
    return side.told(side.run())


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(3)
    odd = [
        "",
        "  \n ",
        "too short",
        "one two  three\tfour five six seven, eight.",
        "Grüße an ALLE: eins, zwei!",
    ]
    return [text(rng, 20 + i) for i in range(40)] + odd


def only_here(name: str) -> Path:
    """Libraries that the tests have anyway."""
    if name == "dolma":
        raise PeerMissing("dolma: not for tests")
    return Path(sys.executable)


def test_exact_hashes_equal_those_of_plain_python(texts: list[str]) -> None:
    assert told(ours.Exact, texts) == told(plain_python.Exact, texts)


def test_signatures_from_the_same_hashes_equal_those_of_datasketch(
    texts: list[str], tmp_path: Path
) -> None:
    values = np.random.default_rng(1).integers(1, 1 << 63, 90).astype(np.uint64)
    files = {"hashes": str(tmp_path / "hashes.npy"), "offsets": str(tmp_path / "offsets.npy")}
    np.save(files["hashes"], values)
    np.save(files["offsets"], np.array([0, 30, 30, 90]))
    arguments = {**files, "count": 112, "seed": 1}
    signed = told(ours.SignHashes, texts, **arguments)
    assert signed == told(datasketch_side.SignHashes, texts, **arguments)


def test_signatures_from_text_estimate_what_those_of_datasketch_do(texts: list[str]) -> None:
    copied = with_copies(texts)
    mine = told(ours.Sign, copied, **SIGNED)
    theirs = told(datasketch_side.Sign, copied, **SIGNED)
    assert [len(signature) for signature in mine] == [112] * len(copied)
    said = same_estimates(mine, theirs, copied)
    apart, by_chance = (
        float(said.split(word)[1].split(")")[0].split()[0]) for word in ("pairs", "alone:")
    )
    assert apart < 2 * by_chance
    assert told(datasketch_side.Shingle, copied, **SIGNED)[0] == len(shingles(copied[0], 5))


def test_ids_equal_those_of_tokenizers(texts: list[str], tmp_path: Path) -> None:
    path = write_small_tokenizer(tmp_path)
    assert told(ours.Encode, texts, tokenizer=path) == told(
        tokenizers_side.Encode, texts, tokenizer=path
    )


def test_ids_of_the_encode_pass_on_all_cores_are_the_same(texts: list[str], tmp_path: Path) -> None:
    path = write_small_tokenizer(tmp_path)
    side = encode_pass.EncodePass(texts, tokenizer=path)
    side.ready()
    assert side.told(side.run()) == told(ours.Encode, texts, tokenizer=path)


@pytest.mark.parametrize("tagger", ["gopher", "gopher_repetition", "c4", "pii"])
def test_taggers_tell_a_value_a_document(tagger: str, texts: list[str]) -> None:
    columns = told(ours.Tag, texts, taggers={tagger: {}})
    assert columns
    assert {len(values) for values in columns.values()} == {len(texts)}


@pytest.mark.asset
def test_the_language_side_forgets_and_finds_the_same(texts: list[str], tmp_path: Path) -> None:
    side = ours.Language(texts, shutil.copy(asset_path("lid176"), tmp_path))
    found = []
    for _ in range(2):
        side.ready()
        found.append(side.told(side.run()))
    assert found[0] == found[1]
    assert found[0]["top"][-1] == "de"


def test_a_race_takes_turns_and_tells_who_is_missing(texts: list[str], tmp_path: Path) -> None:
    given = Given(tmp_path, lambda _: texts, None, "")
    write_texts(tmp_path / "documents.jsonl", texts)
    exact, pii = COMPARISONS["exact"](given), COMPARISONS["pii"](given)
    sides = [exact.ours, exact.peers[0].side, pii.peers[0].side]
    standings, refusals = race(sides, only_here, tmp_path / "documents.jsonl", 2, tmp_path)
    assert [len(standing.cpu) for standing in standings] == [2, 2]
    assert refusals == ["dolma: not for tests"]
    section = results.compared(exact, standings, refusals, size_of(texts) / 1e6, texts)
    assert "hash equal 100.00%" in section
    assert "Not measured: dolma: not for tests" in section


def test_a_corpus_is_read_and_spread(texts: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "made" / "web" / "documents"
    write_shard(
        folder / "web-0000.jsonl.zst", [{"id": str(i), "text": t} for i, t in enumerate(texts)]
    )
    corpus = Corpus(tmp_path / "made")
    assert corpus.texts == texts
    assert corpus.bytes == size_of(texts)
    assert 0 < size_of(corpus.spread(corpus.bytes / 3e6)) < corpus.bytes / 2


@pytest.mark.asset
def test_our_runs_end_in_a_report(texts: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "made" / "web" / "documents"
    rows = [{"id": str(i), "text": t} for i, t in enumerate(texts)]
    write_shard(folder / "web-0000.jsonl.zst", rows)
    out = tmp_path / "RESULTS.md"
    command = [sys.executable, "-m", "benchmarks", str(tmp_path / "made"), "--no-peers"]
    command += ["--only", "whole", "--only", "where", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parent.parent)
    written = out.read_text(encoding="utf-8")
    assert "## made: " in written
    assert "dolma-pipe run" in written
    assert "tag: lid" in written


@pytest.mark.asset
def test_the_chain_of_taggers_is_timed_without_its_start_up(
    texts: list[str], tmp_path: Path
) -> None:
    rows = [{"id": str(i), "text": t} for i, t in enumerate(texts)]
    write_shard(tmp_path / "made" / "web" / "documents" / "web-0000.jsonl.zst", rows)
    corpora = Corpus(tmp_path / "made"), tiny(tmp_path / "tiny")
    timed, refusals = chain(*corpora, None, "", nobody, 1, tmp_path)
    assert [(one.name, len(one.costs)) for one in timed] == [("dolma-pipe tag --all", 1)]
    assert timed[0].start_up.cpu > 0
    assert refusals == ["dolma: not here", "datatrove: not here"]
    assert "Not measured: datatrove: not here" in results.chain(timed, refusals, 1.0)


def test_deduplication_is_timed_from_shards_to_filtered_shards(
    texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": str(i), "text": t} for i, t in enumerate([*texts, *texts[:3]])]
    write_shard(tmp_path / "made" / "web" / "documents" / "web-0000.jsonl.zst", rows)
    corpora = Corpus(tmp_path / "made"), tiny(tmp_path / "tiny")
    monkeypatch.setattr(deduplication, "OURS", {"exact": deduplication.OURS["exact"]})
    [ours], refusals = deduplication.dedup(*corpora, nobody, 1, tmp_path)
    assert (ours.method, ours.documents, len(ours.costs)) == ("exact", len(texts), 1)
    assert ours.start_up.cpu > 0
    assert refusals == ["exact: dolma: not here"]
    assert "Not measured: exact: dolma: not here" in results.dedup([ours], refusals, 1.0)


def nobody(name: str) -> Path:
    raise PeerMissing(f"{name}: not here")


def test_every_tagger_of_the_shelf_is_measured() -> None:
    """But for `imported`, which reads no text."""
    measured = {variant.tagger for variant in variants().values()}
    assert measured == set(names("taggers")) - {"imported"}


def test_a_rate_is_told_for_each_source(texts: list[str], tmp_path: Path) -> None:
    loaded = {"web": [batch_of(texts)], "code": [batch_of(["x = 1\n" * 100])]}
    told = shelf.measured("gopher", loaded, 2, tmp_path)
    assert told["MB/s"] > 0
    assert set(told["sources"]) == {"web", "code"}
    section = results.shelf({"gopher": told, "mine": {"refused": "no list"}}, 1.0)
    assert "not measured: no list" in section


def test_made_up_lists_are_the_same_each_time(tmp_path: Path) -> None:
    one, other = (made_up_domains(tmp_path / name, 10).read_text() for name in "ab")
    assert one == other
    assert len(set(one.splitlines())) == 10


def test_growth_is_told_by_kind() -> None:
    sizes = (0.01, 0.02)
    told = growth.grown("gopher", 120, sizes)
    assert set(told) == set(growth.KINDS)
    assert all(set(took) == set(sizes) for took in told.values())
    assert "| gopher | " in results.growth({"gopher": told}, sizes)


def test_what_grows_too_steeply_or_hangs_is_flagged() -> None:
    told = {"a": {1: 1.0, 64: 64.0}, "b": {1: 1.0, 64: 640.0}, "c": {1: 1.0}}
    section = results.growth({"slow": told}, (1, 64))
    assert "b: 1 MiB 1.00 s, 64 MiB 640.00 s; c: 1 MiB 1.00 s, 64 MiB too long" in section
    assert "a:" not in section.split("| slow |")[1]


@pytest.mark.parametrize("kind", growth.KINDS)
def test_a_document_has_the_size_it_should(kind: str) -> None:
    size = len(growth.KINDS[kind](1 << 16).encode())
    assert 0.7 * (1 << 16) <= size <= 1.1 * (1 << 16)
