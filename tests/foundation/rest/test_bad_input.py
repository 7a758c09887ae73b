"""Bad input is a problem with a place, and leaves nothing behind."""

import json

import pytest

from foundation.kernel.scope import tenant_transaction
from tests.foundation.rest.probe import made

GOOD = {"name": "Zoë's desk"}


def problem(response, status, slug):
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}")
    assert {"title", "detail", "errors", "trace_id"} <= body.keys()
    return body


def kept():
    with tenant_transaction():
        return made().count()


def test_a_good_request_is_kept(caller):
    assert caller.post("/v1/things", GOOD).status_code == 201
    assert kept() == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "cut short"),
        (b"", "nothing, said to be JSON"),
        (b'{"name": "x", "name": "y"}', "a name twice"),
        (b'{"name": "x", "count": NaN}', "NaN"),
        (b'{"name": "x", "count": 1e999}', "beyond a double"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"name": "x"}', "a byte order mark"),
        (b'{"name": "\x00"}', "a raw NUL"),
        (b'{"name": "\\ud800"}', "a lone surrogate"),
        (b'{"\\udfff": 1}', "a lone surrogate in a name"),
        (b'{"metadata": ' + b"[" * 40 + b"]" * 40 + b"}", "deep"),
        (b"[" * 200_000, "very deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "very deep and closed"),
        (b'{"count": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_body_is_refused(caller, data, why):
    if why == "nothing, said to be JSON":
        problem(caller.raw("/v1/things", data), 422, "validation")
    else:
        problem(caller.raw("/v1/things", data), 400, "malformed")
    assert kept() == 0


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"name": None}, "/name", "null"),
        ({"name": 5}, "/name", "invalid"),
        ({"name": ["x"]}, "/name", "invalid"),
        ({"name": ""}, "/name", "blank"),
        ({"name": "x" * 65}, "/name", "pattern"),
        ({"text": "x" * 100_001}, "/text", "max-bytes"),
        ({"name": "x\n"}, "/name", "pattern"),
        ({"name": "<b>"}, "/name", "pattern"),
        ({"name": "a\x00b"}, "/name", "nul"),
        ({"metadata": {"k": "a\x00b"}}, "/metadata/k", "nul"),
        ({"text": "é" * 40_000}, "/text", "max-bytes"),
        ({"count": "5"}, "/count", "invalid"),
        ({"count": True}, "/count", "invalid"),
        ({"count": 1.5}, "/count", "invalid"),
        ({"count": 10}, "/count", "max-value"),
        ({"count": -1}, "/count", "min-value"),
        ({"count": 10**400}, "/count", "max-value"),
        ({"flag": 1}, "/flag", "invalid"),
        ({"flag": "true"}, "/flag", "invalid"),
        ({"kind": "three"}, "/kind", "invalid-choice"),
        ({"kind": ["one"]}, "/kind", "invalid-choice"),
        ({"when": "2026-11-22"}, "/when", "invalid"),
        ({"when": "2026-11-22T10:00:00"}, "/when", "invalid"),
        ({"when": "2026-02-30T10:00:00Z"}, "/when", "invalid"),
        ({"when": "0001-01-01T00:00:00+23:00"}, "/when", "invalid"),
        ({"when": 1}, "/when", "invalid"),
        ({"span": "P"}, "/span", "invalid"),
        ({"span": "P1Y"}, "/span", "invalid"),
        ({"span": "24h"}, "/span", "invalid"),
        ({"ids": "01a202c9-0001-7a00-8000-000000000001"}, "/ids", "not-a-list"),
        ({"ids": ["01a202c9000170008000000000000001"]}, "/ids/0", "invalid"),
        ({"ids": ["01a202c9-0001-7a00-8000-000000000001"] * 2}, "/ids", "unique"),
        ({"ids": ["x"] * 4}, "/ids", "max-length"),
        ({"inner": {}}, "/inner", "not-a-list"),
        ({"inner": [{"note": "ok"}, {"note": 1}]}, "/inner/1/note", "invalid"),
        ({"inner": [{"note": "ok", "more": 1}]}, "/inner/0/more", "unknown-field"),
        ({"inner": [5]}, "/inner/0", "invalid"),
        ({"metadata": []}, "/metadata", "invalid"),
        ({"metadata": {"k": {}}}, "/metadata", "invalid"),
        ({"metadata": {"k": 1.5}}, "/metadata", "invalid"),
        ({"metadata": {"a b": 1}}, "/metadata", "key"),
        ({"metadata": {str(i): i for i in range(65)}}, "/metadata", "max-length"),
        ({"more": 1}, "/more", "unknown-field"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown-field"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_field_is_named_by_its_pointer(caller, change, pointer, code):
    body = problem(caller.post("/v1/things", GOOD | change), 422, "validation")
    assert {"pointer": pointer, "code": code}.items() <= body["errors"][0].items()
    assert kept() == 0


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "5", "true"])
def test_a_body_that_is_no_object_is_refused(caller, body):
    problem(caller.raw("/v1/things", body), 422, "validation")


