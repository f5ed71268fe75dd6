"""Every instance once an epoch, in an order that neither processes nor batches change."""

import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import BatchGrowth, BatchSettings
from dolma_pipe.train.data import IGNORED, Instances
from dolma_pipe.train.data.batches import Batches, Position
from tests.made_tokens import make_tokens
from tests.train.test_data import LENGTHS, opened

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from dolma_pipe.train.feed import Feed, Step  # noqa: E402
from dolma_pipe.train.parallel import World  # noqa: E402

CPU = torch.device("cpu")
ALONE = World(0, 1, CPU)
START = Position()


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Instances:
    folder = tmp_path_factory.mktemp("tokens")
    make_tokens(folder, {**LENGTHS, "wiki": [[100, 30, 170]]})
    return opened(folder, length=8, mask_documents=True)


def batch_of(instances: int, micro: int | None = None) -> BatchSettings:
    return BatchSettings(instances=instances, micro=micro)


def steps(
    instances: Instances, batch: BatchSettings, count: int, size: int = 1, at: Position = START
) -> list[list[Step]]:
    """For each of the steps what every process has."""
    found = []
    for rank in range(size):
        with Feed(instances, batch, 7, World(rank, size, CPU), at) as feed:
            found.append(list(islice(feed, count)))
    return [list(step) for step in zip(*found, strict=True)]


def order_of(found: list[list[Step]]) -> list[int]:
    """Numbers of instances in the order of the positions: process r has every size-th."""
    order = []
    for step in found:
        numbers = np.full(step[0].instances, -1)
        for rank, part in enumerate(step):
            numbers[rank :: len(step)] = part.numbers
        order += numbers.tolist()
    return order


