"""`/v1/memories`: admit, read, revise, withdraw, roll back, search."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.clock import rfc3339
from foundation.kernel.problems import Problem, Rejected, Validation
from foundation.rest import problems
from foundation.rest.body import BATCH
from foundation.rest.etags import if_match
from foundation.rest.idempotency import Done
from foundation.rest.pages import page_of, pager
from foundation.rest.views import Endpoint
from governance import selectors
from governance.api import rendering, shapes
from governance.opening import Shown
from governance.sealed import Provenance
from governance.services.admit import admit, admit_many
from governance.services.revise import Revision, revise
from governance.services.rollback import roll_back
from governance.services.search import Question, search
from governance.services.withdraw import withdraw
from governance.submissions import Submission
from governance.timeline import Moment


def submission(endpoint: Endpoint, fields: dict[str, Any]) -> Submission:
    """A validated request body as a submission; a memory that names no source has its principal for one."""
    told = dict(fields.get("provenance") or {})
    parents = tuple(told.pop("parents", ()))
    own = {"source": f"principal:{endpoint.principal.id}", "source_type": "principal"}
    plain = ("kind", "valid_from", "valid_to", "ttl", "metadata")
    return Submission(
        space_id=fields["space"],
        content=fields["content"],
        provenance=Provenance(**{**({} if told else own), **told}),
        subjects=tuple(fields.get("subjects", ())),
        parents=parents,
        episode=fields.get("episode"),
        labels=tuple(fields.get("labels", ())),
        **{name: fields[name] for name in plain if name in fields},
    )


def shown(answer: Shown, status: int = 200, **more: Any) -> Response:
    headers = {"ETag": rendering.etag_of(answer.memory.cube)}
    if status in (201, 202):
        headers["Location"] = _location(answer)
    return Response(rendering.memory(answer) | more, status=status, headers=headers)


def _location(answer: Shown) -> str:
    kind, row = ("admissions", answer.admission) if answer.held else ("memories", answer.memory.cube)
    return f"/v1/{kind}/{row.id}"


def moment(query: dict[str, Any]) -> Moment:
    return Moment(query.get("as_of"), query.get("known_at"))


class Memories(Endpoint):
    """Memories the credential reaches."""

    audited = True
    acts = {"GET": "memory.list", "POST": "memory.admit"}
    requests = {"POST": shapes.MemoryBody}
    queries = {"GET": shapes.MemoryListQuery}
    answers = {
        "GET": {200: page_of(shapes.MemoryShape)},
        "POST": {201: shapes.MemoryShape, 202: shapes.MemoryShape},
    }
    operations = {"GET": "list_memories", "POST": "admit_memory"}

    def get(self, request: Request) -> Response:
        """List memories in order of their making."""
        pages = pager("memories", self.query)
        found = selectors.memories(
            self.principal,
            space_id=self.query.get("space"),
            state=self.query.get("state"),
            moment=moment(self.query),
            after=pages.after if isinstance(pages.after, UUID) else None,
            limit=pages.limit + 1,
        )
        return Response(pages.cut(found, rendering.memory, lambda each: each.memory.cube.id).body())

    def post(self, request: Request) -> Response:
        """Submit a memory: 201 admitted, 202 held for review, 422 rejected."""
        answer = admit(self.principal, submission=submission(self, self.fields()))
        return shown(answer, 202 if answer.held else 201)

    def replay(self, request: Request, done: Done) -> Response:
        return shown(selectors.memory(self.principal, memory_id=done.resource_id), done.status)


class MemoryBatch(Endpoint):
    """Up to 500 memories at once, each with a status of its own."""

    acts = {"POST": "memory.admit"}
    requests = {"POST": shapes.BatchBody}
    answers = {"POST": {207: {"type": "object"}}}
    operations = {"POST": "admit_memories"}
    most_bytes = BATCH

    def post(self, request: Request) -> Response:
        """Submit memories; the answers stand in their order."""
        read = self._read_all()
        parts = [each for each in read if isinstance(each, Submission)]
        return self._told(read, admit_many(self.principal, submissions=parts) if parts else [])

    def replay(self, request: Request, done: Done) -> Response:
        items = zip(done.resource_ids, done.statuses, strict=True)
        return self._told(self._read_all(), [self._again(each, status) for each, status in items])

    def _read_all(self) -> list[Submission | Problem]:
        return [self._read(item) for item in self.fields()["memories"]]

    def _read(self, item: dict[str, Any]) -> Submission | Problem:
        try:
            return submission(self, shapes.MemoryBody.read(item))
        except Validation as problem:
            return problem

    def _again(self, memory_id: UUID, status: int) -> Shown | Problem:
        if status >= 300:
            return Rejected("Refused when it was first sent.")
        try:
            return selectors.memory(self.principal, memory_id=memory_id)
        except Problem as problem:
            return problem

    def _told(self, read: list[Submission | Problem], outcomes: list[Shown | Problem]) -> Response:
        """What did not validate stands in its place among the outcomes of what did."""
        made = iter(outcomes)
        items = [self._item(each if isinstance(each, Problem) else next(made)) for each in read]
        return Response({"data": items}, status=207)

    def _item(self, outcome: Shown | Problem) -> dict[str, Any]:
        if isinstance(outcome, Problem):
            return {"status": outcome.status, "problem": problems.body(outcome)}
        return {"status": 202 if outcome.held else 201, "memory": rendering.memory(outcome)}


class OneMemory(Endpoint):
    """One memory."""

    audited = True
    acts = {"GET": "memory.read", "PATCH": "memory.revise", "DELETE": "memory.withdraw"}
    requests = {"PATCH": shapes.RevisionBody}
    queries = {"GET": shapes.MomentQuery}
    answers = {
        "GET": {200: shapes.MemoryShape},
        "PATCH": {200: shapes.MemoryShape, 202: shapes.MemoryShape},
        "DELETE": {200: {"type": "object"}},
    }
    operations = {"GET": "get_memory", "PATCH": "revise_memory", "DELETE": "withdraw_memory"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read a memory as it stands, or as it stood."""
        answer = selectors.memory(self.principal, memory_id=id, moment=moment(self.query))
        return shown(answer, usage=rendering.usage(selectors.usage(id)))

    def patch(self, request: Request, id: UUID) -> Response:
        """Revise a memory: 200, or 202 when the new version is held and the old one stays served."""
        match, changes = if_match(request), self.fields(partial=True)
        reason = changes.pop("reason", None)
        answer = revise(self.principal, memory_id=id, revision=Revision(match, changes, reason))
        return shown(answer, 202 if answer.held else 200)

    def delete(self, request: Request, id: UUID) -> Response:
        """Withdraw a memory; it is restorable by rollback until its space's grace ends."""
        done = withdraw(self.principal, memory_id=id, if_match=if_match(request))
        body = {
            "id": done.cube.id,
            "version": done.cube.version,
            "state": done.cube.state,
            "erase_at": rfc3339(done.cube.erase_at),
            "receipt": done.receipt,
        }
        return Response(body, headers={"ETag": rendering.etag_of(done.cube)})


