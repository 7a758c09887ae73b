"""The product's own side of the comparison: memories written and searched with everything on, and what that costs
above the bare engine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from benchmarks.telling import Spread, Telling


class Governed:
    """A tenant with one space, an agent, and PII off (policy *keep*) or on (*strict*)."""

    def __init__(self, texts: Sequence[str], *, pii: str = "keep") -> None:
        from benchmarks.longmemeval import _Tenant
        from foundation.kernel.scope import tenant_scope
        from governance.services.spaces import create_space

        self.texts, self._tenant = texts, _Tenant(pii)
        self.id = self._tenant.id
        with tenant_scope(self.id):
            made = create_space(self._tenant.admin, name="bench", pii_policy_id=self._tenant._policy())
        self.space: UUID = made.id
        self._tenant.spaces["bench"] = self.space
        self.agent = self._tenant.agent

    def admit(self, numbers: Sequence[int]) -> float:
        """Seconds; every text is judged, sealed and written. Raises if fewer than 80 % are admitted."""
        from foundation.kernel.scope import tenant_scope
        from governance.services.admit import admit_many

        parts = [self._submission(number) for number in numbers]
        began = time.perf_counter()
        with tenant_scope(self.id):
            answers = admit_many(self.agent, submissions=parts)
        seconds = time.perf_counter() - began
        stands = sum(not isinstance(each, Exception) and not each.held for each in answers)
        if stands < 0.8 * len(parts):
            raise RuntimeError(f"only {stands} of {len(parts)} were admitted")
        return seconds

    def search(self, number: int) -> float:
        """Milliseconds of a search for the text's own words: policy, snapshot, manifest, opening, audit, receipt."""
        from foundation.kernel.scope import tenant_scope
        from governance.services.search import Question, search

        with tenant_scope(self.id):
            began = time.perf_counter()
            answer = search(self.agent, question=Question(self.texts[number], (self.space,)))
            taken = (time.perf_counter() - began) * 1000
        assert len(answer.found) == 10, len(answer.found)
        return taken

    def write(self, numbers: Sequence[int]) -> dict[str, float]:
        """Seconds of one batch until the answer, and until everything of it is in the ledger and can be found."""
        from benchmarks.longmemeval import _work_off

        answered, began = self.admit(numbers), time.perf_counter()
        _work_off()
        return {"memwrit, answered": answered, "memwrit, found": answered + time.perf_counter() - began}

    def texts_found(self, query: str, space: UUID | None = None) -> list[str]:
        """What the agent is given, in every space it reaches, or in the one it names."""
        from foundation.kernel.scope import tenant_scope
        from governance.services.search import Question, search

        with tenant_scope(self.id):
            answer = search(self.agent, question=Question(query, (space,) if space else ()))
        return [each.memory.seen.content for each in answer.found]

    def search_by_meaning(self, number: int) -> float:
        with by_meaning_alone():
            return self.search(number)

    def bare(self, number: int, *, words: bool = True) -> float:
        """Milliseconds of the engine alone, with the same plan."""
        from foundation.kernel.scope import tenant_scope, tenant_transaction
        from foundation.search import index

        with tenant_scope(self.id):
            plan = index.plan(self.texts[number], spaces=[self.space], roles=["agent"], words=words)
            began = time.perf_counter()
            with tenant_transaction():
                index.search(plan)
            return (time.perf_counter() - began) * 1000

    def over_wsgi(self) -> Callable[[int], float]:
        """Milliseconds of a search through the web application and its JSON, without a socket."""
        from django.test import Client

        from foundation.kernel.principal import Role
        from foundation.kernel.scope import tenant_scope
        from tenants.services.create_key import create_key

        with tenant_scope(self.id):
            made = create_key(self._tenant.admin, role=Role.AGENT, name="bench", spaces=[self.space])
        client, headers = Client(SERVER_NAME="localhost"), {"Authorization": f"Bearer {made.api_key}"}

        def ask(number: int) -> float:
            body = json.dumps({"query": self.texts[number], "spaces": [str(self.space)], "k": 10})
            began = time.perf_counter()
            answer = client.post("/v1/memories:search", body, content_type="application/json", headers=headers)
            taken = (time.perf_counter() - began) * 1000
            assert answer.status_code == 200, answer.content[:200]
            return taken

        return ask

    def overhead(self, telling: Telling, *, asked: Sequence[int], fresh: Sequence[int]) -> None:
        """CPU above the bare engine, of this process, in rounds that take turns. `fresh` texts are written."""
        telling.tell("governance CPU per search", **self._searches(asked))
        telling.tell("governance CPU per write", **self._writes(fresh))

    def _searches(self, numbers: Sequence[int], rounds: int = 5) -> dict[str, Any]:
        whole, bare = [], []
        for _ in range(rounds):
            whole.append(_cpu(self.search, numbers))
            bare.append(_cpu(self._planned_and_bare, numbers))
        above = [one - other for one, other in zip(whole, bare, strict=True)]
        return {"whole_ms": Spread(tuple(whole)).told(), "above_ms": Spread(tuple(above)).told()}

    def _planned_and_bare(self, number: int) -> None:
        self.bare(number)

    def _writes(self, fresh: Sequence[int], rounds: int = 5) -> dict[str, Any]:
        """Of admissions, singly and in batches, above encoding and putting the same texts."""
        spent: dict[str, list[float]] = {"single_above_ms": [], "batch_above_ms": [], "bare_ms": []}
        share = len(fresh) // rounds
        for turn in range(rounds):
            numbers = fresh[turn * share : (turn + 1) * share]
            alone, together = numbers[: share // 6], numbers[share // 6 :]
            bare = _cpu(self._put, [together]) / len(together)
            spent["bare_ms"].append(bare)
            spent["batch_above_ms"].append(_cpu(self.admit, [together]) / len(together) - bare)
            spent["single_above_ms"].append(_cpu(self.admit, [[number] for number in alone]) - bare)
        return {name: Spread(tuple(values)).told() for name, values in spent.items()}

    def _put(self, numbers: Sequence[int]) -> None:
        from foundation.kernel.clock import now
        from foundation.kernel.ids import uuid7
        from foundation.kernel.scope import tenant_scope, tenant_transaction
        from foundation.search import index
        from foundation.search.engine import engine
        from foundation.search.port import Collection

        def entry(number: int) -> index.Entry:
            text, space = self.texts[number], UUID(int=1)
            return index.Entry(Collection.MEMORY, space, uuid7(), 1, 1, "active", "episodic", text, now())

        with tenant_scope(self.id):
            documents = index.documents([entry(number) for number in numbers])
            with tenant_transaction():
                engine().put(documents)

    def _submission(self, number: int) -> Any:
        from governance.sealed import Provenance
        from governance.submissions import Submission

        return Submission(self.space, self.texts[number], Provenance("bench:1", session="s", speaker="user"))


@contextmanager
def by_meaning_alone() -> Iterator[None]:
    """Within, questions are planned without their words: the dense arm, with everything else as it is."""
    from foundation.search import index

    kept = index.plan
    index.plan = partial(kept, words=False)
    try:
        yield
    finally:
        index.plan = kept


def _cpu(act: Callable[[Any], Any], inputs: Sequence[Any]) -> float:
    """CPU milliseconds of this process for each input."""
    spent = time.process_time()
    for one in inputs:
        act(one)
    return (time.process_time() - spent) * 1000 / len(inputs)
