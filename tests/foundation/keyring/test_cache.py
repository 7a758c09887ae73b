"""Opened keys are held for at most 20 seconds, whoever asks."""

import os
import time

import pytest

from foundation.keyring import cache
from foundation.keyring.cache import ShortLived


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held(clock) -> ShortLived:
    return ShortLived(3, clock)


def test_it_is_held_until_its_end_and_no_longer(held, clock):
    held.put({"a": 1}, read_at=clock())
    clock.now += 18.9
    assert (held.get(["a"]), held.one("a")) == ({"a": 1}, 1)
    clock.now += 1.1
    assert (held.get(["a"]), held.one("a")) == ({}, None)


def test_its_age_counts_from_the_reading_and_not_from_the_keeping(held, clock):
    read_at = clock()
    clock.now += 15
    held.put({"a": 1}, read_at=read_at)
    clock.now += 4.9
    assert held.get(["a"]) == {}


def test_asking_does_not_lengthen_a_life(held, clock):
    held.put({"a": 1}, read_at=clock())
    for _ in range(20):
        clock.now += 1
        held.get(["a"])
    assert held.get(["a"]) == {}


def test_the_oldest_gives_way(held, clock):
    for name in "abcd":
        held.put({name: name}, read_at=clock())
    assert held.get("abcd") == {"b": "b", "c": "c", "d": "d"}


def test_what_is_dropped_is_gone(held, clock):
    held.put({"a": 1, "b": 2}, read_at=clock())
    held.drop(["a", "never"])
    assert held.get("ab") == {"b": 2}


def test_an_idle_process_keeps_nothing(monkeypatch, held, clock):
    monkeypatch.setattr(cache, "_SWEEP_SECONDS", 0.01)
    held.put({"a": 1}, read_at=clock())
    assert len(held) == 1
    clock.now += 20
    _until(lambda: len(held) == 0)


def test_a_fork_begins_empty(held, clock):
    held.put({"a": 1}, read_at=clock())
    if (child := os.fork()) == 0:
        os._exit(len(held))
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0
    assert len(held) == 1


def test_the_clock_is_not_the_wall_clock():
    assert cache.since_boot() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)


def _until(true) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
