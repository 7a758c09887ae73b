"""Stands between the engine and its node, and does what networks and proxies do: drops, hangs, lies, is busy."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered in the node's place, or of it. `hang`: nothing until the proxy ends; `drop`: the line goes dead."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    hang: bool = False
    drop: bool = False


Rule = Callable[[Request, Callable[[], Reply]], Reply]
"""Gets the request and a way to ask the node; says what is answered."""


def faithful(_: Request, ask: Callable[[], Reply]) -> Reply:
    return ask()


@dataclass(slots=True)
class Proxy:
    url: str
    rule: Rule = faithful
    seen: list[Request] = field(default_factory=list)


@contextlib.contextmanager
def in_front_of(url: str, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """`tls`: it is asked over TLS with that certificate (the node behind it is not)."""
    ended = threading.Event()
    server = _Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    proxy = Proxy(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}")
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.RequestHandlerClass = _handler(proxy, url, ended)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A handshake that the other side broke off is what some tests are about."""


def _handler(proxy: Proxy, url: str, ended: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, body, dict(self.headers))
            proxy.seen.append(request)
            reply = proxy.rule(request, lambda: _asked(url, request, self.headers.get("Content-Type")))
            if reply.hang:
                ended.wait(60)
            if reply.hang or reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


def _asked(url: str, request: Request, kind: str | None) -> Reply:
    parts = urlsplit(url)
    node = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"Content-Type": kind} if kind else {}
    node.request(request.method, request.path, body=request.body, headers=headers)
    answer = node.getresponse()
    return Reply(answer.status, answer.read(), answer.headers.get("Content-Type", "application/json"))
