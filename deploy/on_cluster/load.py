"""Writers that go on whatever happens, and remember what they were promised."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

HOST = "memory-memwrit"
WORDS = ("amber", "brass", "cedar", "delft", "ebony", "flint", "grove", "hazel", "ivory", "jasper", "khaki", "linen")
THINGS = ("kettle", "ladder", "lantern", "barrel", "compass", "saddle", "anchor", "chisel", "bucket", "hammer")
PLACES = ("attic", "cellar", "garden", "harbour", "kitchen", "stable", "tower", "workshop")


@dataclass(slots=True)
class Books:
    """What was asked and answered. `promised`: idempotency key → memory, for every 201; `held`: memory → admission, for
    every 202."""

    promised: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    again: int = 0
    slowest: float = 0.0
    longest_gap: float = 0.0


class Writers:
    """`number` threads that admit memories through the Service; each repeats a request until it is answered."""

    def __init__(self, address: str, key: str, space: str, number: int = 4, pause: float = 0.1) -> None:
        self.address, self.key, self.space, self.pause = address, key, space, pause
        self.books = Books()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._numbers = itertools.count()
        self._last = time.monotonic()
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(number)]

    def __enter__(self) -> Writers:
        self._last = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(180.0)

    def _write(self) -> None:
        while not self._stop.is_set():
            self._admit(str(uuid.uuid4()), self._body(next(self._numbers)))
            time.sleep(self.pause)

    def _body(self, number: int) -> dict[str, Any]:
        word, thing = WORDS[number % len(WORDS)], THINGS[number // 12 % len(THINGS)]
        place = PLACES[number // 120 % len(PLACES)]
        text = f"The {word} {thing} number {number} with the mark {secrets.token_hex(5)} stands in the {place}."
        source = {"source": f"inventory-{number % 7}", "source_type": "user"}
        return {"space": self.space, "content": text, "provenance": source}

    def _admit(self, idempotency: str, body: dict[str, Any]) -> None:
        """Until it is answered, whatever comes in between; the same request each time."""
        began = time.monotonic()
        for attempt in itertools.count():
            status, answer = ask(self.address, self.key, "POST", "/v1/memories", body, idempotency)
            with self._lock:
                self.books.statuses[str(status)] += 1
                self.books.again += attempt > 0
                if status in (201, 202, 422):
                    self._note(idempotency, status, answer, began)
                    return
            if time.monotonic() - began > 170:
                return
            time.sleep(min(0.2 * 2**attempt, 2.0))

    def _note(self, idempotency: str, status: int, answer: dict[str, Any], began: float) -> None:
        now = time.monotonic()
        self.books.slowest = max(self.books.slowest, now - began)
        self.books.longest_gap = max(self.books.longest_gap, now - self._last)
        self._last = now
        if status == 201:
            self.books.promised[idempotency] = answer["id"]
        if status == 202:
            self.books.held[answer["id"]] = answer["admission"]["id"]


def ask(
    address: str, key: str, method: str, path: str, body: Any = None, idempotency: str = ""
) -> tuple[int | str, dict[str, Any]]:
    """The status and the object; where no answer came, the name of what came instead."""
    headers = {"Host": HOST, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if idempotency:
        headers["Idempotency-Key"] = idempotency
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] == b"{" else {}
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, {}
    finally:
        connection.close()
