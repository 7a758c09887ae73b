"""Roll one record back: an earlier version's payload becomes a new version. Nothing is rewritten, nothing erased
comes back."""

from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Erased, FieldError, NotFound, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from governance import lifecycle, opening, revealing
from governance.models import HeaderRevision, MemCube, State
from governance.opening import Memory, Row, Shown, decision_of
from governance.rollbacks import restoring
from governance.rollbacks.planning import refuse_leaving
from governance.rollbacks.restoring import Copy
from governance.selectors import reach_cube


def roll_back(principal: Principal, *, memory_id: UUID, if_match: str, to_version: int, reason: str) -> Shown:
    """The memory with `to_version`'s payload as its new version; a withdrawn one is active again. Raises `Conflict`
    when an erasure waits for it, and what reaching it raises."""
    target, numbers = _target(principal, memory_id, if_match, to_version)
    copies = restoring.copies(principal.id, [target], numbers, reason)
    if not copies:
        raise Erased
    return _write(principal, copies[0], if_match)


def _target(principal: Principal, memory_id: UUID, if_match: str, to_version: int) -> tuple[Row, dict[UUID, int]]:
    with tenant_transaction(snapshot=True):
        cube = reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_ROLLBACK)
        require_match(if_match, etag(cube.version, cube.rev))
        served = HeaderRevision.objects.filter(
            memcube_id=memory_id, state__in=lifecycle.SERVED, version=to_version
        ).exists()
        if not served:
            raise Validation(errors=[FieldError("/to_version", "unknown", "That version was never served.")])
        return opening.rows([(memory_id, to_version)], embeddings=True)[0], restoring.newest([memory_id])


def _write(principal: Principal, copy: Copy, if_match: str) -> Shown:
    target, fresh = copy.target, copy.version
    with tenant_transaction():
        cube = lifecycle.lock(target.cube.id)
        if cube is None:
            raise NotFound
        reach_cube(principal, cube, Act.MEMORY_ROLLBACK)
        require_match(if_match, etag(cube.version, cube.rev))
        refuse_leaving(cube)
        admission = restoring.write(copy)
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
    seen = told.seen(cube, fresh, copy.payload, keys.open_many(told.key_ids))
    memory = Memory(cube, fresh, target.parents, copy.payload, seen)
    return Shown(memory, admission, decision_of(admission, b""), receipt(event))
