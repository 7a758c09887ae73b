"""What a search is planned on is remembered from the last one, and never searched by unless it still holds."""

from dataclasses import replace

import pytest

from foundation.kernel.clock import now
from foundation.kernel.problems import NotFound, Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import premises
from governance.models import Space
from governance.services import admit as admitting
from governance.services import search as searching
from governance.services.search import Question, search
from guard.pii.policy import DEFAULT, Action
from tests.governance.builders import admitted


def found(who, query, **fields):
    return [each.memory.payload.content for each in search(who, question=Question(query, **fields)).found]


@pytest.fixture
def plans(monkeypatch):
    """The generations that searches are planned for."""
    asked, plan = [], searching._plan

    def noted(*arguments):
        asked.append(arguments[-1].number)
        return plan(*arguments)

    monkeypatch.setattr(searching, "_plan", noted)
    return asked


def distort(agent, **changes):
    """Make the process remember what does not hold."""
    key = agent.tenant_id, agent.spaces
    premises._last[key] = replace(premises._last[key], **changes)


def test_a_search_is_planned_once_while_nothing_changes(agent, space, plans):
    admitted(agent, space, "Ana plays the violin.")
    assert found(agent, "violin") == found(agent, "violin") == ["Ana plays the violin."]
    assert plans == [1, 1]


def test_a_search_is_planned_anew_when_another_generation_is_asked(agent, space, plans):
    admitted(agent, space, "Ana plays the violin.")
    found(agent, "violin")
    distort(agent, generation=replace(premises._last[agent.tenant_id, agent.spaces].generation, number=7))
    assert found(agent, "violin") == ["Ana plays the violin."]
    assert plans == [1, 7, 1]


def test_a_generation_whose_key_is_gone_is_not_the_end_of_the_search(agent, space, monkeypatch):
    admitted(agent, space, "Ana plays the violin.")
    found(agent, "violin")
    distort(agent, generation=replace(premises._last[agent.tenant_id, agent.spaces].generation, number=7))
    plan = searching._plan

    def without_key(*arguments):
        if arguments[-1].number == 7:
            raise Unavailable("The search index is being rebuilt.")
        return plan(*arguments)

    monkeypatch.setattr(searching, "_plan", without_key)
    assert found(agent, "violin") == ["Ana plays the violin."]


def test_values_are_put_back_by_the_policy_that_stands_and_not_by_the_remembered_one(agent, space, plans):
    admitted(agent, space, "{{Ana}} plays the violin.")
    found(agent, "violin")
    distort(agent, policies={space.id: replace(next(iter(remembered(agent).policies.values())), name="another")})
    found(agent, "violin")
    assert len(plans) == 3
    assert remembered(agent).policies[space.id].name != "another"


def remembered(agent):
    return premises._last[agent.tenant_id, agent.spaces]


def test_a_space_that_is_gone_is_not_found_though_it_was_searched_before(agent, space):
    admitted(agent, space, "Ana plays the violin.")
    assert found(agent, "violin", spaces=(space.id,)) == ["Ana plays the violin."]
    with tenant_transaction():
        Space.objects.filter(id=space.id).update(deleted_at=now())
    with pytest.raises(NotFound):
        found(agent, "violin", spaces=(space.id,))


@pytest.fixture
def cleared(monkeypatch):
    """The policies that submissions are cleared by."""
    refs, judge = [], admitting.judge_many

    def noted(principal, *, policy, **fields):
        refs.append(policy.ref)
        return judge(principal, policy=policy, **fields)

    monkeypatch.setattr(admitting, "judge_many", noted)
    return refs


def remember_terms(space, **changes):
    """Make the process remember of a space what does not hold."""
    key = space.tenant_id, space.id
    premises._terms[key] = replace(premises._terms[key], **changes)


def test_a_submission_is_cleared_once_while_nothing_changes(agent, space, cleared):
    admitted(agent, space, "Ana plays the violin.")
    admitted(agent, space, "Ana plays the cello.")
    assert cleared == [DEFAULT.ref] * 2


def test_a_submission_is_cleared_anew_by_the_policy_that_holds(agent, space, cleared):
    admitted(agent, space, "Ana plays the violin.")
    remember_terms(space, policy=replace(DEFAULT, version=7, default_action=Action.KEEP))
    shown = admitted(agent, space, "{{Ana}} plays the cello.")
    assert cleared == [DEFAULT.ref, replace(DEFAULT, version=7).ref, DEFAULT.ref]
    assert "Ana" not in shown.memory.payload.content
    assert shown.decision["policy"]["pii"] == DEFAULT.ref


def test_a_refusal_by_a_policy_that_holds_no_more_is_none(agent, space, cleared):
    admitted(agent, space, "Ana plays the violin.")
    remember_terms(space, policy=replace(DEFAULT, version=7, default_action=Action.REJECT))
    admitted(agent, space, "{{Ana}} plays the cello.")
    assert len(cleared) == 3


def test_nothing_is_admitted_to_a_space_that_was_deleted_meanwhile(agent, space):
    admitted(agent, space, "Ana plays the violin.")
    with tenant_transaction():
        Space.objects.filter(id=space.id).update(deleted_at=now())
    for _ in range(2):
        with pytest.raises(NotFound):
            admitted(agent, space, "Ana plays the cello.")


def test_a_space_that_begins_to_merge_merges_at_once(agent, space):
    first = admitted(agent, space, "Ana plays the violin.")
    with tenant_transaction():
        Space.objects.filter(id=space.id).update(merge_duplicates=True)
    again = admitted(agent, space, "Ana plays the violin.")
    assert (first.memory.cube.state, again.memory.cube.state) == ("active", "merged")


def test_what_a_space_remembers_is_its_tenants(agent, space, other_tenant):
    admitted(agent, space, "Ana plays the violin.")
    with tenant_scope(other_tenant):
        assert premises.remembered_terms(space.id) is None
        with pytest.raises(NotFound):
            premises.fresh_terms(space.id)
