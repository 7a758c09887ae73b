"""The held queue under attack: what belongs together is reviewed as one, and nobody can flood it."""

import pytest

from foundation.kernel.problems import AlreadyDecided, NotFound, RateLimited
from foundation.kernel.scope import tenant_transaction
from governance import selectors
from governance.models import Admission, Incident, MemCube, Operation
from governance.services.admit import admit, admit_many
from governance.services.review_incident import review_incident
from tests.governance.builders import drain, submission
from tests.governance.conftest import principal

MOVED = "Records of patient 031-{number} moved to 029-{number}."


def moved(space, number, **fields):
    return submission(space, MOVED.format(number=1000 + number), source_type="document", **fields)


def held(agent, space, count, **fields):
    return [admit(agent, submission=moved(space, number, **fields)) for number in range(count)]


def incident():
    with tenant_transaction():
        return Incident.objects.get()


def states(model=Admission):
    with tenant_transaction():
        return sorted(model.objects.values_list("state", flat=True))


def test_held_memories_of_one_attack_are_one_incident(agent, space):
    shown = held(agent, space, 3)
    assert {each.admission.state for each in shown} == {"held"}
    assert {each.admission.incident_id for each in shown} == {incident().id}


def test_a_memory_held_for_its_language_alone_is_in_no_incident(agent, space):
    shown = admit(agent, submission=submission(space, "{{late}} kettle"))
    assert (shown.admission.state, shown.admission.incident_id) == ("held", None)


@pytest.mark.parametrize(("decision", "records"), [("approved", ["active"] * 3), ("rejected", ["forgotten"] * 3)])
def test_an_incident_is_decided_as_one(agent, space, officer, decision, records):
    held(agent, space, 3)
    operation = review_incident(officer, incident_id=incident().id, state=Incident.State(decision), reason="Seen it.")
    drain()
    with tenant_transaction():
        done = Operation.objects.get(id=operation.id)
    assert (done.state, done.done, done.total, done.result) == ("done", 3, 3, {"left": 0})
    assert states(MemCube) == records
    assert incident().state == decision


def test_an_incident_is_decided_once(agent, space, officer):
    held(agent, space, 1)
    review_incident(officer, incident_id=incident().id, state=Incident.State.APPROVED, reason="Fine.")
    with pytest.raises(AlreadyDecided):
        review_incident(officer, incident_id=incident().id, state=Incident.State.REJECTED, reason="No.")


def test_what_comes_after_the_decision_opens_another_incident(agent, space, officer):
    held(agent, space, 1)
    first = incident().id
    review_incident(officer, incident_id=first, state=Incident.State.APPROVED, reason="Fine.")
    drain()
    again = admit(agent, submission=moved(space, 7))
    assert again.admission.incident_id not in (None, first)


def test_nobody_decides_an_incident_that_reaches_beyond_his_spaces(agent, space, tenant, officer):
    held(agent, space, 1)
    elsewhere = principal(tenant, "compliance", type(space.id)(int=5))
    with pytest.raises(NotFound):
        review_incident(elsewhere, incident_id=incident().id, state=Incident.State.APPROVED, reason="Fine.")
    with tenant_transaction():
        assert not selectors.incidents(elsewhere, state=None).exists()
        assert selectors.incidents(officer, state=None).exists()


def test_a_source_at_its_cap_is_turned_away_and_counted_and_others_are_not(agent, space, settings):
    settings.GUARD_HOLDS_PER_SOURCE = 2
    held(agent, space, 2)
    with pytest.raises(RateLimited) as refused:
        admit(agent, submission=moved(space, 3))
    assert refused.value.retry_after == 3600
    with tenant_transaction():
        assert Incident.objects.get(id=refused.value.extra["incident_id"]).refused == 1
    assert states() == ["held", "held"]
    assert admit(agent, submission=submission(space, "The kettle is red.")).admission.state == "admitted"
    assert admit(agent, submission=moved(space, 4, source="chat:2")).admission.state == "held"


def test_a_writer_gains_nothing_by_changing_its_source(agent, space, settings):
    settings.GUARD_HOLDS_PER_WRITER = 3
    outcomes = admit_many(agent, submissions=[moved(space, n, source=f"chat:{n}") for n in range(6)])
    assert [isinstance(each, RateLimited) for each in outcomes] == [False] * 3 + [True] * 3
    with tenant_transaction():
        assert Incident.objects.filter(refused=3).count() == 1


def test_what_was_decided_makes_room(agent, space, officer, settings):
    settings.GUARD_HOLDS_PER_SOURCE = 1
    held(agent, space, 1)
    review_incident(officer, incident_id=incident().id, state=Incident.State.REJECTED, reason="Poison.")
    drain()
    assert admit(agent, submission=moved(space, 9)).admission.state == "held"
