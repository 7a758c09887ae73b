"""The one outgoing HTTP client: nothing else opens a connection to an address that a setting or a tenant names.

https to public addresses only. The name is resolved once, every address it has is judged, and the connection goes to
one of those, so a name that changes its mind afterwards (DNS rebinding) changes nothing. No redirect is followed, no
proxy or `.netrc` is read, size and time are bounded as a whole: a peer that sends a byte now and then is cut off too.
`EGRESS_ALLOW` opens single origins that an operator names, http and private addresses included.

Exceptions carry a closed word and nothing else: no URL (its path may be a secret), no header, no byte of a body.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, SimpleQueue
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from foundation.addresses import Reach, host_of, reach
from foundation.pinned import Deadline, EgressError, EgressFailed, EgressRefused, Pin, PinnedHTTP, PinnedHTTPS, Why

__all__ = [
    "Answer",
    "Client",
    "EgressError",
    "EgressFailed",
    "EgressRefused",
    "Limits",
    "Origin",
    "Use",
    "Why",
    "allowed",
    "system_resolver",
]

Resolve = Callable[[str, int], Sequence[str]]
"""From a name and a port to addresses, as text. Raises `OSError` when there are none."""

_CHUNK = 16 * 1024
_MOST_ADDRESSES = 3
_VISIBLE = re.compile(r"[!-~]+")
_PORTS = {"https": 443, "http": 80}


class Use(StrEnum):
    """What a request is for. An allowed origin without a use serves those whose URL the operator sets himself."""

    JUDGE = "judge"
    WEBHOOK = "webhook"
    IDENTITY = "identity"
    IMPORT = "import"
    WITNESS = "witness"


OPERATORS_OWN = frozenset({Use.JUDGE, Use.WITNESS})


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, seconds in all (resolving, handshake and every byte), bytes of the answer's body."""

    connect: float = 5.0
    total: float = 20.0
    body: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Header names are in lower case; of a repeated header the values are joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's answer."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed(use: Use) -> frozenset[Origin]:
    """The origins that `EGRESS_ALLOW` opens to `use`: `judge=http://127.0.0.1:8080`, or an origin alone.

    Raises `EgressRefused` for an entry that is not an origin: a typing error must not silently open less or more.
    """
    found = set()
    for entry in settings.EGRESS_ALLOW:
        named, sign, url = entry.partition("=")
        if sign and named not in list(Use):
            raise EgressRefused(Why.SETTING)
        origin = _origin_alone(url if sign else entry)
        if use in ({named} if sign else OPERATORS_OWN):
            found.add(origin)
    return frozenset(found)


def _origin_alone(url: str) -> Origin:
    parts, origin = _split(url)
    if parts.path not in ("", "/") or parts.query:
        raise EgressRefused(Why.SETTING)
    return origin


@dataclass(frozen=True, slots=True)
class Client:
    """One use's way out. Everything but `use` is for tests and for limits tighter or wider than usual."""

    use: Use
    limits: Limits = Limits()
    allow: Iterable[Origin] | None = None
    resolve: Resolve = system_resolver
    context: ssl.SSLContext | None = None

    def request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send one request and read the whole answer, whatever its status. Raises `EgressRefused`, `EgressFailed`.

        Never inside a database transaction: it waits for others.
        """
        parts, origin, open_origin = self._permitted(url)
        with Deadline(self.limits.total) as deadline:
            addresses = _judged(_resolved(self.resolve, origin, deadline), private=open_origin)
            line = self._line(origin, addresses, deadline)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            try:
                return _exchange(line, method, target, dict(headers or {}), body, self.limits, deadline)
            finally:
                line.close()

    def check(self, url: str) -> None:
        """Raise `EgressRefused` where settings or URL alone refuse it; nobody is asked for the name's address."""
        self._permitted(url)

    def _permitted(self, url: str) -> tuple[SplitResult, Origin, bool]:
        """The URL taken apart, and whether its origin was opened by name."""
        parts, origin = _split(url)
        open_origin = origin in (allowed(self.use) if self.allow is None else frozenset(self.allow))
        if origin.scheme != "https" and not open_origin:
            raise EgressRefused(Why.SCHEME)
        return parts, origin, open_origin

    def _line(self, origin: Origin, addresses: Sequence[str], deadline: Deadline) -> HTTPConnection:
        pin = Pin(addresses, origin.port, self.limits.connect, deadline)
        # The name stays the connection's host: certificate, SNI and Host header are those of the name.
        if origin.scheme == "https":
            return PinnedHTTPS(origin.host, origin.port, pin, self.context or _context())
        return PinnedHTTP(origin.host, origin.port, pin)


