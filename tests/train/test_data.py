"""Instances: every token that has to be a target is one once, and what they say of themselves."""

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.errors import TokensError
from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokens import (
    PackedTokens,
    TokenArrays,
    source_of,
    write_manifest,
    write_tokens,
)
from dolma_pipe.train.config import DataSettings
from dolma_pipe.train.data import IGNORED, Batch, Instances, open_instances
from tests.made_tokens import EOS, Lengths, make_tokens
from tests.token_arrays import documents_of

LENGTHS: Lengths = {"web": [[3, 40, 1, 7], [5], [2], [5, 60]], "code": [[33], [18, 2, 1, 16]]}
S = 16
PLANS = [
    PackSettings(length=S),
    PackSettings(length=S, long="truncate"),
    PackSettings(length=S, method="padded"),
    PackSettings(length=S, method="concatenate"),
    PackSettings(length=S, source="code"),
]


def opened(*folders: Path, length: int = S, **settings: object) -> Instances:
    tokens = [str(folder) for folder in folders]
    return open_instances(DataSettings(tokens=tokens, length=length, **settings))  # type: ignore[arg-type]


def everything(instances: Instances) -> Batch:
    return instances.batch(np.arange(len(instances)))


def pairs(batch: Batch) -> Counter[tuple[int, int]]:
    """Each input with the target behind it; ids of made tokens tell their position."""
    targets = batch.labels != IGNORED
    return Counter(zip(batch.ids[targets].tolist(), batch.labels[targets].tolist(), strict=True))


def in_stream(arrays: list[TokenArrays]) -> Counter[tuple[int, int]]:
    return Counter(pairwise(t for a in arrays for ids in documents_of(a) for t in ids))


def in_documents(arrays: list[TokenArrays]) -> Counter[tuple[int, int]]:
    """Each token of a document but its first."""
    return Counter(pair for a in arrays for ids in documents_of(a) for pair in pairwise(ids))


SIZES = st.dictionaries(
    st.sampled_from(["web", "code", "wiki"]),
    st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=6), min_size=1, max_size=3),
    min_size=1,
)


@given(SIZES, st.integers(1, 20))
def test_every_token_is_a_target_once(
    tmp_path_factory: pytest.TempPathFactory, lengths: Lengths, length: int
) -> None:
    folder = tmp_path_factory.mktemp("tokens")
    arrays = [make_tokens(folder, {**lengths, "more": [[40]]})]
    assert pairs(everything(opened(folder, length=length))) == in_stream(arrays)
    masked = opened(folder, length=length, mask_documents=True)
    assert pairs(everything(masked)) == in_documents(arrays)
    for mask in (False, True):
        padded = opened(folder, length=length, view="padded", mask_documents=mask)
        assert pairs(everything(padded)) == in_documents(arrays)


def test_several_folders_are_one_stream(tmp_path: Path) -> None:
    arrays = [make_tokens(tmp_path / name, LENGTHS) for name in ("work/tokens", "b")]
    folders = [tmp_path / "work", tmp_path / "b"]
    together = opened(*folders)
    assert pairs(everything(together)) == in_stream(arrays)
    assert pairs(everything(opened(*folders, view="padded"))) == in_documents(arrays)
    assert together.sources == {"web": 2 * 123, "code": 2 * 70}


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("chosen", PLANS)
def test_packed_instances_are_those_of_the_plan(
    tmp_path: Path, chosen: PackSettings, mask: bool
) -> None:
    folders = {tmp_path / "a": LENGTHS, tmp_path / "b": {"code": [[90, 7]], "web": [[11, 80]]}}
    expected: list[list[list[int]]] = []
    plans = []
    for folder, lengths in folders.items():
        arrays = make_tokens(folder, lengths)
        name, plan = pack(folder, chosen)
        expected += instances_of(arrays, name)
        plans.append(plan.counts)
    instances = opened(*folders, view="packed", plan=name, mask_documents=mask)
    assert len(instances) == len(expected) == sum(counts.instances for counts in plans)
    batch = everything(instances)
    for row, documents in enumerate(expected):
        ids = [i for document in documents for i in document]
        numbers = [n for n, document in enumerate(documents) for _ in document]
        padding = S + 1 - len(ids)
        assert batch.ids[row].tolist() == (ids + [EOS] * padding)[:-1]
        labels = [
            target if not mask or numbers[t] == numbers[t + 1] else IGNORED
            for t, target in enumerate(ids[1:])
        ]
        assert batch.labels[row].tolist() == labels + [IGNORED] * padding
        if batch.segments is not None:
            assert batch.segments[row].tolist() == (numbers + [-1] * padding)[:-1]
    assert (batch.segments is not None) == mask
    filled = sum(len(document) for documents in expected for document in documents)
    assert sum(instances.sources.values()) == filled - sum(counts.overlap for counts in plans)
    if chosen.long == "truncate":
        assert instances.sources == {
            "web": 3 + 17 + 1 + 7 + 5 + 2 + 5 + 17 + 11 + 17,
            "code": 17 + 17 + 2 + 1 + 16 + 17 + 7,
        }
    assert any("not in the plan" in note for note in instances.notes) == (chosen.long is not None)


