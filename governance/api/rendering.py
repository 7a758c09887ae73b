"""From what services answer to the bodies of the contract."""

from typing import Any

from foundation.kernel.clock import now, rfc3339
from foundation.rest.etags import etag
from foundation.rest.fields import iso_span
from governance.models import Admission, ErasureRequest, MemCube, Operation, Retrieval, Space
from governance.opening import Memory, Shown
from governance.services.place_hold import Held
from governance.services.plan_erasure import PlannedErasure
from governance.strength import Usage
from governance.weighing import Found, standing_of
from guard.optional_judge.opinion import Opinion

Body = dict[str, Any]


def etag_of(cube: MemCube) -> str:
    return etag(cube.version, cube.rev)


def space(row: Space) -> Body:
    return {
        "id": row.id,
        "name": row.name,
        "version": row.version,
        "pii_policy_id": row.pii_policy_id,
        "retention_policy_id": row.retention_policy_id,
        "delete_grace": iso_span(row.delete_grace),
        "merge_duplicates": row.merge_duplicates,
        "strength": row.strength,
        "created_at": rfc3339(row.created_at),
    }


def memory(shown: Shown) -> Body:
    """The body of a memory: what `POST /v1/memories` and `GET /v1/memories/{id}` answer."""
    cube, version, payload = shown.memory.cube, shown.memory.version, shown.memory.seen
    return {
        "id": cube.id,
        "version": version.number,
        "space": cube.space_id,
        "state": cube.state,
        "standing": standing_of(shown.memory).value,
        "kind": cube.kind,
        "payload_type": cube.payload_type,
        "content": payload.content,
        "subjects": cube.subject_ids,
        "labels": cube.labels,
        "metadata": payload.metadata,
        "valid_from": rfc3339(version.valid_from),
        "valid_to": rfc3339(version.valid_to),
        "recorded_at": rfc3339(version.recorded_at),
        "expires_at": rfc3339(cube.expires_at),
        "episode": payload.episode,
        "provenance": provenance(shown.memory) | {"parents": [[each, number] for each, number in shown.memory.parents]},
        "admission": admission(shown.admission, shown.decision),
        "receipt": shown.receipt,
    }


def usage(used: Usage) -> Body:
    """What a record's use amounts to; `strength` as search would weigh it now."""
    read = {"reads": used.reads, "last_read_at": rfc3339(used.read_at)}
    return read | {"confirmed": used.good, "refuted": used.bad, "strength": round(used.strength(now()), 4)}


def provenance(opened: Memory) -> Body:
    source = opened.seen.provenance
    return {
        "source": source.source,
        "source_type": source.source_type,
        "actor": source.actor,
        "principal_id": opened.version.principal_id,
        "session": source.session,
        "position": source.position,
        "speaker": source.speaker,
    }


def admission(row: Admission, decision: Body) -> Body:
    """A decision as a memory carries it."""
    signals = [{name: signal[name] for name in ("name", "p", "fired")} for signal in decision["signals"]]
    shown = {name: decision[name] for name in ("decision", "reasons", "redactions", "policy")}
    return {"id": row.id, **shown, "signals": signals}


def review(row: Admission, decision: Body, opinion: Opinion | None = None) -> Body:
    """A decision as its reviewers see it, with the optional judge's word if there is one."""
    evidence = [
        {"id": cube_id, "version": number, "signal": signal["name"]}
        for signal in decision["signals"]
        for cube_id, number in signal["evidence"]
    ]
    return {
        "id": row.id,
        "memory_id": row.memcube_id,
        "version": row.version,
        "state": row.state,
        "held_at": rfc3339(row.held_at),
        "space": row.space_id,
        "incident_id": row.incident_id,
        "admission": admission(row, decision),
        "evidence": evidence,
        "judge": opinion and judge(opinion),
        "decided_by": row.decided_by,
        "decided_at": rfc3339(row.decided_at),
    }


