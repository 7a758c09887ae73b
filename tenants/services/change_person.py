"""Take a person's way in away, and give it back."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal, Role
from foundation.kernel.problems import Conflict, NotFound
from foundation.kernel.scope import tenant_transaction
from tenants.models import Person, PrincipalRecord
from tenants.policy import may, require_reach
from tenants.roles import POLICY


def disable_person(principal: Principal, *, person_id: UUID) -> None:
    """Nobody signs in as this person any more, and sessions of his do not pass again. What he did stays his.

    Raises `PolicyDenied`, `NotFound`, `Conflict` (nobody disables himself, or the last administrator).
    """
    _set(principal, person_id, disabled=True)


def enable_person(principal: Principal, *, person_id: UUID) -> None:
    """He may sign in again, with the role he had. Raises `PolicyDenied`, `NotFound`."""
    _set(principal, person_id, disabled=False)


def require_another_administrator(person_id: UUID, *, but_if: bool = False) -> None:
    """Raise `Conflict` if nobody but this person administers all spaces; `but_if`: unless he still will.

    It locks all of them, so that two who take it from each other at once do not both succeed. Inside
    `tenant_transaction`, before the person himself is locked.
    """
    found = list(Person.objects.select_for_update().filter(role=Role.ADMIN, spaces=[]).order_by("id"))
    actors = PrincipalRecord.objects.filter(id__in=[each.principal_id for each in found], disabled_at=None)
    active = set(actors.values_list("id", flat=True))
    if {each.id for each in found if each.principal_id in active} == {person_id} and not but_if:
        raise Conflict("This is the last administrator. Make another one first.")


def _set(principal: Principal, person_id: UUID, *, disabled: bool) -> None:
    may(principal, "person.change")
    with tenant_transaction():
        person = Person.objects.filter(id=person_id).first()
        if person is None:
            raise NotFound
        if person.principal_id == principal.id:
            raise Conflict("Nobody disables himself. Ask another administrator.")
        require_reach(principal, person.spaces)
        if disabled:
            require_another_administrator(person_id)
        actor = PrincipalRecord.objects.select_for_update().get(id=person.principal_id)
        actor.disabled_at = (actor.disabled_at or clock.now()) if disabled else None
        actor.save(update_fields=["disabled_at"])
        target, detail = Target("principal", actor.id), {"disabled": disabled}
        record(principal, Act.PERSON_CHANGE, target=target, outcome="ok", policy=POLICY, detail=detail)
