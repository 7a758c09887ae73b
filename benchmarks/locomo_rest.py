"""LoCoMo through a running server: every turn admitted over REST, every question asked over REST."""

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from benchmarks.locomo import Conversation, Searcher, Turn

BATCH = 100
K = 40  # ten sessions take more than ten turns
INDEXED_WITHIN = 300.0  # seconds
POLICIES = {
    "keep": {"mode": "balanced", "default_action": "keep", "rules": []},
    "strict": {"mode": "strict", "default_action": "pseudonymise", "rules": []},
}


class Server:
    """`/v1` of a running server. Waits when it is told to (429, 503); any other refusal ends the run."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = f"{url.rstrip('/')}/v1", key

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = Request(f"{self.url}{path}", data=json.dumps(body).encode(), headers=headers, method="POST")
        for _ in range(60):
            try:
                with urlopen(request, timeout=600) as answer:
                    return json.load(answer)
            except HTTPError as refusal:
                if refusal.code not in (429, 503):
                    raise SystemExit(f"locomo: {path} answered {refusal.code}: {refusal.read(500)!r}") from None
                time.sleep(float(refusal.headers.get("Retry-After") or 1))
        raise SystemExit(f"locomo: {path} kept telling us to wait")


def searcher(
    conversations: Sequence["Conversation"], url: str, key: str, pii: str
) -> tuple["Searcher", dict[str, Any]]:
    """Admit every turn, wait until the last is found, and answer with a searcher and what became of the turns."""
    server, began = Server(url, key), time.perf_counter()
    run = uuid.uuid4().hex[:8]
    policy = server.post("/pii_policies", {"name": f"locomo-{pii}-{run}", **POLICIES[pii]})["id"]
    names: dict[str, str] = {}
    spaces: dict[str, str] = {}
    outcomes: Counter[int] = Counter()
    for conversation in conversations:
        body = {"name": f"{conversation.name}-{run}", "pii_policy_id": policy}
        spaces[conversation.name] = server.post("/spaces", body)["id"]
        outcomes += _admit(server, conversation, spaces[conversation.name], names)
    seconds = time.perf_counter() - began
    for conversation in conversations:
        _await_index(server, conversation, spaces[conversation.name], names)

    def search(conversation: "Conversation", question: str) -> list[str]:
        body = {"query": question, "spaces": [spaces[conversation.name]], "k": K}
        return [names[hit["id"]] for hit in server.post("/memories:search", body)["data"]]

    admitted = {201: "admitted", 202: "held", 422: "rejected"}
    notes = {admitted.get(status, str(status)): count for status, count in outcomes.items()}
    return search, {"pii": pii, **notes, "admissions_per_second": round(sum(outcomes.values()) / seconds, 1)}


def _admit(server: Server, conversation: "Conversation", space: str, names: dict[str, str]) -> Counter[int]:
    outcomes: Counter[int] = Counter()
    for start in range(0, len(conversation.turns), BATCH):
        turns = conversation.turns[start : start + BATCH]
        body = {"memories": [_memory(conversation, turn, space) for turn in turns]}
        answers = server.post("/memories:batch_create", body)["data"]
        for turn, answer in zip(turns, answers, strict=True):
            outcomes[answer["status"]] += 1
            if answer["status"] == 201:
                names[answer["memory"]["id"]] = turn.dia_id
        print(f"\r{conversation.name}: {start + len(turns)}/{len(conversation.turns)} turns", end="", file=sys.stderr)
    print(file=sys.stderr)
    return outcomes


def _memory(conversation: "Conversation", turn: "Turn", space: str) -> dict[str, Any]:
    provenance = {
        "source": f"locomo:{conversation.name}",
        "source_type": "conversation",
        "session": turn.session,
        "position": turn.position,
        "speaker": turn.speaker,
    }
    at = turn.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"space": space, "content": turn.text, "kind": "episodic", "provenance": provenance, "valid_from": at}


def _await_index(server: Server, conversation: "Conversation", space: str, names: dict[str, str]) -> None:
    """Wait until every tenth admitted turn is found by its own words."""
    deadline, served = time.monotonic() + INDEXED_WITHIN, set(names.values())
    for turn in [turn for turn in conversation.turns if turn.dia_id in served][::-10]:
        body = {"query": f"{turn.speaker}: {turn.text}", "spaces": [space], "k": 20}
        while turn.dia_id not in {names[hit["id"]] for hit in server.post("/memories:search", body)["data"]}:
            if time.monotonic() > deadline:
                raise SystemExit(f"locomo: {conversation.name} was not indexed within {INDEXED_WITHIN:.0f} s")
            time.sleep(1)
