"""What is counted, and when: decisions, what is blocked, what does not add up, how long forgetting takes; and log lines
that can be tied to their request and trace."""

from __future__ import annotations

import json
import logging

import pytest

from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.telemetry import instruments, metrics


class Book:
    """A sink that remembers."""

    def __init__(self):
        self.lines = []

    def record(self, instrument, value, labels):
        self.lines.append((instrument, value, labels))

    def of(self, instrument):
        return [(value, *labels) for each, value, labels in self.lines if each is instrument]


@pytest.fixture
def book():
    from foundation.kernel import watching
    from foundation.telemetry.work import Watching

    kept, watched, book = metrics._sinks, watching.watch(), Book()
    metrics.sink_into(book)
    watching.watched_by(Watching())
    yield book
    metrics.sink_into(*kept)
    watching.watched_by(watched)


def test_each_submission_of_a_batch_is_one_decision_and_the_batch_one_duration(here, book):
    items = [{"space": here.space, "content": text} for text in ("One kettle.", "Two kettles.", "Bad \U000e0041")]
    assert here.agent.post("/v1/memories:batch_create", {"memories": items}).status == 207
    assert sorted(book.of(instruments.ADMISSION_DECISIONS)) == [(1, "admit"), (1, "admit"), (1, "reject")]
    ((seconds, form),) = book.of(instruments.ADMISSION_DURATION)
    assert (form, seconds > 0) == ("batch", True)


def test_a_submission_over_the_quota_is_refused_and_counted_as_such(here, book):
    assert here.admin("PUT", "/v1/quotas/memories", {"limit": 0}, If_Match="*").status in (200, 201)
    answer = here.agent.post("/v1/memories", {"space": here.space, "content": "One too many."})
    assert answer.problem == "quota-exceeded"
    assert book.of(instruments.ADMISSION_DECISIONS) == [(1, "refused")]
    assert len(book.of(instruments.ADMISSION_DURATION)) == 1, "what fails has taken its time, too"


def test_requests_are_counted_by_the_pattern_of_their_address(here, book):
    memory = here.memory()
    here.agent.get(f"/v1/memories/{memory['id']}")
    here.agent.get("/v1/nowhere/of/mine")
    here.agent("BREW", "/v1/memories")
    told = [labels for _, *labels in book.of(instruments.REQUEST_DURATION)]
    assert ["GET", "/v1/memories/<uuid:id>", "200"] in told
    assert ["GET", "none", "404"] in told
    assert ["_OTHER", "/v1/memories", "405"] in told


def test_a_row_of_another_tenant_in_the_engines_answer_is_blocked_and_counted(here, book, monkeypatch):
    from uuid import uuid4

    from foundation.search import postgres_engine

    here.memory()
    real = postgres_engine._Query.hits

    def foreign(query, rows):
        return real(query, [(uuid4(), *row[1:]) for row in rows])

    monkeypatch.setattr(postgres_engine._Query, "hits", foreign)
    answer = here.agent.post("/v1/memories:search", {"query": "kettle"})
    assert (answer.status, answer.problem) == (500, "integrity")
    assert book.of(instruments.SEARCH_BLOCKED) == [(1, "engine")]
    assert book.of(instruments.VERIFY_FAILURES) == [(1, "request")]


def test_an_id_that_the_database_does_not_know_is_blocked_and_counted(here, book, monkeypatch):
    from governance import opening

    here.memory()
    monkeypatch.setattr(opening, "read", lambda places: opening.Read())
    answer = here.agent.post("/v1/memories:search", {"query": "kettle", "spaces": [here.space]})
    assert answer.status == 500
    assert book.of(instruments.SEARCH_BLOCKED) == [(1, "records")]


@pytest.mark.parametrize(
    ("error", "outcome", "failures"), [(Integrity("x"), "failed", 1), (Unavailable("x"), "waits", 0), (None, "done", 0)]
)
def test_runs_are_counted_by_how_they_end(here, book, monkeypatch, error, outcome, failures):
    from foundation.kernel import outbox

    def act(refs):
        if error is not None:
            raise error

    monkeypatch.setitem(outbox._handlers, "test.acts", act)
    with tenant_scope(here.tenant_id):
        with tenant_transaction():
            item = outbox.enqueue("test.acts", {"id": "1"})
        outbox.run_due()
        with tenant_transaction():
            outbox.WorkItem.objects.filter(id=item).delete()
    assert (1, "test.acts", outcome) in book.of(instruments.WORK_RUNS)
    assert len(book.of(instruments.VERIFY_FAILURES)) == failures


