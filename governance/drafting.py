"""The rows of a judged submission: made, sealed, linked. Who admits and who revises both write them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from audit.acts import Act
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.rows import insert
from foundation.keyring import keys
from foundation.keyring.sealing import seal
from foundation.search.embedders import embedder
from governance import lifecycle
from governance.judging import Judged
from governance.models import Admission, LineageEdge, MemCube, PayloadType, State, SubjectLink, Version
from governance.opening import Memory, verdict_place
from governance.revealing import of_writer
from governance.sealed import Payload, lookup, seal_version
from governance.services.name_subjects import check_subjects
from governance.submissions import Submission
from governance.waiting import is_in_nobodys_way
from guard.pii.vault import Deposit, Holding
from guard.types import Decision


@dataclass(frozen=True, slots=True)
class Draft:
    """One judged submission with the rows that will be written for it."""

    judged: Judged
    cube: MemCube
    version: Version
    admission: Admission

    @property
    def rejected(self) -> bool:
        return self.judged.verdict.decision is Decision.REJECT

    @property
    def for_review(self) -> bool:
        """Whether a person has to decide about it."""
        return self.admission.state == Admission.State.HELD and not self.admission.waits


def drafted(principal: Principal, judged: Judged) -> Draft:
    at, part = now(), judged.submission
    state = State.HELD if judged.verdict.decision is Decision.HOLD else State.ACTIVE
    cube = MemCube(
        id=uuid7(),
        space_id=part.space_id,
        kind=part.kind,
        payload_type=PayloadType.PLAINTEXT,
        owner_id=principal.id,
        subject_ids=list(judged.subject_ids),
        state=state,
        version=1,
        labels=sorted(set(part.labels)),
        ttl=part.ttl,
        expires_at=lifecycle.expiry(at, part.ttl),
        created_at=at,
    )
    version = draft_version(principal, cube, part, number=1, at=at, act=Act.MEMORY_ADMIT)
    return Draft(judged, cube, version, draft_admission(judged, version, at))


def draft_version(
    principal: Principal, cube: MemCube, part: Submission, *, number: int, at: datetime, act: Act
) -> Version:
    """An unsealed version of `cube` for `part`."""
    provenance = part.provenance
    return Version(
        id=uuid7(),
        memcube_id=cube.id,
        number=number,
        valid_from=part.valid_from,
        valid_to=part.valid_to,
        recorded_at=at,
        principal_id=principal.id,
        act=act,
        source_key=lookup("source", provenance.source),
        actor_key=provenance.actor and lookup("actor", provenance.actor),
        session_key=provenance.session and lookup("session", provenance.session),
        position=provenance.position,
        generation=embedder().name,
    )


def draft_admission(judged: Judged, version: Version, at: datetime) -> Admission:
    held = judged.verdict.decision is Decision.HOLD
    return Admission(
        id=uuid7(),
        memcube_id=version.memcube_id,
        version=version.number,
        version_id=version.id,
        space_id=judged.submission.space_id,
        state=Admission.State.HELD if held else Admission.State.ADMITTED,
        source_key=version.source_key,
        principal_id=version.principal_id,
        held_at=at if held else None,
        waits=held and is_in_nobodys_way(judged.verdict.reasons),
    )


def payload_of(judged: Judged, references: Sequence[str | None]) -> Payload:
    """What a version keeps. `references`: for each redaction, how the vault finds its value (none: it has none)."""
    part = judged.submission
    path = json.loads(judged.verdict.path.to_json())
    named = zip_longest(judged.redactions, references)
    spans = [span if value is None else span | {"value": value} for span, value in named]
    return Payload(part.content, part.provenance, part.episode, part.metadata, path, spans, part.reason)


def holding(cube: MemCube, version: Version, judged: Judged) -> Holding:
    """What the version brings into the vault."""
    subjects = tuple(cube.subject_ids)
    return Holding(version.id, subjects, subjects[0] if subjects else cube.id, judged.originals)


def version_key(cube: MemCube, version: Version) -> keys.NewKey:
    return keys.NewKey("version", version.id, (cube.subject_ids or [cube.id])[0], cube.subject_ids)


def seal_draft(
    cube: MemCube, version: Version, admission: Admission, judged: Judged, secret: bytes, deposit: Deposit
) -> Payload:
    """Seal the payload, the embedding and the decision record of one version under its key."""
    payload = payload_of(judged, deposit.references_of(version.id))
    seal_version(cube, version, secret, payload, judged.embedding, judged.submission.parents)
    verdict = json.dumps(judged.record()).encode()
    admission.sealed_verdict = seal(secret, verdict_place(admission), verdict)
    return payload


def written(principal: Principal, cube: MemCube, version: Version, judged: Judged, payload: Payload) -> Memory:
    """A version just written, as its writer may see it: the values are those of the request."""
    seen = of_writer(principal, judged.pii, payload, judged.originals)
    return Memory(cube, version, judged.submission.parents, payload, seen)


def decision_shown(admission_id: UUID, decision: dict[str, Any]) -> dict[str, Any]:
    """A decision record as the API shows it (`admission{…}`)."""
    signals = [{"name": each["name"], "p": each["p"], "fired": each["fired"]} for each in decision["signals"]]
    return {
        "id": admission_id,
        "decision": decision["decision"],
        "reasons": decision["reasons"],
        "signals": signals,
        "redactions": decision["redactions"],
        "policy": decision["policy"],
    }


def owe_retirement(cube: MemCube) -> None:
    """When its time runs out the record is destroyed."""
    if cube.expires_at is not None:
        enqueue("memory.retire", {"ids": [str(cube.id)]}, due=cube.expires_at, queue="forget")


def link_subjects(cubes: Sequence[MemCube]) -> None:
    links = [SubjectLink(memcube_id=cube.id, subject_id=subject) for cube in cubes for subject in cube.subject_ids]
    insert(links)
    check_subjects(link.subject_id for link in links)


def link_parents(version: Version, part: Submission) -> None:
    insert(
        [
            LineageEdge(
                child_id=version.memcube_id, child_version=version.number, parent_id=parent, parent_version=number
            )
            for parent, number in part.parents
        ]
    )
