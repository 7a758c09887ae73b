"""Roll one record back: an earlier version's payload becomes a new version. Nothing is rewritten, nothing erased
comes back."""

from dataclasses import replace
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, NotFound, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from governance import lifecycle, opening, revealing
from governance.models import Admission, HeaderRevision, LineageEdge, MemCube, State, Version
from governance.opening import Memory, Row, Shown, decision_of
from governance.sealed import Payload, open_embedding, seal_version
from governance.selectors import reach_cube
from guard.pii import vault


def roll_back(principal: Principal, *, memory_id: UUID, if_match: str, to_version: int, reason: str) -> Shown:
    """The memory with `to_version`'s payload as its new version; a withdrawn one is active again."""
    target = _target(principal, memory_id, if_match, to_version)
    secret = keys.open_one(target.version.id)
    payload = replace(opening.unseal([target])[0].payload, reason=reason)
    embedding = open_embedding(target.cube, _whole(target.version.id), secret, target.parents)
    fresh = _copy(principal, target.version, _newest(memory_id) + 1)
    key = keys.create("version", id=fresh.id, shard_of=_shard_of(target.cube), subjects=target.cube.subject_ids)
    seal_version(target.cube, fresh, key.secret, payload, embedding, target.parents)
    return _write(principal, target, fresh, payload, if_match)


def _target(principal: Principal, memory_id: UUID, if_match: str, to_version: int) -> Row:
    with tenant_transaction(snapshot=True):
        cube = reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_ROLLBACK)
        require_match(if_match, etag(cube.version, cube.rev))
        served = HeaderRevision.objects.filter(
            memcube_id=memory_id, state__in=lifecycle.SERVED, version=to_version
        ).exists()
        if not served:
            raise Validation(errors=[FieldError("/to_version", "unknown", "That version was never served.")])
        return opening.rows([(memory_id, to_version)])[0]


def _shard_of(cube: MemCube) -> UUID:
    first: UUID = (cube.subject_ids or [cube.id])[0]
    return first


def _whole(version_id: UUID) -> Version:
    with tenant_transaction():
        found: Version = Version.objects.get(id=version_id)
    return found


def _newest(memory_id: UUID) -> int:
    with tenant_transaction():
        numbers = Version.objects.filter(memcube_id=memory_id).order_by("-number").values_list("number", flat=True)
        return int(numbers[0])


def _copy(principal: Principal, of: Version, number: int) -> Version:
    """An unsealed version that stands where `of` stood in the world's time, recorded now."""
    return Version(
        id=uuid7(),
        memcube_id=of.memcube_id,
        number=number,
        generation=of.generation,
        valid_from=of.valid_from,
        valid_to=of.valid_to,
        recorded_at=now(),
        principal_id=principal.id,
        act=Act.MEMORY_ROLLBACK,
        reverts_to=of.number,
        source_key=of.source_key,
        actor_key=of.actor_key,
        session_key=of.session_key,
        position=of.position,
    )


def _write(principal: Principal, target: Row, fresh: Version, payload: Payload, if_match: str) -> Shown:
    with tenant_transaction():
        cube = lifecycle.lock(target.cube.id)
        if cube is None:
            raise NotFound
        reach_cube(principal, cube, Act.MEMORY_ROLLBACK)
        require_match(if_match, etag(cube.version, cube.rev))
        fresh.save(force_insert=True)
        vault.carry(target.version.id, fresh.id)
        admission = Admission(
            memcube_id=cube.id,
            version=fresh.number,
            version_id=fresh.id,
            space_id=cube.space_id,
            state=Admission.State.ADMITTED,
            source_key=fresh.source_key,
        )
        admission.save(force_insert=True)
        LineageEdge.objects.bulk_create(
            LineageEdge(child_id=cube.id, child_version=fresh.number, parent_id=parent, parent_version=number)
            for parent, number in target.parents
        )
        change = lifecycle.change(
            cube, act=Act.MEMORY_ROLLBACK, principal=principal, state=State.ACTIVE, version=fresh.number, erase_at=None
        )
        told = revealing.ask(principal, [(cube, fresh)])
        event = record(
            principal,
            Act.MEMORY_ROLLBACK,
            target=Target("memory", cube.id, fresh.number),
            detail={"to_version": target.version.number} | told.detail(),
            changes=[change],
        )
        enqueue("search.index", {"id": str(cube.id)})
        idempotency.complete(cube.id, 200)
    seen = told.seen(cube, fresh, payload, keys.open_many(told.key_ids))
    memory = Memory(cube, fresh, target.parents, payload, seen)
    return Shown(memory, admission, decision_of(admission, b""), receipt(event))
