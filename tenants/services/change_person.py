"""Take a person's way in away, and give it back."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Conflict, NotFound
from foundation.kernel.scope import tenant_transaction
from tenants.models import Person, PrincipalRecord
from tenants.policy import may
from tenants.roles import POLICY


def disable_person(principal: Principal, *, person_id: UUID) -> None:
    """Nobody signs in as this person any more, and sessions of his do not pass again. What he did stays his.

    Raises `PolicyDenied`, `NotFound`, `Conflict` (nobody disables himself: the tenant could be left without anybody).
    """
    _set(principal, person_id, disabled=True)


def enable_person(principal: Principal, *, person_id: UUID) -> None:
    """He may sign in again, with the role he had. Raises `PolicyDenied`, `NotFound`."""
    _set(principal, person_id, disabled=False)


def _set(principal: Principal, person_id: UUID, *, disabled: bool) -> None:
    may(principal, "person.change")
    with tenant_transaction():
        person = Person.objects.filter(id=person_id).first()
        if person is None:
            raise NotFound
        if person.principal_id == principal.id:
            raise Conflict("Nobody disables himself. Ask another administrator.")
        actor = PrincipalRecord.objects.select_for_update().get(id=person.principal_id)
        actor.disabled_at = (actor.disabled_at or clock.now()) if disabled else None
        actor.save(update_fields=["disabled_at"])
        target, detail = Target("principal", actor.id), {"disabled": disabled}
        record(principal, Act.PERSON_CHANGE, target=target, outcome="ok", policy=POLICY, detail=detail)