def test_freshness_counts_from_the_change_and_not_from_the_run(here, book):
    from datetime import timedelta

    from foundation.kernel import outbox
    from foundation.kernel.clock import now

    assert here.agent.post("/v1/memories", {"space": here.space, "content": "A kettle."}).status == 201
    with tenant_scope(here.tenant_id), tenant_transaction():
        outbox.WorkItem.objects.filter(kind="search.index").update(created_at=now() - timedelta(seconds=90))
    here.drain()
    ((seconds,),) = book.of(instruments.FRESHNESS_LAG)
    assert 90 < seconds < 200


def test_forgetting_is_measured_layer_by_layer_from_the_order(here, book):
    here.memory(subjects=["Ada"])
    body = {"subject": "Ada", "basis": "gdpr-17", "reason": "Asked."}
    plan = here.officer.post("/v1/erasure_requests", body).json
    path = f"/v1/erasure_requests/{plan['id']}:execute"
    assert here.officer.post(path, {"expected_manifest": plan["manifest"]}).status == 202
    here.drain()
    measured = book.of(instruments.FORGET_DURATION)
    assert [layer for _, layer in measured] == ["unreadable", "keys", "index", "certificate"]
    seconds = [each for each, _ in measured]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


def test_every_event_is_measured_until_it_stands_in_its_log(here, book):
    here.memory()
    before = len(book.of(instruments.AUDIT_LAG))
    here.memory("Another kettle.")
    assert len(book.of(instruments.AUDIT_LAG)) > before
    assert all(0 <= seconds < 300 for (seconds,) in book.of(instruments.AUDIT_LAG))


def test_a_log_line_names_the_request_and_the_trace_that_its_answer_and_spans_name(
    here, telling, received, monkeypatch
):
    from memwrit.logs import Reticent

    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(json.loads(Reticent().format(record)))
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr("governance.services.admit.link_parents", lambda *_: 1 / 0)
    try:
        answer = here.agent.post("/v1/memories", {"space": here.space, "content": "A kettle."})
    finally:
        logging.getLogger().removeHandler(handler)
    telling()
    assert answer.status == 500
    (line,) = [each for each in lines if each["message"].startswith("unhandled")]
    (span,) = [each for each in received.spans if each.name == "POST /v1/memories"]
    (sent,) = [each for each in received.logs if each.body.string_value.startswith("unhandled")]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert line["trace_id"] == span.trace_id.hex() == sent.trace_id.hex()
    assert {each.key: each.value.string_value for each in sent.attributes}["request_id"] == line["request_id"]
    assert span.status.code == 2


def test_a_log_line_after_a_request_names_it_no_more(here):
    from memwrit.logs import named

    here.agent.get("/v1/memories")
    assert named() == {}


def test_an_exporter_that_is_none_is_refused(monkeypatch):
    from django.core.exceptions import ImproperlyConfigured

    from memwrit import environment

    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus,graphite")
    with pytest.raises(ImproperlyConfigured, match="graphite"):
        environment.among("OTEL_METRICS_EXPORTER", "none", frozenset({"otlp", "prometheus"}))


def test_a_deployment_that_shows_its_figures_or_sends_them_in_the_clear_is_told_so(settings):
    from memwrit import deployment

    settings.OTEL_ENDPOINT, settings.OTEL_METRICS = "http://collector.example:4318", frozenset({"prometheus"})
    settings.METRICS_HOST, settings.METRICS_TOKEN = "0.0.0.0", ""
    assert list(deployment._collector()) == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: the connection leaves this machine without TLS"
    ]
    assert any("/metrics" in each for each in deployment.warnings())
    settings.OTEL_ENDPOINT, settings.METRICS_TOKEN = "https://collector.example:4318", "t"
    assert list(deployment._collector()) == []
    assert not any("/metrics" in each for each in deployment.warnings())
