"""Packing plans: every token once, counts that add up, the same bytes, and nothing stale stays."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import TokensError
from dolma_pipe.stages import pack as stage
from dolma_pipe.stages.assemble import assemble_part, assembly_tasks, finish_tokens
from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokenizer import TokenizeSettings
from dolma_pipe.tokens import PackedTokens, TokenArrays, read_manifest, verify
from dolma_pipe.tokens import arrays as token_arrays
from tests.made_tokens import Lengths, make_tokens
from tests.slow import packing as slow
from tests.stages.corpus import plan, write_corpus

MIXED: Lengths = {
    "web": [[3, 40, 1, 7, 17, 16], [5, 5, 120]],
    "code": [[33], [18, 2, 1, 1, 16, 9]],
}
PLAN = "packed/best-fit-16/plan.json"
SETTINGS = [
    PackSettings(length=16),
    PackSettings(length=16, long="truncate"),
    PackSettings(length=1),
    PackSettings(length=7, source="code"),
    PackSettings(length=500),
    PackSettings(length=16, method="padded"),
    PackSettings(length=16, method="padded", long="truncate", source="web"),
]


def borders(lengths: Lengths, source: str | None = None) -> list[tuple[int, int]]:
    """First and last position + 1 of each document of a source, or of all."""
    found, position = [], 0
    for name, files in lengths.items():
        for size in (size for documents in files for size in documents):
            found += [(position, position + size)] if source in (None, name) else []
            position += size
    return found


def positions(packed: PackedTokens) -> list[list[int]]:
    """Positions of the tokens of each instance, piece by piece."""
    firsts, total = {}, 0
    for shard in packed.arrays.shards():
        firsts[shard.file] = total
        total += shard.tokens
    return [
        [firsts[s.file] + at for s in packed.instance(i) for at in range(s.start, s.end)]
        for i in range(len(packed))
    ]


def made(folder: Path, lengths: Lengths, chosen: PackSettings) -> PackedTokens:
    make_tokens(folder, lengths)
    return PackedTokens(folder, pack(folder, chosen)[0])


shards = st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=12), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(shards, shards, st.sampled_from(SETTINGS))
def test_every_token_as_often_as_it_must_be(
    web: list[list[int]], code: list[list[int]], chosen: PackSettings
) -> None:
    lengths = {"web": web, "code": code}
    with tempfile.TemporaryDirectory() as folder:
        packed = made(Path(folder), lengths, chosen)
        found = Counter(at for instance in positions(packed) for at in instance)
        problems = verify(folder)
    capacity, documents = chosen.length + 1, borders(lengths, chosen.source)
    expected = [
        at
        for first, end in documents
        for at in range(first, min(end, first + capacity) if chosen.long == "truncate" else end)
    ]
    assert found == Counter(expected)
    counts = packed.plan.counts
    long = [end - first for first, end in documents if end - first > capacity]
    truncates = chosen.long == "truncate"
    assert counts.documents == len(documents)
    assert counts.split_documents == (0 if truncates else len(long))
    assert counts.truncated_documents == (len(long) if truncates else 0)
    assert counts.truncated_tokens == sum(end - first for first, end in documents) - len(expected)
    assert counts.instances * capacity == len(expected) + counts.padding
    assert problems == []


@pytest.mark.parametrize("chosen", SETTINGS[:5])
def test_as_many_instances_as_an_obvious_packer(tmp_path: Path, chosen: PackSettings) -> None:
    packed = made(tmp_path, MIXED, chosen)
    pieces = packed.tokens.tolist()
    assert len(packed) == len(set(slow.pack_best_fit(pieces, chosen.length + 1)))


@pytest.mark.parametrize("source", [None, "web", "code"])
@pytest.mark.parametrize("length", [1, 7, 16, 80, 293, 294, 1000])
def test_concatenate_cuts_the_stream(tmp_path: Path, source: str | None, length: int) -> None:
    packed = made(tmp_path, MIXED, PackSettings(length=length, method="concatenate", source=source))
    documents = borders(MIXED, source)
    stream = [at for first, end in documents for at in range(first, end)]
    windows = [stream[at : at + length + 1] for at in range(0, len(stream) - 1, length)]
    assert positions(packed) == windows
    counts = packed.plan.counts
    assert counts.tokens == len(stream)
    assert counts.instances * (length + 1) == counts.tokens + counts.overlap + counts.padding
    whole = [any(first in w and end - 1 in w for w in windows) for first, end in documents]
    assert counts.split_documents == whole.count(False)
    assert verify(tmp_path) == []
    assert [path.name for path in packed.folder.iterdir()] == ["plan.json"]


def test_one_token_is_an_instance(tmp_path: Path) -> None:
    packed = made(tmp_path, {"web": [[1]]}, PackSettings(length=4, method="concatenate"))
    assert (positions(packed), packed.plan.counts.padding) == ([[0]], 4)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_bytes_again_and_another_order_by_another_seed(tmp_path: Path) -> None:
    first = contents(made(tmp_path, MIXED, PackSettings(length=16)).folder)
    pack(tmp_path, PackSettings(length=7, name="best-fit-16"))  # replaced by the next
    assert contents(made(tmp_path, MIXED, PackSettings(length=16)).folder) == first
    assert not any(name.endswith(".npy") for name in first)
    pack(tmp_path, PackSettings(length=7, name="best-fit-16", method="concatenate"))
    assert list(contents(tmp_path / "packed/best-fit-16")) == ["plan.json"]
    other = made(tmp_path, MIXED, PackSettings(length=16, seed=2, name="other"))
    same = made(tmp_path, MIXED, PackSettings(length=16))
    assert positions(other) != positions(same)
    assert verify(tmp_path) == []


def test_instances_and_their_pieces_are_not_in_the_order_of_lengths(tmp_path: Path) -> None:
    lengths = np.random.default_rng(5).integers(1, 60, 2000)
    packed = made(tmp_path, {"web": [lengths.tolist()]}, PackSettings(length=99))
    offsets = packed.offsets.astype(np.int64)
    pieces = np.diff(offsets)
    several = offsets[:-1][pieces > 1]
    first, second = packed.tokens[several], packed.tokens[several + 1]
    assert abs(np.corrcoef(pieces, np.arange(len(pieces)))[0, 1]) < 0.15
    assert 0.4 < (first > second).sum() / (first != second).sum() < 0.6


def test_a_large_corpus_is_packed_in_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_arrays, "BLOCK_DOCUMENTS", 2)
    monkeypatch.setattr(stage, "GROUP", 4)
    packed = made(tmp_path, MIXED, PackSettings(length=16))
    assert len(packed.plan.groups) > 3
    assert sum(packed.plan.groups) == len(packed)
    found = Counter(at for instance in positions(packed) for at in instance)
    assert found == Counter(range(294))
    monkeypatch.setattr(token_arrays, "BLOCK_DOCUMENTS", 3)  # who checks has blocks of its own
    assert verify(tmp_path) == []


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (PackSettings(length=0), "length 0"),
        (PackSettings(length=(1 << 24) + 1), "length 16777217"),
        (PackSettings(length=4, source="wbe"), "no source wbe"),
        (PackSettings(length=4, name="a/b"), "name 'a/b'"),
        (PackSettings(length=4, name="x.npy"), "name 'x.npy'"),
        (PackSettings(length=4, name=""), "name ''"),
        (PackSettings(length=4, method="concatenate", long="truncate"), "concatenate has no long"),
    ],
)
def test_what_cannot_be_packed_is_told(tmp_path: Path, chosen: PackSettings, told: str) -> None:
    make_tokens(tmp_path, MIXED)
    with pytest.raises(TokensError, match=told):
        pack(tmp_path, chosen)
    assert not (tmp_path / "packed").exists()


def test_nothing_to_pack(tmp_path: Path) -> None:
    make_tokens(tmp_path, {"web": []})
    for source in (None, "web"):
        with pytest.raises(TokensError, match="no documents to pack"):
            pack(tmp_path, PackSettings(length=4, source=source))


def test_damaged_offsets_make_no_plan(tmp_path: Path) -> None:
    make_tokens(tmp_path, MIXED)
    path = tmp_path / "code/part-00001.offsets.u64"
    content = np.fromfile(path, "<u8")
    content[[1, 2]] = content[[2, 1]]
    path.write_bytes(content.tobytes())
    for method in ("best-fit", "concatenate"):
        with pytest.raises(TokensError, match=r"code/part-00001\.npy: offsets do not rise"):
            pack(tmp_path, msgspec.convert({"length": 4, "method": method}, PackSettings))
    assert not (tmp_path / "packed").exists()


def test_a_killed_packer_leaves_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tokens(tmp_path, MIXED)
    pack(tmp_path, PackSettings(length=16))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "write_json", killed)
    with monkeypatch.context() as at_once:
        at_once.setattr(stage, "remove_plan", lambda *_: (tmp_path / PLAN).unlink(missing_ok=True))
        with pytest.raises(KeyboardInterrupt):
            pack(tmp_path, PackSettings(length=16, seed=5))
    assert (tmp_path / PLAN).with_name("instances.u64").exists()
    with pytest.raises(TokensError, match="no packing plan best-fit-16"):
        PackedTokens(tmp_path, "best-fit-16")
    with pytest.raises(KeyboardInterrupt):  # Ctrl-C, where there is time to clear away
        pack(tmp_path, PackSettings(length=16))
    assert not (tmp_path / "packed").exists()


def test_a_new_assembly_takes_stale_plans_away(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path, {"web/a": 40, "code/a": 3})
    plan(tmp_path, sources, max_shard_tokens=500)
    chosen = TokenizeSettings(tokenizer=str(tmp_path / "tokenizer.json"))
    parts = {t.key: assemble_part(t.args) for t in assembly_tasks(tmp_path, chosen)}
    tokens = tmp_path / "tokens"

    def finish(fingerprint: str) -> None:
        finish_tokens(tmp_path, chosen, parts, fingerprint=fingerprint, counts={})

    finish("f")
    name, _ = pack(tokens, PackSettings(length=16))
    (tokens / "packed" / name / "notes.txt").write_text("mine")
    pack(tokens, PackSettings(length=16, method="concatenate"))
    finish("f")  # the same arrays
    assert len(PackedTokens(tokens, name)) > 1
    finish("g")
    left = [path.name for path in (tokens / "packed").rglob("*") if path.is_file()]
    assert left == ["notes.txt"]
    assert read_manifest(tokens).fingerprint == "g"
    assert TokenArrays(tokens).manifest.tokens > 0
