"""LongMemEval_S: is the session that holds the answer among the first few? One turn is a memory, one question a space.

`./dev bench longmemeval [--questions N] [--embedder kept|hash] [--pii keep|strict] [--rest | --index] [--keep]` admits
every turn of each question's own haystack through the product (guard, PII policy, sealing, index), in process or, with
`--rest`, over REST to a server of its own, and asks the question of that space. Sessions are ranked by their best turn.
The arms alone stand beside the product's answer (`--index`: only these, written to the index past the guard): the same
index asked by words only, by meaning only, and by both without priors. `any@5`: one of the evidence sessions is among
the first five; `all@5`, `all@10`: each of them is.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.ground import standing_on_a_cluster
from benchmarks.longmemeval_data import DATA, Asked, Turn, load
from benchmarks.telling import Telling, percentile

EMBEDDERS = {"kept": "benchmarks.kept_vectors.Kept", "minilm": "minilm", "hash": "hash"}
BATCH = 100
K = 100  # hits asked for: enough for ten sessions
Sessions = Sequence[str]


def run(args: list[str]) -> None:
    """Measure and print; exits 2, saying so, when the data is not there."""
    options, telling = _options(args), Telling("longmemeval")
    asked = load(options.data, options.questions)
    if options.rest:
        _over_rest(asked, options, telling)
    else:
        with standing_on_a_cluster(durable=False, EMBEDDER=EMBEDDERS[options.embedder]):
            _in_process(asked, options, telling)
    if options.keep:
        where = "rest" if options.rest else "index" if options.index else "in-process"
        telling.keep(f"longmemeval-{where}-{options.pii}-{len(asked)}")


def ranked(hits: Iterable[tuple[str, float]]) -> list[str]:
    """Sessions by their best turn, best first; equal ones by name."""
    best: dict[str, float] = {}
    for session, score in hits:
        best[session] = max(score, best.get(session, score))
    return sorted(best, key=lambda session: (-best[session], session))


def scores(found: Sessions, answers: frozenset[str]) -> tuple[bool, bool, bool]:
    """any@5, all@5, all@10."""
    five, ten = set(found[:5]), set(found[:10])
    return bool(five & answers), answers <= five, answers <= ten


def _in_process(asked: Sequence[Asked], options: argparse.Namespace, telling: Telling) -> None:
    from foundation.kernel.scope import tenant_scope
    from governance.services.search import Question, search

    tenant = _Tenant(options.pii)
    with tenant_scope(tenant.id):
        outcomes, sessions, seconds = tenant.index(asked) if options.index else tenant.admit(asked)
        notes = {"pii": options.pii, "embedder": options.embedder, **outcomes, "turns_per_second": seconds}

        def product(one: Asked) -> list[str]:
            answer = search(tenant.agent, question=Question(one.question, (tenant.spaces[one.id],), k=K))
            return list(dict.fromkeys(sessions[each.memory.cube.id] for each in answer.found))

        arms: dict[str, Callable[[Asked], Sessions]] = {} if options.index else {"product": product}
        arms |= {name: _arm(name, tenant, sessions) for name in ("words", "meaning", "fused, no priors", "fused")}
        for name, find in arms.items():
            _judge(name, asked, find, telling, notes)


class _Tenant:
    """A tenant with a space for each question, under one PII policy."""

    def __init__(self, pii: str) -> None:
        from foundation.kernel.ids import uuid7
        from foundation.kernel.principal import Principal, PrincipalKind, Role
        from tenants.services.create_tenant import create_tenant

        self.id = create_tenant(name="longmemeval").key.tenant_id
        self.admin = Principal(uuid7(), self.id, PrincipalKind.SERVICE, Role.ADMIN, name="bench")
        self._agent = Principal(uuid7(), self.id, PrincipalKind.AGENT, Role.AGENT, name="bench")
        self.pii, self.spaces = pii, dict[str, UUID]()

    @property
    def agent(self) -> Any:
        """The one that writes and asks: it reaches every space made so far."""
        return replace(self._agent, spaces=frozenset(self.spaces.values()))

    def admit(self, asked: Sequence[Asked]) -> tuple[dict[str, int], dict[UUID, str], float]:
        """Every turn of every haystack; what became of them, the session of each memory, and turns a second."""
        from governance.services.spaces import create_space

        policy, outcomes, sessions, began = self._policy(), Counter[str](), dict[UUID, str](), time.perf_counter()
        for place, one in enumerate(asked, start=1):
            self.spaces[one.id] = create_space(self.admin, name=f"q-{one.id}", pii_policy_id=policy).id
            for turn, answer in self._answers(one):
                outcomes[_outcome(answer)] += 1
                if _outcome(answer) == "admitted":
                    sessions[answer.memory.cube.id] = turn.session
            _work_off()
            print(f"\r{place}/{len(asked)} haystacks, {sum(outcomes.values())} turns", end="", file=sys.stderr)
        print(file=sys.stderr)
        return dict(outcomes), sessions, round(sum(outcomes.values()) / (time.perf_counter() - began), 1)

    def index(self, asked: Sequence[Asked]) -> tuple[dict[str, int], dict[UUID, str], float]:
        """The same, past the guard: the texts as they would be indexed if all were admitted."""
        from foundation.kernel.ids import uuid7
        from foundation.kernel.scope import tenant_transaction
        from foundation.search import index
        from foundation.search.engine import engine

        sessions, began = dict[UUID, str](), time.perf_counter()
        for one in asked:
            self.spaces[one.id] = one.space
            turns = {uuid7(): turn for turn in one.turns}
            sessions |= {name: turn.session for name, turn in turns.items()}
            documents = index.documents([_entry(name, turn, one.space) for name, turn in turns.items()])
            with tenant_transaction():
                engine().put(documents)
        return {"indexed": len(sessions)}, sessions, round(len(sessions) / (time.perf_counter() - began), 1)

    def _policy(self) -> UUID:
        from guard.pii.policy import Action, Mode
        from guard.services.pii_policies import Terms, create_pii_policy

        kept = Terms(Mode.BALANCED, Action.KEEP, ())
        strict = Terms(Mode.STRICT, Action.PSEUDONYMISE, ())
        terms = kept if self.pii == "keep" else strict
        return create_pii_policy(self.admin, name=self.pii, terms=terms)[0].id

    def _answers(self, one: Asked) -> Iterable[tuple[Turn, Any]]:
        from governance.services.admit import admit_many

        for at in range(0, len(one.turns), BATCH):
            turns = one.turns[at : at + BATCH]
            parts = [_submission(turn, self.spaces[one.id]) for turn in turns]
            yield from zip(turns, admit_many(self.agent, submissions=parts), strict=True)


def _submission(turn: Turn, space: UUID) -> Any:
    from governance.sealed import Provenance
    from governance.submissions import Submission

    source = Provenance(
        "longmemeval",
        source_type="conversation",
        session=turn.session,
        position=turn.position,
        speaker=turn.speaker,
    )
    return Submission(space, turn.text, source, valid_from=turn.at)


def _entry(name: UUID, turn: Turn, space: UUID) -> Any:
    from foundation.search.index import Entry
    from foundation.search.port import Collection

    return Entry(
        collection=Collection.MEMORY,
        space_id=space,
        id=name,
        version=1,
        rev=1,
        state="active",
        kind="episodic",
        text=_submission(turn, space).searchable(),
        recorded_at=turn.at,
        valid_from=turn.at,
        session=turn.session,
        position=turn.position,
    )


def _outcome(answer: Any) -> str:
    if isinstance(answer, Exception):
        return "rejected"
    return "held" if answer.held else "admitted"


def _work_off() -> None:
    from audit.services.sequence import run_once
    from foundation.kernel import outbox

    while run_once() or outbox.run_due():
        pass


def _arm(name: str, tenant: _Tenant, sessions: dict[UUID, str]) -> Callable[[Asked], Sessions]:
    """One arm's own ranking of the same index, or both arms' without what their company adds."""
    from foundation.kernel.scope import tenant_transaction
    from foundation.search import index
    from foundation.search.engine import engine
    from foundation.search.fusion import fuse
    from foundation.search.priors import with_priors

    def find(one: Asked) -> list[str]:
        plan = index.plan(one.question, spaces=[tenant.spaces[one.id]], roles=["agent"], k=K)
        with tenant_transaction():
            hits = engine().search(plan)
        if name == "words":
            return ranked((sessions[hit.id], hit.lexical) for hit in hits if hit.lexical)
        if name == "meaning":
            return ranked((sessions[hit.id], hit.dense) for hit in hits if hit.dense is not None)
        fused = fuse(hits) if name == "fused, no priors" else with_priors(fuse(hits))
        return ranked((sessions[each.id], each.score) for each in fused)

    return find


def _judge(
    name: str, asked: Sequence[Asked], find: Callable[[Asked], Sessions], telling: Telling, notes: dict[str, Any]
) -> None:
    """The three shares over all questions, and for each kind of question."""
    found, taken = list[tuple[str, tuple[bool, bool, bool]]](), list[float]()
    for one in asked:
        began = time.perf_counter()
        sessions = find(one)
        taken.append((time.perf_counter() - began) * 1000)
        found.append((one.kind, scores(sessions, one.answers)))
    notes = {**notes, "p50_ms": round(percentile(taken, 0.5), 1)}
    for kind in ["all", *sorted({kind for kind, _ in found})]:
        rows = [row for each, row in found if kind in ("all", each)]
        any5, all5, all10 = (round(100 * sum(column) / len(rows), 1) for column in zip(*rows, strict=True))
        shares = {"any_at_5": any5, "all_at_5": all5, "all_at_10": all10}
        telling.tell(name, slice=kind, questions=len(rows), **shares, **(notes if kind == "all" else {}))


def _over_rest(asked: Sequence[Asked], options: argparse.Namespace, telling: Telling) -> None:
    from benchmarks.drill.server import Server as Embedded
    from benchmarks.locomo_rest import Server

    home = Path(tempfile.mkdtemp(prefix="mwb-"))
    home.chmod(0o711)
    served = Embedded(home / "data", embedder=EMBEDDERS[options.embedder])
    try:
        served.start()
        client = Server(served.url, served.run("tenant", "create", "Bench")["api_key"])
        _ask_server(client, asked, options, telling)
    finally:
        served.stop()
        shutil.rmtree(home, ignore_errors=True)


def _ask_server(client: Any, asked: Sequence[Asked], options: argparse.Namespace, telling: Telling) -> None:
    from benchmarks.locomo_rest import POLICIES

    policy = client.post("/pii_policies", {"name": options.pii, **POLICIES[options.pii]})["id"]
    spaces: dict[str, str] = {}
    sessions: dict[str, str] = {}
    outcomes, began = Counter[int](), time.perf_counter()
    for one in asked:
        spaces[one.id] = client.post("/spaces", {"name": f"q-{one.id}", "pii_policy_id": policy})["id"]
        _post_turns(client, one, spaces[one.id], sessions, outcomes)
    speed = round(sum(outcomes.values()) / (time.perf_counter() - began), 1)
    notes = {"pii": options.pii, "admitted": outcomes[201], "held": outcomes[202], "turns_per_second": speed}

    def find(one: Asked) -> list[str]:
        body = {"query": one.question, "spaces": [spaces[one.id]], "k": K}
        return list(dict.fromkeys(sessions[hit["id"]] for hit in client.post("/memories:search", body)["data"]))

    for one in asked:
        _await_last(client, one, spaces[one.id])
    _judge("rest", asked, find, telling, notes)


def _post_turns(client: Any, one: Asked, space: str, sessions: dict[str, str], outcomes: Counter[int]) -> None:
    for at in range(0, len(one.turns), BATCH):
        turns = one.turns[at : at + BATCH]
        answers = client.post("/memories:batch_create", {"memories": [_body(turn, space) for turn in turns]})["data"]
        for turn, answer in zip(turns, answers, strict=True):
            outcomes[answer["status"]] += 1
            if answer["status"] == 201:
                sessions[answer["memory"]["id"]] = turn.session
        print(f"\r{one.id}: {at + len(turns)}/{len(one.turns)} turns", end="", file=sys.stderr)
    print(file=sys.stderr)


def _body(turn: Turn, space: str) -> dict[str, Any]:
    told = {"session": turn.session, "position": turn.position, "speaker": turn.speaker}
    provenance = {"source": "longmemeval", "source_type": "conversation", **told}
    at = turn.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"space": space, "content": turn.text, "kind": "episodic", "provenance": provenance, "valid_from": at}


def _await_last(client: Any, one: Asked, space: str) -> None:
    """Until a turn of the last session is found by its own words."""
    last, until = one.turns[-1], time.monotonic() + 300
    while time.monotonic() < until:
        hits = client.post("/memories:search", {"query": last.text[:2000], "spaces": [space], "k": 20})["data"]
        if any(hit["content"] == last.text for hit in hits):
            return
        time.sleep(1)
    print(f"longmemeval: the last turn of {one.id} was not found by its own words (held?)", file=sys.stderr)


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench longmemeval", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--questions", type=int, default=0, help="so many, of each kind in turn (0: all)")
    parser.add_argument("--embedder", choices=sorted(EMBEDDERS), default="kept")
    parser.add_argument("--pii", choices=("keep", "strict"), default="keep")
    parser.add_argument("--rest", action="store_true", help="over REST, to a server of its own")
    parser.add_argument("--index", action="store_true", help="the index alone: nothing is judged or sealed")
    parser.add_argument("--keep", action="store_true", help="write the lines to benchmarks/results")
    return parser.parse_args(args)