def _split(url: str) -> tuple[SplitResult, Origin]:
    """The URL taken apart, once: what is judged is what is connected to. Raises `EgressRefused`."""
    if not _VISIBLE.fullmatch(url) or "\\" in url or "#" in url:
        raise EgressRefused(Why.URL)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EgressRefused(Why.URL) from None
    host = host_of(parts.hostname or "")
    if parts.scheme not in _PORTS or "@" in parts.netloc or host is None or port == 0:
        raise EgressRefused(Why.URL)
    return parts, Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def _resolved(resolve: Resolve, origin: Origin, deadline: Deadline) -> list[str]:
    """The addresses of the origin, asked for once. A resolver cannot be interrupted, so a thread waits for it."""
    found: SimpleQueue[Sequence[str] | None] = SimpleQueue()

    def ask() -> None:
        try:
            found.put(resolve(origin.host, origin.port))
        except (OSError, UnicodeError):
            found.put(None)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        addresses = found.get(timeout=deadline.left())
    except Empty:
        raise EgressFailed(Why.TIME) from None
    if not addresses:
        raise EgressFailed(Why.UNRESOLVED)
    return list(addresses)


def _judged(addresses: Sequence[str], *, private: bool) -> Sequence[str]:
    """All of them or none: a name with one address inside and one outside is not trusted to mean the one outside."""
    good = {Reach.PUBLIC, Reach.PRIVATE} if private else {Reach.PUBLIC}
    if any(reach(address) not in good for address in addresses):
        raise EgressRefused(Why.ADDRESS)
    return addresses[:_MOST_ADDRESSES]


def _context() -> ssl.SSLContext:
    """The system's authorities (or those of `SSL_CERT_FILE`), host names checked, TLS 1.2 at least."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _exchange(
    line: HTTPConnection,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
    limits: Limits,
    deadline: Deadline,
) -> Answer:
    sent = {"accept-encoding": "identity", "user-agent": "memwrit", "connection": "close", **headers}
    try:
        line.request(method, target, body=body or None, headers=sent, preload_content=False, decode_content=False)
        answer = _read(line.getresponse(), limits)
        why = None
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as error:
        why = _why(error)
    # Raised here and not above: the error caught there may quote the answer, and would hang on this one as its context.
    if why or deadline.passed:  # a line that was cut may look like an answer that ended
        raise EgressFailed(Why.TIME if deadline.passed else why or Why.TIME)
    return answer


def _why(error: Exception) -> Why:
    """urllib3 wraps what ssl and the socket raise; the cause is what counts."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return Why.TLS
        if isinstance(seen, TimeoutError):
            return Why.TIME
        seen = seen.__cause__ or seen.__context__
    return Why.CONNECT if isinstance(error, ConnectionError) else Why.PROTOCOL


def _read(response: BaseHTTPResponse, limits: Limits) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if 300 <= response.status < 400:
        raise EgressFailed(Why.REDIRECT)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise EgressFailed(Why.ENCODING)
    body = bytearray()
    while part := response.read(min(_CHUNK, limits.body + 1 - len(body)), decode_content=False):
        body += part
        if len(body) > limits.body:
            raise EgressFailed(Why.SIZE)
    return Answer(response.status, headers, bytes(body))
