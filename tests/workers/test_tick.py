"""The worker's rounds: when it looks again, and that no notice is lost or answered twice."""

import threading

import pytest
from django.db import connections

from foundation.kernel.notices import await_notice
from memwrit import tick
from memwrit.pulse import Pulse, read
from memwrit.tick import Found, Job, Loop


@pytest.fixture
def looks(tmp_path, monkeypatch):
    """Make a loop whose looks find what is named, and tell what it did between them."""
    done = []

    def make(*found, channel=""):
        finds = iter(found)
        job = Job("test", lambda: done.append("look") or next(finds), alias="relay", channel=channel)
        loop = Loop(job, threading.Event(), Pulse(tmp_path / "pulse.json"))
        for name in ("gather", "wait"):
            act = getattr(loop, name)
            monkeypatch.setattr(loop, name, lambda name=name, act=act: (done.append(name), act()))
        return loop, done

    monkeypatch.setattr(tick, "GATHER", 0.0)
    return make


@pytest.mark.parametrize(
    ("found", "did"),
    [
        (Found.MORE, ["look"]),
        (Found.ALL, ["look", "gather"]),
        (Found.NOTHING, ["look", "wait"]),
    ],
)
def test_what_follows_a_look_depends_on_what_it_found(looks, found, did):
    loop, done = looks(found)
    loop.stop.wait = lambda seconds: True
    loop.turn()
    assert done == did


def test_a_job_is_drained_when_a_look_left_nothing(looks, tmp_path):
    loop, _ = looks(Found.MORE, Found.ALL)
    loop.turn()
    assert "test" not in read(tmp_path / "pulse.json") or read(tmp_path / "pulse.json")["test"].drained_at is None
    loop.turn()
    assert read(tmp_path / "pulse.json")["test"].drained_at is not None


def test_a_notice_that_comes_during_a_round_is_answered_by_the_next_and_no_other(looks, superuser):
    loop, _ = looks(Found.ALL, channel="memwrit_test_tick")
    try:
        loop.subscribe()
        for _ in range(3):
            superuser.execute("NOTIFY memwrit_test_tick")
        loop.turn()
        assert not await_notice("relay", 0.0), "gathered"
        superuser.execute("NOTIFY memwrit_test_tick")
        assert await_notice("relay", 30.0), "the control"
    finally:
        connections["relay"].close()


def test_no_notice_between_look_and_wait_is_lost(looks, superuser):
    loop, _ = looks(Found.NOTHING, channel="memwrit_test_tick")
    try:
        loop.subscribe()
        superuser.execute("NOTIFY memwrit_test_tick")
        with connections["relay"].cursor() as cursor:
            cursor.execute("SELECT 1")  # the notice is read along with what the look read
        assert await_notice("relay", 30.0)
        assert not await_notice("relay", 0.0)
    finally:
        connections["relay"].close()