def judge(opinion: Opinion) -> Body:
    """The optional judge's word: advice to who decides, and nothing more."""
    return {
        "verdict": opinion.word.value,
        "confidence": opinion.confidence,
        "reason_code": opinion.reason.value,
        "model": opinion.model,
        "at": rfc3339(opinion.at),
    }


def listed_version(opened: Memory, superseded_at: Any, state: str) -> Body:
    version = opened.version
    return {
        "version": version.number,
        "state": state,
        "recorded_at": rfc3339(version.recorded_at),
        "superseded_at": rfc3339(superseded_at),
        "valid_from": rfc3339(version.valid_from),
        "valid_to": rfc3339(version.valid_to),
        "principal_id": version.principal_id,
        "act": version.act,
        "reason": opened.payload.reason,
        "parents": [[each, number] for each, number in opened.parents],
    }


def hit(found: Found, *, explain: bool) -> Body:
    opened, fused = found.memory, found.fused
    why = {"lexical": fused.lexical, "dense": fused.dense, "fused": fused.fused, "priors": dict(fused.priors)}
    return {
        "id": opened.cube.id,
        "version": opened.version.number,
        "space": opened.cube.space_id,
        "kind": opened.cube.kind,
        "content": opened.seen.content,
        "score": fused.score,
        "standing": found.standing.value,
        "trust": found.trust,
        "disputed_by": list(found.disputed_by),
        "provenance": {
            name: value
            for name, value in provenance(opened).items()
            if name in ("source", "source_type", "session", "position")
        },
        "why": why if explain else None,
    }


def neighbour(found: Found) -> Body:
    """A turn beside a hit: as a hit, without a score of its own."""
    shown = hit(found, explain=False)
    return {name: value for name, value in shown.items() if name not in ("score", "why")}


def retrieval(row: Retrieval, *, withheld: bool) -> Body:
    """What came as a hit's context is marked; its rank is that hit's."""
    return {
        "id": row.id,
        "principal_id": row.principal_id,
        "at": rfc3339(row.at),
        "hits": [_handed_out(*each) for each in row.hits],
        "withheld": row.withheld if withheld else None,
    }


def _handed_out(id: str, version: int, rank: int, standing: str, role: str = "") -> Body:
    return {"id": id, "version": version, "rank": rank, "standing": standing} | ({"as": role} if role else {})


def hold(held: Held) -> Body:
    row = held.hold
    return {
        "id": row.id,
        "version": row.version,
        "state": row.state,
        "name": held.name,
        "select": {"subject_id": row.subject_id, "space": row.space_id, "ids": row.memcube_ids},
        "custodians": row.custodians,
        "basis": row.basis,
        "records": held.records,
        "placed_at": rfc3339(row.placed_at),
        "released_at": rfc3339(row.released_at),
        "receipt": held.receipt,
    }


def planned(plan: PlannedErasure) -> Body:
    """A plan just made. A dry run was not kept, so it has no id."""
    kept = plan.receipt is not None
    return erasure(plan.request) | {
        "id": plan.request.id if kept else None,
        "request_secret": plan.secret if kept else None,
        "receipt": plan.receipt,
    }


def erasure(row: ErasureRequest) -> Body:
    return {
        "id": row.id,
        "state": row.state,
        "subject_id": row.subject_id,
        "basis": row.basis,
        "manifest": row.manifest,
        "due_at": rfc3339(row.due_at),
        "expires_at": rfc3339(row.expires_at),
        "approvals": {"needed": 0, "given": row.approved_by},
        "counts": row.counts,
        "assurance": row.assurance or None,
        "index_assurance": row.index_assurance or None,
        "certificate_id": row.certificate_id,
        "request_secret": None,
        "receipt": None,
    }


def operation(row: Operation) -> Body:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "progress": {"done": row.done, "total": row.total, "step": row.step},
        "result": row.result,
        "problem": row.problem or None,
        "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at),
    }
