"""The way of a request: who, what act, in which scope, and what a refusal looks like."""

import logging
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.response import Response

from foundation.kernel.scope import NoTenantInScope, current_tenant
from foundation.rest import throttles
from foundation.rest.views import Endpoint
from tests.foundation.rest import probe


def test_a_view_without_an_act_does_not_load():
    with pytest.raises(ImproperlyConfigured):
        type("Careless", (Endpoint,), {"get": lambda self, request: Response({})})


def test_a_view_with_an_act_for_a_method_it_lacks_does_not_load():
    with pytest.raises(ImproperlyConfigured):
        type("Boastful", (Endpoint,), {"acts": {"GET": "a.b", "PUT": "a.c"}, "get": lambda self, request: Response({})})


def test_a_changing_post_that_cannot_be_replayed_does_not_load():
    with pytest.raises(ImproperlyConfigured):
        type("Forgetful", (Endpoint,), {"acts": {"POST": "a.b"}, "post": lambda self, request: Response({})})


def test_a_view_inherits_the_acts_of_its_methods():
    assert type("Heir", (probe.OneThing,), {}).acts == probe.OneThing.acts


def test_a_stranger_is_told_how_to_come_in(stranger):
    response = stranger.get("/v1/things")
    assert response.status_code == 401
    assert response.json()["type"] == "/problems/unauthenticated"
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert probe.denials == []


def test_a_public_view_asks_for_nothing(stranger):
    assert stranger.get("/v1/open").status_code == 200


def test_a_role_without_the_right_is_refused_and_the_denial_recorded(reader):
    response = reader.post("/v1/things")
    assert (response.status_code, response.json()["type"]) == (403, "/problems/policy-denied")
    assert probe.denials == [("reader", "thing.write", "policy-denied", None)]


def test_a_role_without_the_right_is_refused_before_its_body_is_read(reader):
    assert reader.raw("/v1/things", b"{").status_code == 403


def test_a_hidden_thing_is_a_404_like_any_and_its_denial_recorded(reader):
    hidden, gone = reader.get(f"/v1/things/{probe.UUID(int=1)}"), reader.get("/v1/other")
    alike = [{k: v for k, v in r.json().items() if k != "trace_id"} for r in (hidden, gone)]
    assert alike[0] == alike[1]
    assert [denial[2:] for denial in probe.denials] == [("not-found", probe.UUID(int=1))]


def test_a_look_is_recorded_once_and_a_refused_one_is_not(reader):
    assert reader.get("/v1/things").status_code == 200
    reader.get(f"/v1/things/{probe.UUID(int=1)}")
    assert probe.looks == [("reader", "thing.read", None)]


def test_a_look_that_cannot_be_recorded_is_not_answered(reader, settings):
    settings.MEMWRIT_LOOK = "tests.foundation.rest.probe.fail"
    assert reader.get("/v1/things").status_code == 500


def test_a_denial_that_cannot_be_recorded_stays_a_denial(reader, settings):
    settings.MEMWRIT_DENIAL = "tests.foundation.rest.probe.fail"
    assert reader.post("/v1/things").status_code == 403


def test_the_scope_is_the_credentials_and_ends_with_the_request(neighbour, other_tenant, monkeypatch):
    seen = []
    monkeypatch.setattr(probe.Things, "post", lambda self, request: seen.append(current_tenant()) or Response({}))
    neighbour.post("/v1/things")
    assert seen == [other_tenant]
    with pytest.raises(NoTenantInScope):
        current_tenant()


def test_a_bug_is_a_500_without_its_message_anywhere(caller, caplog):
    with caplog.at_level(logging.DEBUG):
        response = caller.post("/v1/fragile")
    assert response.status_code == 500
    assert response["Content-Type"] == "application/problem+json"
    assert "RuntimeError" in caplog.text
    assert "Ana Diaz" not in caplog.text + response.content.decode()


def test_what_cannot_be_rendered_is_a_500_too(caller, monkeypatch):
    monkeypatch.setattr(probe.Things, "post", lambda self, request: Response({"x": float("nan")}))
    response = caller.post("/v1/things")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")


def test_a_database_that_is_away_is_a_503(caller, monkeypatch):
    from django.db import OperationalError

    def away(self, request):
        raise OperationalError("connection to server at 10.0.0.7 failed")

    monkeypatch.setattr(probe.Things, "post", away)
    response = caller.post("/v1/things")
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert "10.0.0.7" not in response.content.decode()


def test_every_answer_is_named_and_kept_out_of_caches(caller, stranger):
    answers = [caller.get("/v1/things"), stranger.get("/v1/things"), caller.get("/nope")]
    assert len({answer["X-Request-Id"] for answer in answers}) == 3
    for answer in answers:
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_a_problem_names_the_callers_trace(caller):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    told = caller.get("/v1/things?limit=0", traceparent=f"00-{trace}-00f067aa0ba902b7-01").json()
    assert told["trace_id"] == trace


@pytest.mark.parametrize("header", ["", "x", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{'a' * 32}-{'0' * 16}-01"])
def test_a_trace_that_is_none_is_replaced(caller, header):
    trace = caller.get("/v1/things?limit=0", traceparent=header).json()["trace_id"]
    assert len(trace) == 32
    assert trace not in header


def test_head_is_get_without_a_body(caller):
    response = caller.client.head("/v1/things?limit=2", headers=caller.headers)
    assert (response.status_code, response.content) == (200, b"")


def test_only_json_is_served(caller):
    assert caller.get("/v1/things", Accept="text/html").status_code == 406
    assert caller.get("/v1/things", Accept="application/*").status_code == 200


@pytest.mark.parametrize(("tag", "status"), [(None, 428), ("", 428), ('"v6-0"', 412), ("v7-0", 412), ('W/"v7-0"', 412), ('"v6-0" "v7-0"', 412), ('"v7-0"', 200), ('"v6-0", "v7-0"', 200), ("*", 200)])  # fmt: skip
def test_a_change_needs_the_tag_that_was_read(caller, tag, status):
    headers = {} if tag is None else {"If_Match": tag}
    assert caller.raw(f"/v1/things/{uuid4()}", '{"name": "x"}', method="put", **headers).status_code == status


def test_a_spent_credential_waits_and_another_does_not(caller, neighbour, settings):
    settings.RATE_LIMIT = (3, 0.01)
    answers = [caller.get("/v1/things") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["type"] == "/problems/rate-limited"
    assert 90 <= int(answers[-1]["Retry-After"]) <= 100
    assert [answer["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert neighbour.get("/v1/things").status_code == 200


def test_strangers_are_slowed_by_address_and_guests_are_not(caller, stranger, settings):
    settings.RATE_LIMIT_STRANGERS = (2, 0.01)
    assert [stranger.get("/v1/things").status_code for _ in range(3)] == [401, 401, 429]
    assert caller.get("/v1/things").status_code == 200


def test_a_bucket_refills_with_time_and_never_beyond_its_burst():
    at = [0.0]
    buckets, rate = throttles.Buckets(clock=lambda: at[0]), throttles.Rate(2, 0.5)
    assert [buckets.take("a", rate).wait for _ in range(3)] == [0, 0, 2]
    at[0] = 2.0
    assert [buckets.take("a", rate).wait for _ in range(2)] == [0, 2]
    at[0] = 1000.0
    assert [buckets.take("a", rate).wait for _ in range(3)] == [0, 0, 2]


@pytest.mark.parametrize(("address", "named"), [("10.0.0.7", "10.0.0.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", "unknown")])  # fmt: skip
def test_an_ipv6_caller_is_a_network(address, named):
    assert throttles.network(address) == named
