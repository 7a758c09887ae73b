"""The one way out, against real servers with faults. Names are resolved by the tests; addresses are the loopback's."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time

import pytest

from foundation.egress import (
    Client,
    EgressError,
    EgressFailed,
    EgressRefused,
    Limits,
    Origin,
    Use,
    Why,
    allowed,
)
from tests.foundation.egress.servers import answering, certified, plain, serving

SECRET = "hunter2-in-the-path"
QUICK = Limits(connect=1.0, total=0.6, body=2000)
PATIENCE = 15  # seconds: far above what QUICK allows, far below what a peer would keep us


def here(server, scheme="http", host="127.0.0.1"):
    return [Origin(scheme, host, server.port)]


def asked(server, *, limits=QUICK, path="/", method="GET", body=b"", headers=None):
    client = Client(Use.JUDGE, limits, allow=here(server))
    return client.request(method, server.url(path), body=body, headers=headers)


def failure(server, **how):
    began = time.monotonic()
    with pytest.raises(EgressFailed) as caught:
        asked(server, **how)
    assert time.monotonic() - began < PATIENCE
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "an error below may quote what was read"
    return caught.value.why


def refusal(url, **how):
    with pytest.raises(EgressRefused) as caught:
        Client(Use.WEBHOOK, QUICK, **{"allow": (), **how}).request("GET", url)
    return caught.value.why


def test_a_whole_answer_comes_back():
    with serving(answering(plain("200 OK", b"fine", "X-Kind: A"))) as server:
        answer = asked(server, path="/a/b?c=d", method="POST", body=b"{}", headers={"content-type": "application/json"})
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"fine", "A")
    assert server.requests[0].startswith(b"POST /a/b?c=d HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}".encode() in server.requests[0]
    assert server.requests[0].endswith(b"{}")


def test_an_error_status_is_an_answer_too():
    with serving(answering(plain("503 Unavailable", b"", "Retry-After: 7"))) as server:
        answer = asked(server)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(status):
    with serving(answering(plain("200 OK"))) as inside:
        with serving(answering(plain(status, b"", f"Location: {inside.url()}"))) as server:
            assert failure(server) is Why.REDIRECT
        assert inside.connections == 0


def drip(line, _request):
    """Slow loris: one byte of a header now and then, for ever."""
    line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        line.sendall(b"a")
        time.sleep(0.05)


def drip_body(line, _request):
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        line.sendall(b"a")
        time.sleep(0.05)


def drip_endlessly(line, _request):
    """No length: when the line is cut this looks like an answer that ended."""
    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        line.sendall(b"a")
        time.sleep(0.05)


def hold(line, _request):
    time.sleep(3)


def continue_for_ever(line, _request):
    with contextlib.suppress(OSError):
        for _ in range(1000):
            line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.01)


@pytest.mark.parametrize("serve", [drip, drip_body, drip_endlessly, hold, continue_for_ever])
def test_a_slow_peer_is_cut_off_when_the_whole_time_is_up(serve):
    with serving(serve) as server:
        assert failure(server) is Why.TIME


def test_a_peer_that_never_finishes_the_handshake_is_cut_off():
    listener = socket.create_server(("127.0.0.1", 0))
    origin = Origin("https", "127.0.0.1", listener.getsockname()[1])
    began = time.monotonic()
    with listener, pytest.raises(EgressFailed) as caught:
        Client(Use.JUDGE, QUICK, allow=[origin]).request("GET", f"https://127.0.0.1:{origin.port}/")
    assert caught.value.why is Why.TIME
    assert time.monotonic() - began < PATIENCE


def test_a_resolver_that_does_not_answer_is_not_waited_for():
    answered = threading.Event()
    client = Client(Use.JUDGE, QUICK, allow=(), resolve=lambda *_: [] if answered.wait(2 * PATIENCE) else None)
    began = time.monotonic()
    with pytest.raises(EgressFailed) as caught:
        client.request("GET", "https://a.example/")
    assert caught.value.why is Why.TIME
    assert time.monotonic() - began < PATIENCE
    answered.set()


def flood(line, _request):
    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)


def flood_in_chunks(line, _request):
    line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        line.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")


@pytest.mark.parametrize("serve", [flood, flood_in_chunks, answering(plain("200 OK", b"x" * 2001))])
def test_a_huge_answer_is_not_read(serve):
    with serving(serve) as server:
        assert failure(server, limits=Limits(total=5, body=2000)) is Why.SIZE


def test_an_answer_of_just_the_allowed_size_is_read():
    with serving(answering(plain("200 OK", b"x" * 2000))) as server:
        assert len(asked(server).body) == 2000


def test_a_compressed_answer_is_refused():
    with serving(answering(plain("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"))) as server:
        assert failure(server) is Why.ENCODING


def reset(line, _request):
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    line.close()


@pytest.mark.parametrize(
    "serve",
    [
        reset,
        answering(b""),
        answering(b"SSH-2.0-OpenSSH\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        answering(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
    ],
)
def test_what_is_not_whole_valid_http_is_no_answer(serve):
    with serving(serve) as server:
        assert failure(server) in (Why.PROTOCOL, Why.CONNECT)


def test_a_closed_port_is_no_connection():
    with serving(answering(b"")) as server:
        pass
    assert failure(server) is Why.CONNECT


@pytest.mark.parametrize(
    "url",
    [
        *("https://user:word@a.example/", "https://a.example@127.0.0.1/", "https://2130706433/", "https://0177.0.0.1/"),
        *("https://0x7f.1/", "https://127.1/", "ftp://a.example/", "file:///etc/passwd", "//a.example/", "https:///x"),
        *("https://a.example\\@127.0.0.1/", "https://a.example/#x", "https://a.example/ b", "https://a.example:0/"),
        *(
            "https://a.example:99999/",
            "https://a.example:x/",
            "https://[::1/",
            "https://bücher.example/",
            "",
            "https://",
        ),
        *("https://a.example/\r\nHost: b", "https://[fe80::1%25eth0]/", "https://a.example\t/", "gopher://a.example/"),
    ],
)
def test_urls_that_can_be_read_two_ways_are_refused(url):
    assert refusal(url, resolve=lambda *_: ["8.8.8.8"]) is Why.URL


def test_http_is_refused_where_no_setting_opens_it():
    assert refusal("http://a.example/", resolve=lambda *_: ["8.8.8.8"]) is Why.SCHEME


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1"),
        *("fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
    ],
)
def test_a_name_that_leads_inside_is_refused(address):
    assert refusal("https://a.example/", resolve=lambda *_: [address]) is Why.ADDRESS


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.8"])
def test_an_address_in_the_url_is_judged_too(host):
    assert refusal(f"https://{host}/") is Why.ADDRESS


def test_one_address_inside_spoils_the_name():
    assert refusal("https://a.example/", resolve=lambda *_: ["8.8.8.8", "127.0.0.1"]) is Why.ADDRESS


def test_an_allowed_origin_reaches_the_loopback_and_never_the_metadata_service():
    with serving(answering(plain("200 OK"))) as server:
        url, allow = server.url(host="model.internal"), here(server, host="model.internal")
        client = Client(Use.JUDGE, QUICK, allow=allow, resolve=lambda *_: ["127.0.0.1"])
        assert client.request("GET", url).status == 200
        turned = Client(Use.JUDGE, QUICK, allow=allow, resolve=lambda *_: ["169.254.169.254"])
        with pytest.raises(EgressRefused):
            turned.request("GET", url)


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address():
    """DNS rebinding: the second answer of the resolver would lead elsewhere, and is never asked for."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]])
    asked_for = []

    def rebinding(host, port):
        asked_for.append((host, port))
        return next(answers)

    with serving(answering(plain("200 OK"))) as server:
        client = Client(Use.JUDGE, QUICK, allow=here(server, host="turns.example"), resolve=rebinding)
        assert client.request("GET", server.url(host="turns.example")).status == 200
    assert asked_for == [("turns.example", server.port)]
    assert f"Host: turns.example:{server.port}".encode() in server.requests[0]


