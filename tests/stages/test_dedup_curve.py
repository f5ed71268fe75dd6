"""The measured S-curve: as theory says for planted pairs, and told where a banding is broken."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.entries import MinHash
from dolma_pipe.kernels.jit import I64, U8, U64
from dolma_pipe.stages.dedup import curve, keys
from dolma_pipe.stages.dedup.banding import Banding
from dolma_pipe.stages.dedup.curve import expected_shared
from tests.stages.curated import Document, run

ENTRY = MinHash(bands=10, rows=4, shingle=1, verify=0.4)
PLANTED = (0.5, 0.6, 0.7, 0.8, 0.9)


def planted(pairs: int, similarities: tuple[float, ...] = PLANTED) -> list[Document]:
    """Pairs of texts of 100 words, so many a Jaccard."""
    chance = random.Random(3)
    documents = []
    for jaccard in similarities:
        common = round(100 * 2 * jaccard / (1 + jaccard))
        for pair in range(pairs):
            shared = ["".join(chance.choices("abcdefghij", k=8)) for _ in range(common)]
            for side in "ab":
                own = [f"{side}{pair}x{jaccard}n{i}" for i in range(100 - common)]
                documents.append(Document(f"{jaccard}-{pair}{side}", " ".join([*shared, *own])))
    return documents


def measured(path: Path, documents: list[Document], entry: MinHash = ENTRY) -> dict[str, Any]:
    [report] = run(path, {"web": [documents]}, [entry]).report["entries"]
    assert report["rejected_pairs"] == report["compared_pairs"] - report["verified_pairs"]
    found: dict[str, Any] = report["s_curve"]
    return found


def test_the_mean_of_a_binomial_without_its_zero() -> None:
    chance = np.random.default_rng(5)
    jaccard = np.array([0.4, 0.7, 0.95, 1.0])
    mean, variance = expected_shared(Banding(9, 3), jaccard)
    for s, m, v in zip(jaccard, mean, variance, strict=True):
        drawn = chance.binomial(9, s**3, 200_000)
        drawn = drawn[drawn > 0]
        assert drawn.mean() == pytest.approx(m, abs=0.02)
        assert drawn.var() == pytest.approx(v, abs=0.03)


def test_planted_pairs_follow_theory(tmp_path: Path) -> None:
    told = measured(tmp_path, planted(150))
    assert told["remarks"] == []
    assert sum(one["pairs"] for one in told["bins"]) == told["pairs"] > 500
    assert sum(one["copies"] for one in told["bins"]) == told["pairs"]
    assert sum(told["shared_by_band"]) == round(
        sum(one["shared_bands"] * one["pairs"] for one in told["bins"])
    )
    for one in told["bins"]:
        away = abs(one["shared_bands"] - one["expected_shared_bands"])
        assert away < 4 * one["standard_error"]
        assert one["found"] == pytest.approx(one["expected_found"], abs=0.12)
    planted_recall = told["pairs"] / (150 * len(PLANTED))
    assert told["recall"] == pytest.approx(planted_recall, abs=0.05)
    assert told["expected_recall"] == pytest.approx(planted_recall, abs=0.05)


def zeroed(made: U64) -> None:
    made[:, 5:] = 0


def never_shared(made: U64) -> None:
    made[:, 5:] = np.random.default_rng(len(made)).integers(1 << 60, size=made[:, 5:].shape)


def same_band_twice(made: U64) -> None:
    made[:, 5:] = made[:, :5] + np.uint64(1)


@pytest.mark.parametrize("broken", [zeroed, never_shared, same_band_twice])
def test_a_broken_banding_is_told(
    broken: Callable[[U64], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = keys._KEYS["minhash"]

    def keys_of(entry: Any, text: U8, offsets: I64) -> U64:
        made = whole(entry, text, offsets)
        broken(made)
        return made

    monkeypatch.setitem(keys._KEYS, "minhash", keys_of)
    told = measured(tmp_path, planted(150))
    assert told["remarks"]
    assert any("theory says" in remark for remark in told["remarks"])
    if broken is not same_band_twice:
        assert any("bands are not alike: 6 by 0" in remark for remark in told["remarks"])
        assert told["recall"] < told["expected_recall"] - 0.1


def test_of_few_pairs_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "expected_shared", lambda _, j: (j * 0 + 99.0, j * 0))
    told = measured(tmp_path / "few", planted(15, (0.9,)))
    assert (told["pairs"], told["remarks"]) == (15, [])
    assert measured(tmp_path / "more", planted(25, (0.9,)))["remarks"]


@pytest.mark.parametrize("verify", [None, 0.8])
def test_without_decisions_or_verification_there_is_no_curve(
    verify: float | None, tmp_path: Path
) -> None:
    documents = planted(20, (0.9,))[:: 2 if verify else 1]  # every other one: no pairs
    entry = MinHash(bands=10, rows=4, shingle=1, verify=verify)
    [report] = run(tmp_path, {"web": [documents]}, [entry]).report["entries"]
    assert "s_curve" not in report


def test_the_sample_takes_one_copy_of_each_and_does_not_depend_on_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve, "SAMPLE", 30)
    documents = [*planted(40, (0.9,)), *planted(40, (0.9,))]  # of each pair four
    for i, document in enumerate(documents):
        document.id = str(i)
    told = []
    for size in (64, 1 << 20):
        result = run(tmp_path / str(size), {"web": [documents]}, [ENTRY], partition_bytes=size)
        told.append(result.report["entries"][0]["s_curve"])
    assert told[0] == told[1]
    assert told[0]["pairs"] + told[0]["pairs_through_others"] == 30
    assert sum(one["copies"] for one in told[0]["bins"]) > 100
