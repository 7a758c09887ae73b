"""Asking a judge that misbehaves: what is final, what is worth another try, and that nothing is said of it."""

from __future__ import annotations

import json
import logging
import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from foundation.egress import EgressRefused
from guard.optional_judge.endpoint import MOST_ANSWER, ask, model_name
from guard.optional_judge.opinion import Later, Matter, NoOpinion, Said, Unreachable, Word
from guard.types import Path, Shape
from tests.foundation.egress.servers import answering, plain, serving
from tests.foundation.egress.test_egress import drip, drip_endlessly, flood, hold, reset
from tests.guard.optional_judge.test_answer import GOOD, answer

CANARY = "zebracanary"
MATTER = Matter(Said(Path(Shape.FACT), f"The {CANARY} is red."))


def put(settings, server, **changes):
    settings.EGRESS_ALLOW = [f"judge=http://127.0.0.1:{server.port}"]
    settings.JUDGE_URL = f"http://127.0.0.1:{server.port}/v1/"
    settings.JUDGE_MODEL, settings.JUDGE_API_KEY, settings.JUDGE_TIMEOUT = "test-model", "sk-secret", 0.6
    for name, value in changes.items():
        setattr(settings, name, value)


def test_the_judge_is_asked_as_the_protocol_says(settings):
    with serving(answering(plain("200 OK", answer(json.dumps(GOOD))))) as server:
        put(settings, server)
        assert ask(MATTER).word is Word.POISONED
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    sent = json.loads(body)
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization: Bearer sk-secret" in head
    assert sent["model"] == "test-model"
    assert sent["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert CANARY in body.decode(), "the control: the text was sent"


@pytest.mark.parametrize(
    "serve", [drip, drip_endlessly, hold, reset, flood, answering(b""), answering(b"garbage\r\n\r\n")]
)
def test_a_judge_that_does_not_answer_in_time_or_in_http_is_unreachable(settings, serve):
    with serving(serve) as server:
        put(settings, server)
        began = time.monotonic()
        with pytest.raises(Unreachable):
            ask(MATTER)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad", "401 Who", "404 Where", "429 Slow", "503 Later", "302 Away"])
def test_an_error_of_its_own_is_worth_another_try(settings, status):
    with serving(answering(plain(status, json.dumps(GOOD).encode(), "Location: http://127.0.0.1/"))) as server:
        put(settings, server)
        with pytest.raises(Unreachable):
            ask(MATTER)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("0", None), ("99999", 3600), ("soon", None), ("-5", None), ("7" * 20, None)]
)
def test_it_may_tell_us_how_long_to_wait(settings, said, seconds):
    with serving(answering(plain("429 Slow", b"", f"Retry-After: {said}"))) as server:
        put(settings, server)
        with pytest.raises((Later, Unreachable)) as caught:
            ask(MATTER)
    assert getattr(caught.value, "seconds", None) == (seconds or (1 if said == "0" else None))


@pytest.mark.parametrize("body", [b"<html>", b"", answer("benign"), answer("```json\n" + json.dumps(GOOD) + "\n```")])
def test_an_answer_that_cannot_be_read_is_final(settings, body):
    with serving(answering(plain("200 OK", body))) as server:
        put(settings, server)
        with pytest.raises(NoOpinion):
            ask(MATTER)


def test_a_success_that_is_not_200_is_no_opinion(settings):
    with serving(answering(plain("201 Created", answer(json.dumps(GOOD))))) as server:
        put(settings, server)
        with pytest.raises(NoOpinion):
            ask(MATTER)


def test_a_huge_answer_is_not_read(settings):
    with serving(answering(plain("200 OK", answer(json.dumps(GOOD)) + b" " * MOST_ANSWER))) as server:
        put(settings, server)
        with pytest.raises(Unreachable):
            ask(MATTER)


def test_a_judge_that_no_setting_opens_is_not_reached(settings):
    with serving(answering(plain("200 OK", answer(json.dumps(GOOD))))) as server:
        put(settings, server, EGRESS_ALLOW=[])
        with pytest.raises(EgressRefused):
            ask(MATTER)
        assert server.connections == 0


def test_it_is_not_asked_inside_a_transaction(settings, tenant):
    from foundation.kernel.scope import tenant_transaction

    with tenant_transaction(), pytest.raises(RuntimeError):
        ask(MATTER)


@pytest.mark.parametrize("name", ["", "a b", "<script>", "x" * 65, "née"])
def test_a_models_name_is_short_and_of_few_characters(settings, name):
    settings.JUDGE_MODEL = name
    with pytest.raises(ImproperlyConfigured):
        model_name()


@pytest.mark.parametrize("body", [b"<html>" + CANARY.encode(), answer(CANARY), b"\xff" + CANARY.encode()])
def test_neither_what_was_shown_nor_what_was_said_stands_in_logs_or_errors(settings, caplog, body):
    caplog.set_level(logging.DEBUG)
    with serving(answering(plain("200 OK", body))) as server:
        put(settings, server)
        with pytest.raises(NoOpinion) as caught:
            ask(MATTER)
    assert CANARY.encode() in server.requests[0]
    assert CANARY not in caplog.text + repr(caught.value)
    assert caught.value.__context__ is None
    assert "sk-secret" not in caplog.text
