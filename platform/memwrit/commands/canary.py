"""`memwrit canary`: through a running service, admit a memory, find it, forget it, and see that it is gone.

It is a client and nothing more: one address and one API key of an admin of a tenant kept for this. It leaves an erased
memory and its certificate behind each time, and says how long each step took.
"""

from __future__ import annotations

import argparse
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memwrit.commands.telling import Refused, tell
from memwrit.demo.client import Answer, Broken, Client, Line, eventually

SPACE = "canary"
ATTEMPTS = 6
"""A service that begins to run may still refuse for a moment, with 503."""


@dataclass(slots=True)
class Canary:
    """One flight. `seconds` are those of each step."""

    client: Client
    within: float
    word: str = field(default_factory=lambda: secrets.token_hex(6))
    seconds: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[f"{step}_s"] = f"{time.monotonic() - began:.2f}"

    def fly(self) -> None:
        """Raises `Broken` at the first step that does not hold."""
        with self.timed("admit"):
            memory = self.admit()
        with self.timed("find"):
            eventually(self.search, lambda came: memory in _ids(came), "the canary in a search", self.within)
        with self.timed("forget"):
            self.forget()
        self.gone(memory)

    def admit(self) -> str:
        body: dict[str, Any] = {
            "space": self.space(),
            "content": f"The canary with the ring {self.word} sleeps in the left tower.",
            "subjects": [self.subject],
            "provenance": {"source": "canary", "source_type": "user"},
        }
        # 202: held, such as while the recognisers of personal data load; it is judged again by itself.
        return str(self.sent("/v1/memories", body).must(201, 202).body["id"])

    @property
    def subject(self) -> str:
        return f"canary-{self.word}"

    def space(self) -> str:
        listed = self.client.get("/v1/spaces").must(200).body["data"]
        known = [each["id"] for each in listed if each["name"] == SPACE]
        return str(known[0] if known else self.sent("/v1/spaces", {"name": SPACE}).must(201).body["id"])

    def search(self) -> Answer:
        body = {
            "query": f"Where does the canary with the ring {self.word} sleep?",
            "filters": {"subjects": [self.subject]},
            "k": 5,
        }
        return self.client.post("/v1/memories:search", body).must(200, 503)

    def forget(self) -> None:
        body = {"subject": self.subject, "basis": "gdpr-17", "reason": "The canary has flown."}
        plan = self.sent("/v1/erasure_requests", body).must(201).body
        path = f"/v1/erasure_requests/{plan['id']}:execute"
        started = self.sent(path, {"expected_manifest": plan["manifest"]}).must(202)
        ended = eventually(
            lambda: self.client.get(started.location).must(200),
            lambda came: came.body.get("state") in ("done", "failed"),
            "the end of the erasure",
            self.within,
        )
        if ended.body["state"] != "done":
            raise Broken("the erasure failed")

    def gone(self, memory: str) -> None:
        self.client.get(f"/v1/memories/{memory}").must(410)
        if _ids(self.search()):
            raise Broken("a search finds what was forgotten")

    def sent(self, path: str, body: dict[str, Any]) -> Answer:
        for attempt in range(ATTEMPTS):
            answer = self.client.post(path, body)
            if answer.status != 503:
                break
            time.sleep(0.5 * 2**attempt)
        return answer


def run(arguments: argparse.Namespace) -> int:
    """0 when all of it holds. Raises `Refused` where it does not."""
    canary = Canary(Client(Line(arguments.url), _key()), arguments.within)
    try:
        canary.fly()
    except Broken as broken:
        raise Refused(str(broken)) from None
    except OSError as error:
        raise Refused(f"the service does not answer: {type(error).__name__}") from None
    tell(arguments, {"canary": "admitted, found, forgotten, gone", **canary.seconds})
    return 0


def _key() -> str:
    path = os.environ.get("CANARY_API_KEY_FILE")
    key = Path(path).read_text(encoding="ascii").strip() if path else os.environ.get("CANARY_API_KEY", "")
    if not key:
        raise Refused("CANARY_API_KEY (or CANARY_API_KEY_FILE) is not set")
    return key


def _ids(answer: Answer) -> set[str]:
    return {hit["id"] for hit in answer.body.get("data", ())}
