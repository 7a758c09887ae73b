"""What a search is planned on is remembered from the last one, and never searched by unless it still holds."""

from dataclasses import replace

import pytest

from foundation.kernel.clock import now
from foundation.kernel.problems import NotFound, Unavailable
from foundation.kernel.scope import tenant_transaction
from governance import premises
from governance.models import Space
from governance.services import search as searching
from governance.services.search import Question, search
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