def test_a_source_without_a_token(tmp_path: Path) -> None:
    make_tokens(tmp_path, {"none": [], **LENGTHS})
    plan = pack(tmp_path, PackSettings(length=S))[0]
    for view in ("concatenate", "padded", "packed"):
        chosen = opened(tmp_path, view=view, plan=plan if view == "packed" else None)
        assert set(chosen.sources) == {"web", "code"}


def instances_of(arrays: TokenArrays, plan: str) -> list[list[list[int]]]:
    """Documents, or parts of them, of each instance."""
    packed = PackedTokens(arrays, plan)
    files = {shard.file: arrays.ids(shard).tolist() for shard in arrays.shards()}
    found = []
    for number in range(len(packed)):
        documents: list[list[int]] = [[]]
        for file, start, end in packed.instance(number):
            for token in files[file][start:end]:
                documents[-1].append(token)
                if token == EOS:
                    documents.append([])
        found.append([document for document in documents if document])
    return found


def test_windows_and_the_documents_in_them(tmp_path: Path) -> None:
    make_tokens(tmp_path, {"web": [[3, 1, 4], [9]]})
    batch = everything(opened(tmp_path, length=5, mask_documents=True))
    assert batch.segments is not None
    assert [a.dtype for a in batch] == [np.int64, np.int64, np.int32]
    assert batch.ids.tolist() == [
        [1, 2, EOS, EOS, 5],
        [6, 7, EOS, 9, 10],
        [11, 12, 13, 14, 15],
        [16, EOS, EOS, EOS, EOS],
    ]
    none = IGNORED
    assert batch.labels.tolist() == [
        [2, EOS, none, none, 6],
        [7, EOS, none, 10, 11],
        [12, 13, 14, 15, 16],
        [EOS, none, none, none, none],
    ]
    assert batch.segments.tolist() == [
        [0, 0, 0, 1, 2],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0],
        [0, 0, -1, -1, -1],
    ]


def test_documents_in_windows_of_their_own(tmp_path: Path) -> None:
    make_tokens(tmp_path, {"web": [[3, 1, 8]]})
    instances = opened(tmp_path, length=5, view="padded", mask_documents=True)
    batch = everything(instances)
    assert batch.segments is not None
    assert batch.ids.tolist() == [[1, 2, EOS, EOS, EOS], [5, 6, 7, 8, 9], [10, 11, EOS, EOS, EOS]]
    none = IGNORED
    assert batch.labels.tolist() == [
        [2, EOS, none, none, none],
        [6, 7, 8, 9, 10],
        [11, EOS, none, none, none],
    ]
    assert batch.segments.tolist() == [[0, 0, 0, -1, -1], [0] * 5, [0, 0, 0, -1, -1]]
    assert instances.notes == ["1 documents of one token have no target: left out"]
    assert instances.sources == {"web": 11}


