"""People: the address is sealed and found by its keyed hash, the password is hashed, one address is one person."""

import pytest
from argon2 import PasswordHasher

from foundation.kernel.principal import Principal, Role
from foundation.kernel.problems import Conflict, PolicyDenied, Validation
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed
from tenants.models import Person, PrincipalRecord
from tenants.selectors import email_place
from tenants.services.create_person import create_person, email_lookup

EMAIL, PASSWORD = "Ana.Diaz@example.org", "correct horse battery"


def take_in(tenant, **fields):
    return create_person(Principal.system(tenant), **({"email": EMAIL, "role": Role.ADMIN} | fields))


def test_a_person_is_taken_in(tenant):
    person = take_in(tenant, password=PASSWORD, name="Ana")
    with tenant_transaction():
        stored = Person.objects.get(id=person.id)
        assert PrincipalRecord.objects.get(id=stored.principal_id).kind == "person"
    assert PasswordHasher().verify(bytes(stored.password).decode(), PASSWORD)
    assert bytes(stored.password).startswith(b"$argon2id$")
    sealed = bytes(stored.sealed_email)
    assert open_sealed(keys.open_one(person.id), email_place(tenant, person.id), sealed) == EMAIL.encode()


def test_an_address_lies_nowhere_readable(tenant, superuser):
    take_in(tenant)
    found = str(superuser.execute("SELECT t::text FROM tenants_person t").fetchall()).lower()
    assert email_lookup(EMAIL).hex() in found
    for part in ("diaz", "example.org"):
        assert part not in found
        assert part.encode().hex() not in found


def test_one_address_is_one_person_whatever_its_case(tenant):
    take_in(tenant)
    with pytest.raises(Conflict):
        take_in(tenant, email=" ana.diaz@EXAMPLE.org ")
    with tenant_transaction():
        assert Person.objects.count() == PrincipalRecord.objects.count() == 1


def test_the_same_address_in_two_tenants_has_nothing_in_common(tenant, other_tenant):
    one = take_in(tenant)
    with tenant_scope(other_tenant):
        other = take_in(other_tenant)
    assert one.email_lookup != other.email_lookup


@pytest.mark.parametrize(
    "fields",
    [{"email": "ana"}, {"email": "a@b"}, {"email": "a b@c.d"}, {"password": "short"}, {"role": Role.AGENT}, {"name": "Ana <ana@example.org>"}, {"name": ""}, {"name": "x" * 65}, {"role": Role.OPERATOR}],
    ids=str,
)  # fmt: skip
def test_a_wrong_person_is_refused(tenant, fields):
    with pytest.raises(Validation):
        take_in(tenant, **fields)


def test_only_admins_and_the_platform_take_people_in(tenant):
    from foundation.kernel.principal import PrincipalKind

    auditor = Principal(tenant, tenant, PrincipalKind.SERVICE, Role.AUDITOR)
    with pytest.raises(PolicyDenied):
        create_person(auditor, email=EMAIL, role=Role.ADMIN)
