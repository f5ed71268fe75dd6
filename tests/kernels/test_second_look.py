"""The second look at costly components: what goes is a copy, what is plain is found, no square."""

import numpy as np
import pytest

from dolma_pipe.errors import UserError
from dolma_pipe.kernels import jaccard
from dolma_pipe.kernels.jaccard import Verdicts, decide_greedily
from dolma_pipe.kernels.jit import U64
from dolma_pipe.kernels.second_look import BANDS, COMPARED, decide_by_bands, rows_for


def decide(rows: list[U64], threshold: float = 0.8) -> Verdicts:
    ends = np.cumsum([len(row) for row in rows])
    starts = ends - [len(row) for row in rows]
    return decide_greedily(np.concatenate(rows), starts, ends, threshold)


def just_under(count: int, seed: int = 1) -> list[U64]:
    """Any two share about 70 to 79 %, and nothing is rare: the exact search compares most pairs."""
    rng = np.random.default_rng(seed)
    template = rng.integers(1, 1 << 62, 100).astype(np.uint64)
    pool = rng.integers(1, 1 << 62, 200).astype(np.uint64)
    return [
        np.sort(
            np.concatenate([rng.choice(template, 88, False), rng.choice(pool, 12, replace=False)])
        )
        for _ in range(count)
    ]


def changed(row: U64, members: int, seed: int) -> U64:
    rng = np.random.default_rng(seed)
    copy = row.copy()
    copy[rng.choice(len(row), members, replace=False)] = rng.integers(1, 1 << 62, members)
    return np.sort(copy)


def assert_sound(rows: list[U64], verdicts: Verdicts, threshold: float) -> None:
    """Every removed one names a kept one, before it, and their Jaccard reaches the threshold."""
    for d in np.flatnonzero(verdicts.kept_by >= 0).tolist():
        kept = int(verdicts.kept_by[d])
        common = len(np.intersect1d(rows[d], rows[kept]))
        assert kept < d
        assert verdicts.kept_by[kept] == -1
        assert verdicts.similarity[d] == common / (len(rows[d]) + len(rows[kept]) - common)
        assert verdicts.similarity[d] >= threshold


def test_documents_just_under_the_threshold_take_no_square() -> None:
    """Without the second look twice as many documents take four times the pairs."""
    found = {n: decide(just_under(n)) for n in (1000, 2000, 4000)}
    assert found[1000].looked_again > 0
    for n in (1000, 2000):
        assert found[2 * n].compared < 2.2 * found[n].compared
    assert found[4000].compared < 4000 * 3999 / 2 / 5


def test_copies_among_them_are_found() -> None:
    rows = just_under(3000)
    near = [changed(rows[i], 3, i) for i in range(2000, 2200)]  # .94
    rows += near
    verdicts = decide(rows)
    assert verdicts.looked_again > 1000
    assert (verdicts.kept_by[3000:] >= 0).mean() > 0.99
    assert_sound(rows, verdicts, 0.8)


def test_small_components_are_always_searched_exactly() -> None:
    assert decide(just_under(330)).looked_again == 0
    assert decide(just_under(330), 0.2).looked_again == 0


@pytest.mark.parametrize("setting", ["STEPS", "MEMBERS"])
def test_a_component_too_large_is_not_searched_exactly(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaccard, setting, 0)
    rows = just_under(50)
    copies = [changed(row, 3, i) for i, row in enumerate(rows)]
    verdicts = decide(rows + copies + rows)
    assert verdicts.looked_again >= 148
    assert (verdicts.kept_by[50:] >= 0).all()
    assert (verdicts.similarity[100:] == 1.0).all()
    assert (verdicts.kept_by[100:] == np.arange(50)).all()
    assert_sound(rows + copies + rows, verdicts, 0.8)


def test_a_chain_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each link is 97 / 103 = .94; five links are .74."""
    monkeypatch.setattr(jaccard, "STEPS", 0)
    members = np.arange(1, 400, dtype=np.uint64)
    chain = [members[3 * i : 3 * i + 100] for i in range(60)]
    verdicts = decide(chain)
    assert_sound(chain, verdicts, 0.8)
    assert 10 <= (verdicts.kept_by < 0).sum() <= 30


def test_many_of_one_template_and_many_equal_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaccard, "MEMBERS", 0)
    [row] = just_under(1)
    rows = [changed(row, 2, i) for i in range(10_000)] + [row] * 10_000
    verdicts = decide(rows)
    assert (verdicts.kept_by[1:] == 0).all()
    assert verdicts.compared == len(rows) - 1


@pytest.mark.parametrize("setting", ["STEPS", "MEMBERS", "none"])
def test_a_hundred_thousand_equal_documents(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaccard, setting, 0, raising=False)
    verdicts = decide([np.arange(1, 21, dtype=np.uint64)] * 100_000)
    assert (verdicts.kept_by[1:] == 0).all()
    assert verdicts.compared == 99_999


def test_the_curve_rises_above_the_threshold() -> None:
    for threshold in (0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        rises = (1 / BANDS) ** (1 / rows_for(threshold))
        assert threshold - 0.02 <= rises <= threshold + (1 - threshold) / 2
    assert rows_for(0.8) == 24
    assert rows_for(1.0) == rows_for(0.999) == 64


def test_a_document_meets_a_bounded_number_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaccard, "STEPS", 0)
    rows = just_under(2000)
    verdicts = decide(rows, 0.8)
    assert verdicts.compared <= COMPARED * len(rows)


def test_more_documents_than_links_can_number_are_refused() -> None:
    """A view of one number stands for them."""
    many = np.broadcast_to(np.int64(0), (1 << 31) // BANDS)
    with pytest.raises(UserError, match="33,554,432 documents hang together"):
        decide_by_bands(np.empty(0, np.uint64), many, many, 0.8, 0, many, many)