def test_a_name_without_an_address_fails():
    def unknown(*_):
        raise socket.gaierror(-2, "unknown")

    with pytest.raises(EgressFailed) as caught:
        Client(Use.WEBHOOK, QUICK, allow=(), resolve=unknown).request("GET", "https://a.example/")
    assert caught.value.why is Why.UNRESOLVED


def over_tls(tmp_path, certificate, host, *, trusted=True):
    context, trusting = certified(tmp_path, certificate)
    with serving(answering(plain("200 OK", b"tls")), context) as server:
        client = Client(
            Use.JUDGE,
            Limits(total=5),
            allow=here(server, "https", host),
            resolve=lambda *_: ["127.0.0.1"],
            context=trusting if trusted else None,
        )
        try:
            return client.request("GET", server.url(scheme="https", host=host)).body
        finally:
            assert (trusted and certificate == host) or not server.requests, "nothing is sent before the name is proven"


def test_tls_is_checked_against_the_name_though_the_address_is_pinned(tmp_path):
    assert over_tls(tmp_path, "judge.example", "judge.example") == b"tls"


def test_the_certificate_of_another_name_is_refused(tmp_path):
    with pytest.raises(EgressFailed) as caught:
        over_tls(tmp_path, "other.example", "judge.example")
    assert caught.value.why is Why.TLS


