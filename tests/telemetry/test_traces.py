"""One admission is one trace, from the request over the outbox to the worker."""

from __future__ import annotations

from collections import defaultdict

from tests.telemetry.receiver import told


def of_one_trace(spans, name):
    """The spans that share the trace of the one called `name`."""
    first = next(span for span in spans if span.name == name)
    return [span for span in spans if span.trace_id == first.trace_id]


def test_an_admission_is_one_connected_trace_from_request_to_worker(here, telling, received):
    here.memory()
    telling()
    spans = of_one_trace(received.spans, "POST /v1/memories")
    by_name = {span.name: span for span in spans}
    request, admission, work = (by_name[each] for each in ("POST /v1/memories", "create_memory", "work search.index"))
    assert not request.parent_span_id
    assert admission.parent_span_id == request.span_id
    assert work.parent_span_id == admission.span_id
    assert [link.span_id for link in work.links] == [admission.span_id]
    ids = {span.span_id for span in spans}
    assert all(span.parent_span_id in ids for span in spans if span is not request)


def test_a_run_of_items_of_several_traces_is_linked_to_each(here, telling, received):
    for content in ("The red kettle stands on the stove.", "The blue cup stands on the shelf."):
        assert here.agent.post("/v1/memories", {"space": here.space, "content": content}).status == 201
    here.drain()
    telling()
    admissions = {span.span_id: span for span in received.spans if span.name == "create_memory"}
    runs = [span for span in received.spans if span.name == "work search.index"]
    assert len(admissions) == 2
    assert {link.span_id for run in runs for link in run.links} == set(admissions)
    assert len({span.trace_id for span in admissions.values()}) == 2
    linked = defaultdict(int)
    for run in runs:
        linked[len(run.links)] += 1
    assert linked == {2: 1}, "both were indexed in one run, in a trace of its own"
    assert runs[0].trace_id not in {span.trace_id for span in admissions.values()}


def test_a_callers_trace_is_continued_and_named_in_the_answer(here, telling, received):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    sent = {"Traceparent": f"00-{trace}-{parent}-01"}
    answer = here.agent.post("/v1/memories:search", {"query": "kettle", "spaces": [here.space]}, **sent)
    assert answer.status == 200
    telling()
    (request,) = [span for span in received.spans if span.name == "POST /v1/memories:search"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (trace, parent)
    assert told(request)["memwrit.request.id"] == answer.headers["X-Request-Id"]


def test_a_malformed_traceparent_begins_a_trace_of_its_own(here, telling, received):
    here.agent.post("/v1/memories:search", {"query": "kettle"}, Traceparent="00-canary-b7ad6b7169203331-01")
    telling()
    (request,) = [span for span in received.spans if span.name == "POST /v1/memories:search"]
    assert not request.parent_span_id
    assert b"canary" not in received.everything


def test_memory_spans_are_named_as_the_conventions_name_them(here, telling, received):
    memory = here.memory()
    here.agent.post("/v1/memories:search", {"query": "kettle", "spaces": [here.space], "k": 3})
    here.agent(
        "DELETE",
        f"/v1/memories/{memory['id']}",
        **{"If-Match": here.agent.get(f"/v1/memories/{memory['id']}").headers["ETag"]},
    )
    telling()
    spans = {span.name: told(span) for span in received.spans}
    created, searched, deleted = (spans[f"{act}_memory"] for act in ("create", "search", "delete"))
    assert created["gen_ai.operation.name"] == "create_memory"
    assert created["gen_ai.memory.record.id"] == deleted["gen_ai.memory.record.id"] == memory["id"]
    assert created["gen_ai.memory.store.id"] == here.space
    assert (created["memwrit.admission.decision"], created["memwrit.admission.submitted"]) == ("admit", 1)
    assert (searched["gen_ai.memory.record.count"], searched["memwrit.search.limit"]) == (1, 3)


def test_a_failed_run_tells_the_exceptions_class_and_nothing_else(here, telling, received, monkeypatch):
    from foundation.kernel import outbox
    from foundation.kernel.scope import tenant_scope, tenant_transaction

    def fail(refs):
        raise ValueError("a canary in an exception's message")

    monkeypatch.setitem(outbox._handlers, "test.fails", fail)
    with tenant_scope(here.tenant_id):
        with tenant_transaction():
            item = outbox.enqueue("test.fails", {"id": "1"})
        outbox.run_due()
    telling()
    (run,) = [span for span in received.spans if span.name == "work test.fails"]
    assert told(run)["error.type"] == "builtins.ValueError"
    assert run.status.code == 2
    assert not run.status.message
    assert not run.events
    assert b"a canary" not in received.everything
    with tenant_scope(here.tenant_id), tenant_transaction():
        outbox.WorkItem.objects.filter(id=item).delete()


def test_a_refusal_is_no_error_of_ours(here, telling, received):
    from foundation.kernel.problems import NotFound
    from foundation.telemetry import Name
    from governance.measured import changes

    @changes(Name.DELETE)
    def refuse(*, memory_id):
        raise NotFound

    try:
        refuse(memory_id=None)
    except NotFound:
        telling()
    (span,) = [span for span in received.spans if span.name == "delete_memory"]
    assert told(span)["error.type"] == "foundation.kernel.problems.NotFound"
    assert span.status.code == 0


def test_nothing_is_made_while_nobody_asks(settings):
    from foundation import telemetry
    from memwrit import telemetry as process

    settings.OTEL_TRACES = settings.OTEL_METRICS = settings.OTEL_LOGS = frozenset()
    process.start("web")
    assert not telemetry.tracing()
    assert telemetry.carry() == ""
    assert telemetry.span(telemetry.Name.SEARCH) is telemetry.span(telemetry.Name.CREATE)