def test_any_instances_in_any_order(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    for view in ("concatenate", "padded"):
        instances = opened(tmp_path, view=view, mask_documents=True)
        batch, numbers = everything(instances), [3, 0, 3, len(instances) - 1]
        for whole, some in zip(batch, instances.batch(numbers), strict=True):
            assert np.array_equal(whole[numbers], some)
        assert instances.batch([]).ids.shape == (0, S)
        for wrong in ([-1], [len(instances)]):
            with pytest.raises(IndexError, match=f"of {len(instances)}"):
                instances.batch(wrong)


@pytest.mark.parametrize("view", ["concatenate", "padded", "packed"])
def test_what_no_loss_mask_lets_through_is_no_target(tmp_path: Path, view: str) -> None:
    """EOS within a document of two turns ends no document."""
    documents = [[5, 6, EOS, 7, EOS], [8, EOS], [9, 10, 11, EOS, 12, 13, EOS, 14, 15, 16, EOS]]
    losses = [[0, 1, 1, 0, 1], [0, 1], [0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1]]
    arrays = make_conversations(tmp_path, documents, losses)
    plan = pack(tmp_path, PackSettings(length=S))[0] if view == "packed" else None
    expected = Counter(
        (ids[t - 1], ids[t])
        for ids, loss in zip(documents, losses, strict=True)
        for t in range(1, len(ids))
        if loss[t]
    )
    batch = everything(opened(tmp_path, view=view, plan=plan, mask_documents=True))
    assert pairs(batch) == expected
    assert batch.segments is not None
    if view == "concatenate":
        assert batch.segments[0].tolist() == [0] * 5 + [1] * 2 + [2] * 9
    assert pairs(everything(opened(tmp_path, view=view, plan=plan))) >= expected
    for shard in arrays.shards():
        flip(tmp_path / f"{shard.stem}.loss.u8", 3)
    with pytest.raises(TokensError, match=r"chat/part-00000\.loss\.u8: its bytes"):
        opened(tmp_path)


def make_conversations(
    folder: Path, documents: list[list[int]], losses: list[list[int]]
) -> TokenArrays:
    arrays = make_tokens(folder, {"chat": [[4]]})
    with write_tokens(folder / "chat/part-00000", arrays.dtype, 60_001, EOS, loss=True) as writer:
        for ids, loss in zip(documents, losses, strict=True):
            writer.add(np.array(ids, np.uint16), "one", "in", 1, np.array(loss, np.uint8))
    source = source_of("chat", [writer.shard("chat/part-00000.npy")])
    changed = msgspec.structs.replace(
        arrays.manifest, sources=(source,), tokens=source.tokens, documents=source.documents
    )
    write_manifest(folder, changed)
    return TokenArrays(folder)


def flip(path: Path, at: int = 9) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_flipped_byte_is_refused_and_the_shard_is_named(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    flip(tmp_path / "web/part-00002.npy", 3)
    with pytest.raises(TokensError, match=r"web/part-00002\.npy: its bytes are not those"):
        opened(tmp_path)
    assert len(opened(tmp_path, check=False))


@pytest.mark.parametrize("checked", [False, True])
def test_a_shard_of_another_size_is_refused_by_name(tmp_path: Path, checked: bool) -> None:
    make_tokens(tmp_path, LENGTHS)
    path = tmp_path / "code/part-00000.npy"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(TokensError, match=r"code/part-00000\.npy: 64 bytes, 66 expected"):
        opened(tmp_path, check=checked)
    path.unlink()
    with pytest.raises(TokensError, match=r"code/part-00000\.npy: No such file"):
        opened(tmp_path, check=checked)


def test_offsets_elsewhere_are_refused_where_documents_count(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    path = tmp_path / "web/part-00000.offsets.u64"
    offsets = np.fromfile(path, "<u8")
    offsets[1] += 1
    offsets.tofile(path)
    assert len(opened(tmp_path))
    with pytest.raises(TokensError, match=r"web/part-00000\.npy: its offsets are not"):
        opened(tmp_path, view="padded")


def test_what_makes_another_data_set(tmp_path: Path) -> None:
    make_tokens(tmp_path / "a", LENGTHS)
    make_tokens(tmp_path / "b", {"web": [[100]]})
    for chosen in (PLANS[0], PackSettings(length=S, seed=5, name="other")):
        pack(tmp_path / "a", chosen)
    a, b = tmp_path / "a", tmp_path / "b"
    known = [
        opened(a),
        opened(a, length=S + 1),
        opened(a, view="padded"),
        opened(a, view="packed", plan="best-fit-16"),
        opened(a, view="packed", plan="other"),
        opened(b),
        opened(a, b),
        opened(b, a),
    ]
    assert len({instances.sha256 for instances in known}) == len(known)
    shutil.copytree(a, tmp_path / "moved/tokens")
    for same in ({}, {"check": False}, {"seed": 9}, {"mask_documents": True}):
        assert opened(tmp_path / "moved", **same).sha256 == known[0].sha256


def test_the_documents_of_instances_are_told(tmp_path: Path) -> None:
    make_tokens(tmp_path, LENGTHS)
    instances = opened(tmp_path)
    assert instances.told([0]) == ['web "0" (in.zst:1)', 'web "1" (in.zst:2)']
    assert instances.told([len(instances) - 1, 3]) == [
        'web "3" (in.zst:4)',
        'web "0" (in.zst:1)',
        'web "0" (in.zst:1)',
        'web "0" (in.zst:1)',
        'web "1" (in.zst:2)',
        'code "2" (in.zst:3)',
        'code "3" (in.zst:4)',
    ]
    (tmp_path / "web/part-00000.csv.gz").unlink()
    assert instances.told([0]) == [f"{tmp_path}/web/part-00000.csv.gz is missing"]
