"""Search through another's eyes: it shows what he would find, and never more than the asker may see."""

import pytest

from audit import selectors as ledger
from audit.acts import Act
from foundation.kernel.clock import now
from foundation.kernel.principal import Role
from foundation.kernel.problems import NotFound, PolicyDenied, Validation
from foundation.kernel.scope import tenant_transaction
from governance.models import Retrieval
from governance.services.search import Question, search
from governance.services.search_as import Standpoint, search_as, standpoints
from governance.services.spaces import create_space
from tenants.services.create_key import create_key
from tests.governance.builders import admitted, drain
from tests.governance.conftest import principal


def contents(seen):
    return sorted(each.memory.seen.content for each in seen.answer.found)


def as_agent(*spaces):
    return Standpoint(Role.AGENT, frozenset(space.id for space in spaces))


@pytest.fixture
def elsewhere(admin):
    return create_space(admin, name="elsewhere")


def test_what_the_other_does_not_reach_is_not_found(agent, admin, officer, space, elsewhere):
    admitted(agent, space, "The red kettle is here.")
    admitted(admin, elsewhere, "The red kettle is elsewhere.")
    assert len(search(officer, question=Question("red kettle")).found) == 2
    assert contents(search_as(officer, standpoint=as_agent(space), question=Question("red kettle"))) == [
        "The red kettle is here."
    ]


def test_what_the_asker_does_not_reach_is_not_found_either(agent, admin, tenant, space, elsewhere):
    admitted(agent, space, "The red kettle is here.")
    admitted(admin, elsewhere, "The red kettle is elsewhere.")
    narrow = principal(tenant, "compliance", space.id)
    both = as_agent(space, elsewhere)
    assert contents(search_as(narrow, standpoint=both, question=Question("red kettle"))) == ["The red kettle is here."]
    with pytest.raises(NotFound):
        search_as(narrow, standpoint=both, question=Question("red kettle", spaces=(elsewhere.id,)))


def test_labels_must_let_both_in(agent, admin, officer, space):
    admitted(agent, space, "The red kettle for agents.", labels=("acl:agent",))
    admitted(admin, space, "The red kettle for officers.", labels=("acl:compliance",))
    admitted(agent, space, "The red kettle for all.")
    assert contents(search_as(officer, standpoint=as_agent(space), question=Question("red kettle"))) == [
        "The red kettle for all."
    ]


def test_values_are_put_back_for_the_asker_and_counted_for_the_other(agent, officer, space):
    admitted(agent, space, "{{Ana}} owns the red kettle.")
    seen = search_as(officer, standpoint=as_agent(space), question=Question("red kettle"))
    assert "Ana" not in contents(seen)[0]
    assert list(seen.given.values()) == [1]
    assert "Ana" in search(agent, question=Question("red kettle")).found[0].memory.seen.content  # the agent has it


def test_the_look_is_the_askers_and_says_as_whom(agent, officer, space):
    admitted(agent, space, "The red kettle is here.")
    seen = search_as(officer, standpoint=as_agent(space), question=Question("red kettle"))
    drain()
    with tenant_transaction():
        wanted = ledger.Filter(act=Act.MEMORY_SEARCH, actor=officer.id)
        listed = ledger.events(wanted, before=None, limit=10)
        assert Retrieval.objects.get(id=seen.answer.retrieval_id).principal_id == officer.id
        spoken = next(each for each in listed if each.event.outcome == "as")
        detail = ledger.detail(spoken.event.id)[1]
    assert len(listed) == 2
    assert detail == {"role": "agent", "spaces": [str(space.id)]}


def test_no_space_in_common_is_said(officer, tenant, space, elsewhere):
    narrow = principal(tenant, "compliance", elsewhere.id)
    with pytest.raises(Validation):
        search_as(narrow, standpoint=as_agent(space), question=Question("kettle"))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.COMPLIANCE, Role.OPERATOR])
def test_nobody_looks_through_a_role_that_reaches_everything(officer, space, role):
    with pytest.raises(Validation):
        search_as(officer, standpoint=Standpoint(role, frozenset({space.id})), question=Question("kettle"))


@pytest.mark.parametrize("role", ["reader", "auditor", "agent"])
def test_who_does_not_review_does_not_look_through_others_eyes(tenant, space, role):
    other = principal(tenant, role, space.id)
    with pytest.raises(PolicyDenied):
        search_as(other, standpoint=as_agent(space), question=Question("kettle"))
    with tenant_transaction(), pytest.raises(PolicyDenied):
        standpoints(other)


def test_standpoints_are_the_valid_credentials_bound_to_shared_spaces(admin, officer, tenant, space, elsewhere):
    from tenants.services.revoke_key import revoke_key

    create_key(admin, role=Role.AGENT, name="bot", spaces=[space.id])
    create_key(admin, role=Role.COMPLIANCE, name="steward")
    gone = create_key(admin, role=Role.READER, name="gone", spaces=[space.id])
    revoke_key(admin, key_id=gone.key.id, if_match="*")
    create_key(admin, role=Role.READER, name="other", spaces=[elsewhere.id], expires_at=now().replace(year=2100))
    with tenant_transaction():
        assert [each.name for each in standpoints(officer)] == ["bot", "other"]
        assert [each.name for each in standpoints(principal(tenant, "compliance", space.id))] == ["bot"]
