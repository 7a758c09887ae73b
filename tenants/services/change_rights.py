"""Give a person another role, or another reach."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal, Role
from foundation.kernel.problems import Conflict, FieldError, NotFound, Validation, VersionConflict
from foundation.kernel.scope import tenant_transaction
from tenants.models import Person, Session
from tenants.policy import may, require_reach
from tenants.roles import BOUND_TO_SPACES, CREDENTIAL_ROLES, POLICY
from tenants.selectors import require_valid
from tenants.services.change_person import require_another_administrator


def change_rights(
    principal: Principal, *, person_id: UUID, role: Role, spaces: Collection[UUID] = (), rev: int
) -> Person:
    """A person's role and spaces (none: all) from now on. His sessions end: what he may, he may from his next sign-in.

    `rev` is that of the person who was seen. Nobody changes himself, gives more reach than he has, or takes from whom
    he does not wholly reach. Raises `PolicyDenied`, `NotFound`, `Validation`, `VersionConflict`, and `Conflict` for
    oneself and for the last administrator of all spaces.
    """
    may(principal, "person.change")
    _require_form(role, spaces)
    with tenant_transaction():
        _require_another(principal, person_id)
        require_another_administrator(person_id, but_if=role is Role.ADMIN and not spaces)
        require_valid(principal)
        person = Person.objects.select_for_update().get(id=person_id)
        require_reach(principal, spaces, person.spaces)
        if person.rev != rev:
            raise VersionConflict("The person was changed since it was read.")
        _set(principal, person, role, sorted(spaces))
    return person


def _require_form(role: Role, spaces: Collection[UUID]) -> None:
    if role not in CREDENTIAL_ROLES:
        raise Validation(errors=[FieldError("/role", "invalid-choice", "Not a role of people.")])
    if role in BOUND_TO_SPACES and not spaces:
        raise Validation(errors=[FieldError("/spaces", "required", "This role names at least one space.")])


def _require_another(principal: Principal, person_id: UUID) -> None:
    person = Person.objects.filter(id=person_id).first()
    if person is None:
        raise NotFound
    if person.principal_id == principal.id:
        raise Conflict("Nobody changes his own role or reach. Ask another administrator.")


def _set(principal: Principal, person: Person, role: Role, spaces: list[UUID]) -> None:
    was = {"role_was": person.role, "spaces_were": [str(each) for each in person.spaces]}
    person.role, person.spaces, person.rev = role.value, spaces, person.rev + 1
    person.save(update_fields=["role", "spaces", "rev"])
    ended = Session.objects.filter(person_id=person.id, revoked_at=None).update(revoked_at=clock.now())
    detail = {"role": role.value, "spaces": [str(each) for each in spaces], "sessions": ended} | was
    target = Target("principal", person.principal_id)
    record(principal, Act.PERSON_CHANGE, target=target, outcome="ok", policy=POLICY, detail=detail)
