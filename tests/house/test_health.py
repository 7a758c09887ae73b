"""Readiness: who gets requests, and who had better not."""

from datetime import timedelta

import pytest
from django.test import Client

from foundation.kernel import clock
from memwrit import health


def readiness():
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["checks"]["clock"]


@pytest.mark.parametrize("apart", [timedelta(hours=1), timedelta(hours=-1)], ids=["ahead", "behind"])
def test_a_server_whose_clock_is_wrong_is_not_ready(database, apart):
    with clock.frozen(clock.now() + apart):
        status, told = readiness()
    assert (status, told) == (503, {"ok": False, "error": "ClocksApart"})


def test_a_server_whose_clock_is_right_is_ready(database, monkeypatch):
    monkeypatch.setattr(health, "CLOCKS_APART", timedelta(minutes=10))  # a round trip may take long here
    status, told = readiness()
    assert (status, told["ok"]) == (200, True)