def test_the_certificate_of_an_unknown_authority_is_refused(tmp_path):
    with pytest.raises(EgressFailed) as caught:
        over_tls(tmp_path, "judge.example", "judge.example", trusted=False)
    assert caught.value.why is Why.TLS


def test_a_url_can_be_checked_without_asking_anybody():
    def asked(*_):
        raise AssertionError("the resolver was asked")

    client = Client(Use.JUDGE, QUICK, allow=[Origin("http", "127.0.0.1", 80)], resolve=asked)
    client.check("https://a.example/v1")
    client.check("http://127.0.0.1/v1")
    with pytest.raises(EgressRefused):
        client.check("http://127.0.0.1:81/v1")


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with serving(answering(plain("500 Proxy"))) as proxy, serving(answering(plain("200 OK"))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert asked(server).status == 200
        assert proxy.connections == 0


def test_the_setting_opens_an_origin_to_the_use_it_names(settings):
    settings.EGRESS_ALLOW = ["webhook=http://127.0.0.1:81", "http://127.0.0.1:80/", "https://Model.internal"]
    named, own = Origin("http", "127.0.0.1", 81), Origin("http", "127.0.0.1", 80)
    assert allowed(Use.WEBHOOK) == {named}
    assert allowed(Use.JUDGE) == {own, Origin("https", "model.internal", 443)}


@pytest.mark.parametrize(
    "entry", ["127.0.0.1:80", "http://127.0.0.1/path", "jugde=http://127.0.0.1:80", "judge=*", "http://u@h/", "judge="]
)
def test_an_entry_that_is_no_origin_stops_everything(settings, entry):
    settings.EGRESS_ALLOW = [entry]
    with pytest.raises(EgressRefused):
        allowed(Use.JUDGE)


def test_nothing_said_or_heard_stands_in_errors_or_logs(caplog):
    caplog.set_level(logging.DEBUG)
    heard = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\nX: " + SECRET.encode() + b"\r\n\r\n" + SECRET.encode()
    with serving(answering(heard)) as server, pytest.raises(EgressError) as caught:
        asked(server, path=f"/{SECRET}", method="POST", body=SECRET.encode(), headers={"authorization": SECRET})
    assert SECRET.encode() in server.requests[0], "the control: it was sent"
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert SECRET not in caplog.text
