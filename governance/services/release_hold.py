"""Release a legal hold: erasures that waited for it go on."""

from uuid import UUID

from django.db.models import Q

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import AlreadyDecided, NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance.holds import covers
from governance.models import LegalHold, MemCube, State
from governance.sealed import open_text, seal_text
from governance.services.place_hold import Held, covered, name_place
from governance.services.run_erasure import resume_after_release
from tenants.policy import may
from tenants.roles import POLICY


def release_hold(principal: Principal, *, hold_id: UUID, reason: str) -> Held:
    """The released hold. Raises `AlreadyDecided` when it was released before."""
    may(principal, Act.HOLD_RELEASE)
    secret = keys.named("record")
    with tenant_transaction():
        hold = LegalHold.objects.select_for_update().filter(id=hold_id).first()
        if hold is None:
            raise NotFound
        if hold.state == LegalHold.State.RELEASED:
            raise AlreadyDecided
        hold.state, hold.version = LegalHold.State.RELEASED, hold.version + 1
        hold.released_by, hold.released_at = principal.id, now()
        hold.sealed_reason = seal_text(secret, f"hold:{hold.id}:reason", reason)
        hold.save(force_update=True)
        resume_after_release()
        _retire_what_waited(hold)
        event = record(principal, Act.HOLD_RELEASE, target=Target("hold", hold.id, hold.version), policy=POLICY)
        idempotency.complete(hold.id, 200)
        records = covered(hold)
    return Held(hold, open_text(secret, name_place(hold), hold.sealed_name) or "", records, receipt(event))


def _retire_what_waited(hold: LegalHold) -> None:
    """Withdrawn and expired records that only this hold kept."""
    over = MemCube.objects.exclude(state=State.FORGOTTEN).filter(Q(erase_at__lte=now()) | Q(expires_at__lte=now()))
    if ids := [str(cube.id) for cube in over if covers(hold, cube)]:
        enqueue("memory.retire", {"ids": ids}, queue="forget")