def test_every_wrong_field_is_told_at_once(caller):
    body = problem(caller.post("/v1/things", {"count": "x", "flag": 0, "more": 1}), 422, "validation")
    assert {error["pointer"] for error in body["errors"]} == {"/name", "/count", "/flag", "/more"}


def test_errors_never_repeat_what_was_sent(caller):
    secret = "Ana-Diaz-prefers-the-aisle"
    sent = {"name": f"<{secret}>", "kind": secret, "when": secret, "ids": [secret], "count": secret}
    response = caller.post("/v1/things", sent)
    assert response.status_code == 422
    assert secret not in response.content.decode()


def test_a_mebibyte_is_too_large(caller):
    problem(caller.raw("/v1/things", json.dumps({"name": "x" * 1024 * 1024})), 413, "too-large")


def test_just_under_a_mebibyte_is_read(caller):
    padded = json.dumps({"name": "x"}) + " " * (1024 * 1024 - 100)
    assert caller.raw("/v1/things", padded).status_code == 201


def test_a_length_that_is_no_number_is_malformed(caller):
    response = caller.client.post(
        "/v1/things", "{}", content_type="application/json", headers=caller.headers, CONTENT_LENGTH="x"
    )
    problem(response, 400, "malformed")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
def test_another_content_type_is_refused(caller, content_type):
    response = caller.raw("/v1/things", "name=x", content_type=content_type)
    assert (response.status_code, response["Content-Type"]) == (415, "application/problem+json")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=1&limit=2",
        "more=1",
        "cursor=",
        "cursor=%00",
        "cursor=abc",
        "limit=1.5",
    ],
)
def test_a_wrong_parameter_is_refused(caller, query):
    problem(caller.get(f"/v1/things?{query}"), 422, "validation")


@pytest.mark.parametrize("method", ["delete", "patch", "put", "options", "trace"])
def test_a_method_that_is_not_there_tells_those_that_are(caller, method):
    response = caller.client.generic(method.upper(), "/v1/things", headers=caller.headers)
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert response["Allow"] == "GET, POST, HEAD"


@pytest.mark.parametrize("path", ["/nope", "/v1/things/1", "/v1/things/", "/v1/%00", "/v1/%ff", "/v1/../things"])
def test_a_path_that_is_not_there_is_a_problem(caller, path):
    problem(caller.get(path), 404, "not-found")


def test_a_chunked_body_is_read_and_bounded(tenant, settings):
    """gunicorn hands a chunked body over without a length, as a stream that ends by itself."""
    import io

    from django.core.handlers.wsgi import WSGIHandler

    def send(data):
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/v1/things", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/json", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(data),
            "wsgi.url_scheme": "http", "HTTP_AUTHORIZATION": f"Bearer {tenant} admin", "HTTP_HOST": "127.0.0.1",
        }  # fmt: skip
        told = []
        list(WSGIHandler()(environ, lambda status, headers: told.append(status)))
        return int(told[0].split()[0])

    assert send(b'{"name": "x"}') == 201
    assert send(b'{"name": "' + b"x" * 1024 * 1024 + b'"}') == 413
