"""Which tasks get a twin, by a clock of ours."""

import pytest

from dolma_pipe.engine.stragglers import PATIENCE, Stragglers


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_slow_task_gets_one_twin_where_a_slot_is_free(clock: Clock) -> None:
    stragglers = Stragglers(clock)
    for key in "abc":
        stragglers.submitted(key, 2)
    assert stragglers.has_started("b")
    assert not stragglers.has_started("c")
    stragglers.ended("b", 2, 1.0)
    assert stragglers.has_started("c")
    clock.now += PATIENCE + 1
    assert stragglers.worth_a_twin(2) == []  # c runs in the other slot
    stragglers.ended("c", 2, 2.0)
    assert stragglers.worth_a_twin(2) == ["a"]
    assert stragglers.worth_a_twin(2) == []
    assert stragglers.worth_a_twin(9) == []


def test_only_after_some_time_and_three_times_the_median(clock: Clock) -> None:
    stragglers = Stragglers(clock)
    for key in "abcd":
        stragglers.submitted(key, 4)
    for key, seconds in (("b", 8.0), ("c", 10.0), ("d", 300.0)):
        stragglers.ended(key, 4, seconds)
    clock.now += 29
    assert stragglers.worth_a_twin(4) == []
    clock.now += 2
    assert stragglers.worth_a_twin(4) == ["a"]


def test_nothing_is_slow_before_anything_has_ended(clock: Clock) -> None:
    stragglers = Stragglers(clock)
    stragglers.submitted("a", 2)
    stragglers.submitted("b", 2)
    stragglers.ended("b", 2)  # its worker died
    clock.now += 1e6
    assert stragglers.worth_a_twin(2) == []


def test_the_clock_of_a_task_starts_with_its_slot_and_again_with_its_next_try(clock: Clock) -> None:
    stragglers = Stragglers(clock)
    stragglers.submitted("a", 1)
    stragglers.submitted("b", 1)
    clock.now += 100
    stragglers.ended("a", 1, 100.0)
    clock.now += 290
    assert stragglers.worth_a_twin(2) == []
    stragglers.ended("b", 2)
    stragglers.submitted("b", 2)
    clock.now += 290
    assert stragglers.worth_a_twin(2) == []
    clock.now += 20
    assert stragglers.worth_a_twin(2) == ["b"]


def test_the_slowest_first_one_for_each_free_slot(clock: Clock) -> None:
    stragglers = Stragglers(clock)
    for key in "abcd":
        stragglers.submitted(key, 4)
        clock.now += 1
    stragglers.ended("a", 4, 1.0)
    clock.now += 100
    assert stragglers.worth_a_twin(5) == ["b", "c"]
    assert stragglers.worth_a_twin(6) == ["d"]


def test_what_ran_in_a_slot_that_has_gone_gets_a_twin(clock: Clock) -> None:
    stragglers = Stragglers(clock)
    stragglers.submitted("a", 2)
    stragglers.submitted("b", 2)
    stragglers.ended("b", 2, 1.0)
    clock.now += PATIENCE + 1
    assert stragglers.worth_a_twin(1) == ["a"]
