"""Take in a person who signs in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import Conflict, FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import seal
from tenants.models import Person, PrincipalRecord
from tenants.names import require_name
from tenants.passwords import LONGEST, SHORTEST, hashed
from tenants.policy import may
from tenants.roles import BOUND_TO_SPACES, POLICY
from tenants.selectors import email_place
from tenants.services.create_key import require_within


def create_person(
    principal: Principal,
    *,
    email: str,
    role: Role,
    name: str = "person",
    password: str | None = None,
    spaces: Collection[UUID] = (),
) -> Person:
    """A person of the tenant. The address is sealed, the password hashed (argon2id); both before the transaction.

    Raises `PolicyDenied`, `Validation`, `Conflict` (the address is taken in this tenant).
    """
    may(principal, "person.create")
    _require_form(email, role, password, spaces)
    secret = hashed(password) if password is not None else None
    person = Person(id=uuid7(), role=role, spaces=sorted(spaces), password=secret, email_lookup=email_lookup(email))
    key = keys.create("subject", id=person.id)
    person.sealed_email = seal(key.secret, email_place(principal.tenant_id, person.id), email.encode())
    with tenant_transaction():
        require_within(principal, spaces, None)
        _insert(principal, person, name)
        detail = {"role": role.value, "person_id": str(person.id)}
        target = Target("principal", person.principal_id)
        record(principal, Act.PERSON_CREATE, target=target, outcome="ok", policy=POLICY, detail=detail)
    return person


def email_lookup(email: str) -> bytes:
    """The tenant's keyed hash that an address is found by; case and surrounding space do not count."""
    return hmac.digest(keys.named("lookup", "email"), email.strip().casefold().encode(), hashlib.sha256)


def _insert(principal: Principal, person: Person, name: str) -> None:
    actor = PrincipalRecord(kind=PrincipalKind.PERSON, name=require_name(name), created_by=principal.id)
    actor.save(force_insert=True)
    person.principal_id = actor.id
    Person.objects.bulk_create([person], ignore_conflicts=True)
    if not Person.objects.filter(id=person.id).exists():
        raise Conflict("There is a person with this address.")


def _require_form(email: str, role: Role, password: str | None, spaces: Collection[UUID]) -> None:
    errors = []
    local, at, domain = email.strip().rpartition("@")
    if not (local and at and "." in domain and len(email) <= 254) or any(map(str.isspace, email.strip())):
        errors.append(FieldError("/email", "invalid", "Not an e-mail address."))
    if password is not None and not SHORTEST <= len(password) <= LONGEST:
        errors.append(FieldError("/password", "length", f"At least {SHORTEST} characters."))
    if role is Role.OPERATOR:
        errors.append(FieldError("/role", "invalid-choice", "Not a role of people."))
    if role in BOUND_TO_SPACES and not spaces:
        errors.append(FieldError("/spaces", "required", "This role names at least one space."))
    if errors:
        raise Validation(errors=errors)
