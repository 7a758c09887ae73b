"""Writers that go on whatever happens, and the books that are reckoned afterwards."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load import Tenant
from deploy.on_cluster.load import PLACES, THINGS, WORDS
from memwrit.demo.client import Client, Line, eventually

SETTLE = 180.0


@dataclass
class Books:
    """What writers were promised: the mark of each memory -> its id; and when the last answer came."""

    promised: dict[str, str] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)


class Writer(threading.Thread):
    """Admits memories, each request again and again under one idempotency key until it is answered."""

    def __init__(self, url: str, tenant: Tenant, books: Books, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client, self.space, self.books, self.stop = Client(Line(url), tenant.agent), tenant.space, books, stop

    def run(self) -> None:
        for number in itertools.count():
            if self.stop.is_set():
                return
            mark, told = secrets.token_hex(6), (WORDS[number % 12], THINGS[number % 10], PLACES[number % 8])
            content = f"The {told[0]} {told[1]} with the mark {mark} stands in the {told[2]}."
            self._admit(mark, {"space": self.space, "content": content})

    def _admit(self, mark: str, body: dict[str, Any]) -> None:
        """Until it is answered: what was asked before the end is neither lost nor unknown."""
        key, until = str(uuid.uuid4()), time.monotonic() + SETTLE
        while time.monotonic() < until:
            status, memory = self._ask(key, body)
            if status in (201, 202):
                self.books.answered.append(time.monotonic())
                self.books.promised[mark] = memory
                return
            time.sleep(0.25)

    def _ask(self, key: str, body: dict[str, Any]) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.client.key}", "Content-Type": "application/json"}
        headers["Idempotency-Key"] = key
        try:
            answer = self.client.line.ask("POST", "/v1/memories", headers, json.dumps(body).encode())
            return answer.status, str(answer.body.get("id", ""))
        except (OSError, http.client.HTTPException):
            self.client.line.close()
            return 0, ""


def silence(books: Books, began: float) -> float:
    """The longest time without an answer since `began`, in seconds."""
    times = [began, *sorted(at for at in books.answered if at > began)]
    return round(max((after - before for before, after in itertools.pairwise(times)), default=0.0), 1)


def wrong(url: str, tenant: Tenant, books: Books) -> dict[str, int]:
    """Lost: promised and not there. Doubled: one text under two ids. Unaudited: there, and no admission in the log."""
    agent, officer, auditor = (Client(Line(url), key) for key in (tenant.agent, tenant.officer, tenant.auditor))
    lost = sum(_read(officer, memory) != 200 for memory in books.promised.values())
    marks: dict[str, int] = {}
    for memory in _pages(agent, f"/v1/memories?space={tenant.space}&limit=200"):
        mark = memory["content"].partition("with the mark ")[2].split(" ")[0]
        marks[mark] = marks.get(mark, 0) + 1
    _await_the_log(auditor)
    acts = ("memory.admit", "memory.hold")
    told = {each["target"]["id"] for act in acts for each in _pages(auditor, f"/v1/audit/events?act={act}&limit=200")}
    return {
        "lost": lost,
        "served": sum(marks.get(mark, 0) for mark in books.promised),
        "doubled": sum(marks.get(mark, 0) > 1 for mark in books.promised),
        "unaudited": len(set(books.promised.values()) - told),
    }


def _read(client: Client, memory: str) -> int:
    return _got(client, f"/v1/memories/{memory}", (200, 404, 410)).status


def _await_the_log(auditor: Client) -> None:
    eventually(
        lambda: auditor.get("/v1/audit/events?limit=1"),
        lambda answer: all(each["index"] is not None for each in answer.body.get("data", [{"index": None}])),
        "the end of the log",
        within=SETTLE,
    )


def _pages(client: Client, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        body = _got(client, path + (f"&cursor={cursor}" if cursor else ""), (200,)).body
        yield from body["data"]
        cursor = body["next_cursor"]


def _got(client: Client, path: str, good: tuple[int, ...]) -> Any:
    """An answer for good: what was hit by the fault may still be getting up."""
    return eventually(lambda: client.get(path), lambda answer: answer.status in good, "an answer", within=SETTLE)
