"""Instances: every token that has to be a target is one once, and what they say of themselves."""

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.stages.pack import PackSettings, pack
from dolma_pipe.tokens import TokenArrays
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
    folders = [tmp_path / "a", tmp_path / "b"]
    expected: list[list[list[int]]] = []
    for folder in folders:
        arrays = make_tokens(folder, LENGTHS)
        name, plan = pack(folder, chosen)
        expected += instances_of(arrays, name)
    instances = opened(*folders, view="packed", plan=name, mask_documents=mask)
    assert len(instances) == len(expected) == 2 * plan.counts.instances
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
    overlap = 2 * plan.counts.overlap
    assert sum(instances.sources.values()) == filled - overlap
    assert any("not in the plan" in note for note in instances.notes) == (chosen.long is not None)


def instances_of(arrays: TokenArrays, plan: str) -> list[list[list[int]]]:
    """Documents, or parts of them, of each instance."""
    from dolma_pipe.tokens import PackedTokens

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


def test_segments_count_the_documents_of_a_window(tmp_path: Path) -> None:
    make_tokens(tmp_path, {"web": [[3, 1, 4], [9]]})
    batch = everything(opened(tmp_path, length=5, mask_documents=True))
    assert batch.segments is not None
    assert (
        batch.ids.tolist()
        == [[1, 2, 0, 0, 5], [6, 7, 0, 9, 10], [11, 12, 13, 14, 15], [16, 0, 0, 0, 0]][
            : len(batch.ids)
        ]
    )