def test_every_instance_once_an_epoch(instances: Instances) -> None:
    n = len(instances)
    epoch = -(-n // 6)
    order = order_of(steps(instances, batch_of(6), 2 * epoch))
    assert sorted(order[:n]) == sorted(order[n:]) == list(range(n))
    assert order[:n] != order[n:]
    sizes = [step[0].instances for step in steps(instances, batch_of(6), epoch + 1)]
    assert sizes == [6] * (n // 6) + [n % 6, 6]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(("batch", "micro"), [(6, None), (6, 2), (7, 3), (1, 1), (500, 16)])
def test_the_order_is_the_same_for_any_world_and_batch(
    instances: Instances, size: int, batch: int, micro: int | None
) -> None:
    n = len(instances)
    expected = order_of(steps(instances, batch_of(6), 3 * n // 6))[: 2 * n]
    found = steps(instances, batch_of(batch, micro), -(-n // batch) * 2, size)
    assert order_of(found) == expected


@pytest.mark.parametrize("size", [1, 3])
def test_micro_batches_hold_the_instances_and_rows_that_are_no_target(
    instances: Instances, size: int
) -> None:
    for batch, micro in ((6, 2), (7, 1), (7, 3), (13, None), (1, 4)):
        for step in steps(instances, batch_of(batch, micro), 9, size):
            assert len({len(part.micro) for part in step}) == 1
            assert len({micro.ids.shape for part in step for micro in part.micro}) == 1
            for part in step:
                assert part.micro[0].ids.shape[0] <= (micro or 8)
                check_rows(instances, part)
            share = -(-step[0].instances // size)
            rows = step[0].micro[0].ids.shape[0] * len(step[0].micro)
            assert share <= rows < share + len(step[0].micro)


def check_rows(instances: Instances, part: Step) -> None:
    expected = instances.batch(part.numbers)
    assert expected.segments is not None
    ids = torch.cat([micro.ids for micro in part.micro]).numpy()
    labels = torch.cat([micro.labels for micro in part.micro]).numpy()
    segments = np.concatenate(
        [micro.segments.numpy() for micro in part.micro if micro.segments is not None]
    )
    count = len(part.numbers)
    assert np.array_equal(ids[:count], expected.ids)
    assert np.array_equal(labels[:count], expected.labels)
    assert np.array_equal(segments[:count], expected.segments)
    assert (labels[count:] == IGNORED).all()
    assert (segments[count:] == -1).all()
    assert part.targets == (labels != IGNORED).sum()


@settings(max_examples=30)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 4),
    st.integers(0, 40),
    st.one_of(st.none(), st.integers(1, 300)),
)
def test_a_continuation_is_what_would_have_come(
    instances: Instances, first: int, then: int, size: int, count: int, growth: int | None
) -> None:
    """On another world, with another batch and micro-batch, also in the middle of a warm-up."""
    warmup = growth and BatchGrowth(start=1, double_every=growth)
    begun = steps(instances, BatchSettings(instances=first, warmup=warmup or None), count)
    state = begun[-1][0].after if begun else START
    done = order_of(begun)
    assert state.epoch * len(instances) + state.instances == len(done)
    after = steps(instances, batch_of(then, 3), 12, size, state)
    whole = steps(instances, batch_of(1), len(done) + len(order_of(after)))
    assert done + order_of(after) == order_of(whole)


def test_another_seed_is_another_order(instances: Instances) -> None:
    with Feed(instances, batch_of(20), 8, ALONE) as feed:
        assert next(feed).numbers.tolist() != order_of(steps(instances, batch_of(20), 1))


def test_the_batch_grows_with_the_tokens() -> None:
    """2 instances of 10 targets, doubled every 45 tokens: looked at where a step begins."""
    growth = BatchGrowth(start=2, double_every=45)
    batches = Batches(BatchSettings(instances=12, warmup=growth), 1000, 10)
    at, sizes = START, []
    for _ in range(9):
        sizes.append(batches.size(at))
        at = batches.after(at)
    assert sizes == [2, 2, 2, 4, 8, 12, 12, 12, 12]
    with pytest.raises(TrainError, match=r"batch.warmup.start: 64 is above batch.instances, 32"):
        Batches(BatchSettings(warmup=BatchGrowth(start=64, double_every=1)), 10, 10)


@given(
    st.integers(1, 40),
    st.integers(1, 30),
    st.one_of(st.none(), st.integers(1, 400)),
    st.integers(0, 60),
)
def test_steps_and_instances_of_a_training(
    n: int, most: int, growth: int | None, count: int
) -> None:
    """As one counts them by going through all steps."""
    warmup = BatchGrowth(start=1, double_every=growth) if growth else None
    batches = Batches(BatchSettings(instances=most, warmup=warmup), n, 10)
    at, consumed = START, [0]
    for _ in range(count):
        consumed.append(consumed[-1] + batches.size(at))
        at = batches.after(at)
        assert at.epoch * n + at.instances == consumed[-1]
    assert batches.instances(count) == consumed[-1]
    for instances in range(1, consumed[-1] + 1):
        wanted = next(steps for steps, done in enumerate(consumed) if done >= instances)
        assert batches.steps(instances) == wanted
    assert batches.steps(0) == 0
    for done, since in enumerate(consumed):
        assert batches.instances(count - done, since) == consumed[-1]
        assert batches.steps(consumed[-1], since) == count - done


class Broken:
    """Instances that cannot be read from the third batch on."""

    length, name = 8, "broken"

    def __init__(self, instances: Instances) -> None:
        self._instances, self._left = instances, 2

    def __len__(self) -> int:
        return len(self._instances)

    def batch(self, numbers: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise OSError("the disk is gone")
        return self._instances.batch(numbers)


def test_what_the_thread_raises_is_raised_here(instances: Instances) -> None:
    with Feed(Broken(instances), batch_of(4), 7, ALONE) as feed:  # type: ignore[arg-type]
        assert [next(feed).instances, next(feed).instances] == [4, 4]
        with pytest.raises(OSError, match="the disk is gone"):
            next(feed)


def ends_well(feed: Feed) -> None:
    next(feed)


def raises(feed: Feed) -> None:
    next(feed)
    raise ValueError


def is_interrupted(feed: Feed) -> None:
    next(feed)
    raise KeyboardInterrupt


@pytest.mark.parametrize("block", [ends_well, raises, is_interrupted])
def test_the_thread_ends_with_the_block(
    instances: Instances, block: Callable[[Feed], None]
) -> None:
    before = threading.active_count()
    try:
        with Feed(instances, batch_of(2), 7, ALONE) as feed:
            block(feed)
    except (ValueError, KeyboardInterrupt):
        pass
    assert threading.active_count() == before


def test_only_some_steps_are_read_ahead(instances: Instances) -> None:
    read = []

    class Counted(Broken):
        def batch(self, numbers: Any) -> Any:
            read.append(len(numbers))
            return self._instances.batch(numbers)

    with Feed(Counted(instances), batch_of(2), 7, ALONE) as feed:  # type: ignore[arg-type]
        next(feed)
    assert 1 <= len(read) <= 4


def test_a_folder_that_is_moved_is_read_on(tmp_path: Path) -> None:
    make_tokens(tmp_path / "a", LENGTHS)
    before = opened(tmp_path / "a")
    whole = order_of(steps(before, batch_of(3), 8))
    state = steps(before, batch_of(3), 3)[-1][0].after
    (tmp_path / "a").rename(tmp_path / "b")
    after = opened(tmp_path / "b")
    assert after.sha256 == before.sha256
    assert whole[9:] == order_of(steps(after, batch_of(3), 5, at=state))