class MemoryVersions(Endpoint):
    """Every version of a memory that was ever served."""

    audited = True
    acts = {"GET": "memory.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "list_memory_versions"}

    def get(self, request: Request, id: UUID) -> Response:
        """List the versions, oldest first."""
        found = selectors.versions(self.principal, memory_id=id)
        listed = [rendering.listed_version(opened, end, state) for opened, end, state in found]
        return Response({"data": listed, "next_cursor": None, "has_more": False})


class MemoryVersion(Endpoint):
    """One version of a memory."""

    audited = True
    acts = {"GET": "memory.read"}
    answers = {"GET": {200: shapes.MemoryShape}}
    operations = {"GET": "get_memory_version"}

    def get(self, request: Request, id: UUID, number: int) -> Response:
        """Read one version."""
        return shown(selectors.version(self.principal, memory_id=id, number=number))


class MemoryDiff(Endpoint):
    """What changed between two versions."""

    audited = True
    acts = {"GET": "memory.read"}
    queries = {"GET": shapes.DiffQuery}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "diff_memory"}

    def get(self, request: Request, id: UUID) -> Response:
        """Compare two versions, path by path."""
        ends = [self.query["from"], self.query["to"]]
        changes = selectors.diff(self.principal, memory_id=id, numbers=ends)
        return Response({"from": ends[0], "to": ends[1], "changes": changes})


class MemoryLineage(Endpoint):
    """What a memory was derived from, and what was derived from it."""

    audited = True
    acts = {"GET": "memory.read"}
    queries = {"GET": shapes.LineageQuery}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_memory_lineage"}

    def get(self, request: Request, id: UUID) -> Response:
        """The graph around a memory, as far as the asker may read."""
        nodes, edges = selectors.lineage(self.principal, memory_id=id, **self.query)
        return Response(
            {
                "nodes": [{"id": cube_id, "version": number} for cube_id, number in sorted(nodes)],
                "edges": [{"child": list(child), "parent": list(parent)} for child, parent in edges],
            }
        )


class MemoryRollback(Endpoint):
    """Take up an earlier version again."""

    acts = {"POST": "memory.rollback"}
    requests = {"POST": shapes.RollBackBody}
    conditional = frozenset({"POST"})
    answers = {"POST": {200: shapes.MemoryShape}}
    operations = {"POST": "roll_back_memory"}

    def post(self, request: Request, id: UUID) -> Response:
        """Make an earlier version's payload the new version."""
        return shown(roll_back(self.principal, memory_id=id, if_match=if_match(request), **self.fields()))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return shown(selectors.memory(self.principal, memory_id=done.resource_id))


class MemorySearch(Endpoint):
    """Hybrid search within what the asker may see."""

    acts = {"POST": "memory.search"}
    requests = {"POST": shapes.SearchBody}
    answers = {"POST": {200: {"type": "object"}}}
    operations = {"POST": "search_memories"}
    reads = True

    def post(self, request: Request) -> Response:
        """Find the memories that answer a question."""
        fields = self.fields()
        question = self._question(fields)
        answer = search(self.principal, question=question)
        explain = bool(fields.get("explain"))
        hits = [rendering.hit(each, explain=explain) for each in answer.found]
        if question.context:
            for hit, found in zip(hits, answer.found, strict=True):
                hit["context"] = [rendering.neighbour(each) for each in answer.beside.get(found.memory.place, ())]
        receipt = {"id": answer.retrieval_id, "event_id": answer.receipt["event_id"]}
        return Response({"data": hits, "receipt": receipt})

    def _question(self, fields: dict[str, Any]) -> Question:
        filters = {name: tuple(values) for name, values in (fields.get("filters") or {}).items()}
        spaces = tuple(fields.get("spaces", ()))
        most, context = fields.get("k", 10), fields.get("context", 0)
        return Question(fields["query"], spaces, most, moment=moment(fields), context=context, **filters)


class OneRetrieval(Endpoint):
    """What one search handed out."""

    audited = True
    acts = {"GET": "retrieval.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_retrieval"}

    def get(self, request: Request, id: UUID) -> Response:
        """Ids, versions, ranks and standings: no query, no content."""
        row, withheld = selectors.retrieval(self.principal, retrieval_id=id)
        return Response(rendering.retrieval(row, withheld=withheld))
