"""The policy door: reach is a 404, right is a 403, and nobody approves a request of their own."""

from uuid import uuid4

import pytest

from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import NotFound, PolicyDenied
from tenants.policy import OutOfReach, Resource, acl_label, labels_allow, may, reachable_spaces

HERE, THERE = uuid4(), uuid4()


def one(role, *spaces):
    return Principal(uuid4(), uuid4(), PrincipalKind.SERVICE, Role(role), frozenset(spaces))


def test_within_reach_and_right_is_allowed():
    may(one("agent", HERE), "memory.admit", Resource(HERE))


def test_beyond_reach_is_a_404_that_counts_as_a_denial():
    with pytest.raises(OutOfReach) as told:
        may(one("agent", HERE), "memory.admit", Resource(THERE))
    assert isinstance(told.value, NotFound)
    assert (told.value.type, told.value.title, told.value.detail) == (
        NotFound().type,
        NotFound.title,
        NotFound().detail,
    )
    assert told.value.denial


def test_within_reach_without_the_right_is_a_403():
    with pytest.raises(PolicyDenied):
        may(one("reader", HERE), "memory.admit", Resource(HERE))


def test_beyond_reach_and_without_the_right_is_a_404_on_a_resource():
    with pytest.raises(OutOfReach):
        may(one("reader", HERE), "memory.admit", Resource(THERE))


@pytest.mark.parametrize("role", ["admin", "compliance", "auditor"])
def test_no_spaces_is_all_for_those_who_oversee(role):
    assert reachable_spaces(one(role)) is None
    assert reachable_spaces(one(role, HERE)) == {HERE}


@pytest.mark.parametrize("role", ["agent", "reader"])
def test_no_spaces_is_none_for_those_who_work(role):
    assert reachable_spaces(one(role)) == frozenset()
    with pytest.raises(OutOfReach):
        may(one(role), "memory.read", Resource(HERE))


@pytest.mark.parametrize(
    ("role", "labels", "seen"),
    [
        ("reader", (), True),
        ("reader", ("sensitivity:internal",), True),
        ("reader", ("acl:compliance",), False),
        ("compliance", ("acl:compliance",), True),
        ("reader", ("acl:compliance", "acl:reader"), True),
        ("agent", ("acl:nobody",), False),
        ("admin", ("acl:compliance",), True),
    ],
)
def test_an_acl_label_opens_to_the_roles_it_names(role, labels, seen):
    principal = one(role, HERE)
    assert labels_allow(principal, labels) is seen
    assert (acl_label(principal) is None) == (role == "admin")
    if seen:
        may(principal, "memory.read", Resource(HERE, labels))
    else:
        with pytest.raises(OutOfReach):
            may(principal, "memory.read", Resource(HERE, labels))


@pytest.mark.parametrize("act", ["erasure.approve", "rollback.approve"])
def test_nobody_approves_a_request_of_their_own(act):
    admin = one("admin")
    may(admin, act, Resource(None, requested_by=uuid4()))
    with pytest.raises(PolicyDenied):
        may(admin, act, Resource(None, requested_by=admin.id))


def test_a_row_handed_in_as_it_is_is_a_bug():
    class Row:
        space_id = HERE

    with pytest.raises(TypeError):
        may(one("admin"), "memory.read", Row())
