"""The one way to the node: time limits, a circuit breaker, and nothing but `Unavailable` when it does not answer well.

An answer that is not what was asked for (a proxy's page, half a document, a failed shard) is no answer. No body is ever
logged, at any level: it holds keyed terms and vectors.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import opensearchpy
import orjson
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from opensearchpy.exceptions import (
    ConnectionTimeout,
    NotFoundError,
    OpenSearchException,
    SerializationError,
    TransportError,
)
from opensearchpy.serializer import JSONSerializer

from foundation import telemetry
from foundation.kernel.problems import Unavailable
from foundation.search.opensearch.breaker import Breaker
from foundation.telemetry import Attribute, Name, Word, instruments

RETRY_AFTER: Final = 5
BUSY: Final = frozenset({429, 502, 503, 504})
Answer = dict[str, Any]
_SYSTEM: Final = Word("opensearch")
for _name in ("opensearch", "opensearchpy.trace"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Refused(RuntimeError):
    """The node understood and said no: a defect of ours. Holds the status and the error's type, never a body."""


class Busy(Unavailable):
    """It is there and has too much to do: ask again in a moment. Does not open the breaker."""

    def __init__(self) -> None:
        super().__init__("The search engine is busy.", retry_after=RETRY_AFTER)


class Nonsense(Unavailable):
    """An answer that lacks what every such answer has."""

    def __init__(self) -> None:
        super().__init__("The search engine answered nonsense.", retry_after=RETRY_AFTER)


class Quick(JSONSerializer):
    """The client's serialiser, for answers that are mostly numbers. Bodies of many lines come as bytes already."""

    def loads(self, s: str) -> Any:
        try:
            return orjson.loads(s)
        except orjson.JSONDecodeError:
            raise SerializationError("not JSON") from None  # and not what it was

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, bytes | str) else orjson.dumps(data)


class Connection:
    """Requests to the cluster named by `OPENSEARCH_URL` (one address or several, separated by commas)."""

    def __init__(self, *, patience: float | None = None) -> None:
        self._patience = patience or settings.OPENSEARCH_TIMEOUT
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._client: opensearchpy.OpenSearch | None = None

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        patience: float | None = None,
    ) -> Answer | None:
        """The JSON object it answers; None for 404. Raises `Unavailable` or `Refused`."""
        self._breaker.demand_closed()
        try:
            answer = self._perform(method, path, {**(params or {})}, body, patience or self._patience)
        except NotFoundError:
            self._breaker.succeeded()
            return None
        except OpenSearchException as error:
            raise self._failed(error) from None  # its text may hold what was sent
        if not isinstance(answer, dict):
            self._breaker.failed()
            raise Nonsense
        self._breaker.succeeded()
        return answer

    def _perform(self, method: str, path: str, params: dict[str, str], body: Any, patience: float) -> Any:
        what = _operation(method, path)
        told = {Attribute.DATABASE: _SYSTEM, Attribute.DATABASE_OPERATION: what}
        with telemetry.timed(instruments.ENGINE_DURATION, _SYSTEM, what), telemetry.span(Name.OPENSEARCH, told):
            return self._opened().transport.perform_request(
                method, path, params={**params, "request_timeout": patience}, body=body
            )

    def _failed(self, error: OpenSearchException) -> Exception:
        status = error.status_code if isinstance(error, TransportError) else None
        if status in BUSY:
            return Busy()
        if isinstance(status, int) and 400 <= status < 500 and status not in {401, 403, 408}:
            self._breaker.succeeded()
            return Refused(f"{status} {str(getattr(error, 'error', ''))[:60]}")
        self._breaker.failed()
        return unavailable(slow=isinstance(error, ConnectionTimeout))

    def _opened(self) -> opensearchpy.OpenSearch:
        """Made at the first request: a connection does not survive a fork."""
        with self._lock:
            if self._client is None:
                self._client = opensearchpy.OpenSearch(**options())
            return self._client


def _operation(method: str, path: str) -> Word:
    """What is asked for, as it is told: `_search`, `_bulk`, or the method. Never an index's name, nor an id."""
    return Word(next((part for part in path.partition("?")[0].split("/") if part[:1] == "_"), method))


def unavailable(*, slow: bool = False) -> Unavailable:
    said = "The search engine did not answer in time." if slow else "The search engine cannot be reached."
    return Unavailable(said, retry_after=RETRY_AFTER)


def options() -> dict[str, Any]:
    """What the client is made with, from the settings. Credentials stand in the URL or in settings of their own."""
    parts = [urlsplit(url.strip()) for url in settings.OPENSEARCH_URL.split(",")]
    secure = parts[0].scheme == "https"
    if any((part.scheme == "https") != secure for part in parts):
        raise ImproperlyConfigured("OPENSEARCH_URL: some of the nodes are asked with TLS and some without")
    return {
        "hosts": [{"host": part.hostname, "port": part.port or (443 if secure else 9200)} for part in parts],
        "http_auth": _credentials(parts[0].username, parts[0].password),
        "use_ssl": secure,
        "verify_certs": secure,
        "ssl_show_warn": False,
        "ca_certs": settings.OPENSEARCH_CA or None,
        "max_retries": len(parts) - 1,  # another node of the cluster; every request of ours may be repeated
        "retry_on_timeout": False,
        "retry_on_status": (),
        "pool_maxsize": 16,
        "serializer": Quick(),
    }


def _credentials(user: str | None, password: str | None) -> tuple[str, str] | None:
    name = settings.OPENSEARCH_USER or unquote(user or "")
    return (name, settings.OPENSEARCH_PASSWORD or unquote(password or "")) if name else None


def field(answer: Any, *path: str | int) -> Any:
    """What stands at `path`; raises `Nonsense` where it does not."""
    for step in path:
        try:
            answer = answer[step]
        except (KeyError, IndexError, TypeError):
            raise Nonsense from None
    return answer


def whole(answer: Any) -> Answer:
    """A search's answer from all the shards it was asked of, in time. Anything less is not an answer."""
    if not isinstance(answer, dict) or answer.get("timed_out") is not False or "error" in answer:
        raise unavailable()
    if field(answer, "_shards", "failed") != 0:
        raise unavailable()
    return answer


def pause(attempt: int, delays: Sequence[float]) -> None:
    time.sleep(delays[min(attempt, len(delays) - 1)])
