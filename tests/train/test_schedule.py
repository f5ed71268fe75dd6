"""Learning rates and batch sizes: values by hand, and where a training ends."""

import pytest

from dolma_pipe.errors import TrainError
from dolma_pipe.train.config import (
    OptimizerSettings,
    ScheduleSettings,
)
from dolma_pipe.train.schedule import Progress, Schedule, clip_norm


def factors(settings: ScheduleSettings, total: int, *steps: int) -> list[float]:
    schedule = Schedule(settings, Progress(total, total * 100))
    return [schedule.factor(Progress(step, step * 100)) for step in steps]


def test_the_linear_schedule_of_olmo_7b() -> None:
    """3e-5 -> 3e-4 in 5,000 steps, then down to 3e-5 at the end."""
    settings = ScheduleSettings(shape="linear", warmup=5000, start=0.1, end=0.1)
    lr = [3e-4 * f for f in factors(settings, 105_000, 0, 2500, 5000, 55_000, 105_000, 200_000)]
    assert lr == pytest.approx([3e-5, 1.65e-4, 3e-4, 1.65e-4, 3e-5, 3e-5])


def test_the_cosine_schedule_of_olmo_1b() -> None:
    settings = ScheduleSettings(shape="cosine", warmup=2000, start=0.0, end=0.1)
    found = factors(settings, 12_000, 0, 1000, 2000, 4500, 7000, 12_000)
    assert found == pytest.approx([0, 0.5, 1, 0.1 + 0.9 * (1 + 2**-0.5) / 2, 0.55, 0.1])


def test_wsd_stays_up_and_falls_at_the_end() -> None:
    settings = ScheduleSettings(shape="wsd", warmup=10, start=0.0, end=0.0, decay=0.2)
    assert factors(settings, 100, 5, 10, 79, 80, 90, 100) == pytest.approx([0.5, 1, 1, 1, 0.5, 0])
    in_steps = ScheduleSettings(shape="wsd", warmup=10, start=0.0, end=0.0, decay=20)
    assert factors(in_steps, 100, 80, 90) == pytest.approx([1, 0.5])


def test_units_of_tokens_give_the_same_rates() -> None:
    by_steps = ScheduleSettings(shape="cosine", warmup=20)
    by_tokens = ScheduleSettings(shape="cosine", warmup=2000, unit="tokens")
    steps = (0, 10, 20, 57, 100)
    assert factors(by_steps, 100, *steps) == pytest.approx(factors(by_tokens, 100, *steps))


def test_constant_and_a_total_of_its_own() -> None:
    assert factors(ScheduleSettings(shape="constant", warmup=2, start=0.5), 10, 0, 1, 2, 9) == [
        0.5,
        0.75,
        1.0,
        1.0,
    ]
    assert factors(ScheduleSettings(shape="linear", total=20, end=0.0), 10, 10) == [0.5]


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TrainError, match="11 steps does not fit into a training of 10"):
        factors(ScheduleSettings(warmup=11), 10)
    with pytest.raises(TrainError, match="a warm-up of 5 steps and a decay of 6 does not fit"):
        factors(ScheduleSettings(shape="wsd", warmup=5, decay=6), 10)


def test_clipping_is_wider_at_first() -> None:
    settings = OptimizerSettings(clip=1.0, clip_warmup_steps=3, clip_warmup_factor=10)
    assert [clip_norm(settings, step) for step in (0, 2, 3, 4)] == [10, 10, 1, 1]
    assert clip_norm(OptimizerSettings(clip=None), 0) is None
