"""Under too much load what cannot be answered soon is refused at once, with nothing done."""

import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from foundation.rest.shedding import Shed


@pytest.fixture
def waiting(monkeypatch, settings):
    settings.WEB_QUEUE = 10

    def say(number):
        monkeypatch.setattr(Shed, "waiting", staticmethod(lambda: number))

    return say


def ask(path="/v1/memories"):
    served = []
    answer = Shed(lambda request: served.append(path) or HttpResponse("served"))(RequestFactory().post(path))
    return answer, served


def test_more_than_may_wait_is_refused_and_nothing_is_done(waiting):
    waiting(11)
    answer, served = ask()
    assert (answer.status_code, answer["Retry-After"], served) == (503, "2", [])
    assert json.loads(answer.content)["type"] == "/problems/unavailable"


def test_as_many_as_may_wait_are_served(waiting):
    waiting(10)
    assert ask()[1] == ["/v1/memories"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_answered_however_much_waits(waiting, path):
    waiting(10_000)
    assert ask(path)[1] == [path]


def test_the_web_server_says_what_waits():
    """gunicorn's thread worker has the queue we read, under the name we read it by."""
    from gunicorn.workers.gthread import ThreadWorker

    pool = ThreadWorker.get_thread_pool(type("Cfg", (), {"cfg": type("C", (), {"threads": 1})})())
    assert pool._work_queue.qsize() == 0
    pool.shutdown()
