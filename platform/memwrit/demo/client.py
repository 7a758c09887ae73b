"""The demo's REST client: the standard library and nothing of the product, as anybody's program would have it."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# The server closes a connection that was idle for five seconds; one of ours is not used for that long.
FRESH = 3.0


class Broken(Exception):
    """A promise did not hold; the message says which, and what came instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `body` is the JSON object, or empty where the answer is none."""

    status: int
    body: dict[str, Any]
    text: str
    etag: str = ""
    location: str = ""
    retry_after: str = ""

    def must(self, *statuses: int) -> Answer:
        """Itself, if the status is one of these; else `Broken` with the problem's own words."""
        if self.status in statuses:
            return self
        said = self.body.get("title") or self.text[:80].replace("\n", " ")
        errors = ", ".join(f"{each.get('pointer')} {each.get('code')}" for each in self.body.get("errors", ()))
        wanted = " or ".join(map(str, statuses))
        raise Broken(f"expected {wanted}, came {self.status} {said} {errors}".rstrip())

    @property
    def problem(self) -> str:
        """The slug of the problem, such as `not-found`."""
        return str(self.body.get("type", "")).removeprefix("/problems/")


class Line:
    """One kept-alive connection, so that a run talks to one web process and its models are loaded once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._place = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def ask(self, method: str, path: str, headers: dict[str, str], data: bytes | None) -> Answer:
        """Send a request; once more on a new connection if the kept one was closed meanwhile."""
        try:
            return self._ask(method, path, headers, data)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            return self._ask(method, path, headers, data)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, headers: dict[str, str], data: bytes | None) -> Answer:
        if self._connection is None or time.monotonic() - self._used > FRESH:
            self.close()
            self._connection = http.client.HTTPConnection(self._place, timeout=120)
        self._connection.request(method, path, data, headers)
        came = self._connection.getresponse()
        text = came.read().decode()
        self._used = time.monotonic()
        told = [came.headers.get(name, "") for name in ("ETag", "Location", "Retry-After")]
        return Answer(came.status, _object(text), text, *told)


def _object(text: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    return {}


@dataclass(frozen=True, slots=True)
class Client:
    """Requests under one API key."""

    line: Line
    key: str = ""

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def post(self, path: str, body: dict[str, Any], *, match: str = "") -> Answer:
        """A POST under an idempotency key of its own, so that asking again changes nothing twice."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} | ({"If-Match": match} if match else {})
        return self._ask("POST", path, body, headers)

    def patch(self, path: str, body: dict[str, Any], *, match: str) -> Answer:
        return self._ask("PATCH", path, body, {"If-Match": match})

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        told = {"Accept": "application/json, */*"} | (headers or {})
        if self.key:
            told["Authorization"] = f"Bearer {self.key}"
        if body is None:
            return self.line.ask(method, path, told, None)
        told["Content-Type"] = "application/json"
        return self.line.ask(method, path, told, json.dumps(body).encode())


def eventually(ask: Callable[[], Answer], good: Callable[[Answer], bool], what: str, within: float = 60.0) -> Answer:
    """Ask until the answer is good; `Broken` after `within` seconds, with the last answer's words."""
    limit = time.monotonic() + within
    while True:
        answer = ask()
        if good(answer):
            return answer
        if time.monotonic() > limit:
            raise Broken(f"{what} did not come within {within:.0f} s (last answer {answer.status} {answer.problem})")
        time.sleep(0.15)
