"""Revision, withdrawal, rollback, review: history grows and is never rewritten."""

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.problems import (
    AlreadyDecided,
    Erased,
    NotFound,
    PreconditionRequired,
    Unavailable,
    VersionConflict,
    Withdrawn,
)
from foundation.rest.etags import etag
from governance import selectors
from governance.services.admit import admit
from governance.services.review import approve, reject
from governance.services.revise import Revision, revise
from governance.services.rollback import roll_back
from governance.services.withdraw import withdraw
from governance.timeline import Moment
from guard.types import Decision
from tests.governance.builders import admitted, drain, submission


def tag(shown):
    return etag(shown.memory.cube.version, shown.memory.cube.rev)


def revised(principal, shown, if_match=None, **changes):
    return revise(
        principal, memory_id=shown.memory.cube.id, revision=Revision(if_match or tag(shown), changes, "corrected")
    )


def content(principal, shown, **moment):
    return selectors.memory(principal, memory_id=shown.memory.cube.id, moment=Moment(**moment)).memory.payload.content


@pytest.fixture
def holding(monkeypatch):
    """The guard holds whatever it is asked."""
    from dataclasses import replace

    from governance import judging

    judge = judging.judge_case

    def hold(*args):
        return replace(judge(*args), decision=Decision.HOLD, reasons=("claim-conflict",))

    monkeypatch.setattr(judging, "judge_case", hold)


def test_a_revision_makes_a_version_and_the_old_one_stays(agent, space):
    first = admitted(agent, space, "The kettle is red.")
    second = revised(agent, first, content="The kettle is blue.")
    assert (second.memory.version.number, content(agent, first)) == (2, "The kettle is blue.")
    assert (
        selectors.version(agent, memory_id=first.memory.cube.id, number=1).memory.payload.content
        == "The kettle is red."
    )
    listed = selectors.versions(agent, memory_id=first.memory.cube.id)
    assert [(memory.version.number, state) for memory, _, state in listed] == [(1, "superseded"), (2, "current")]
    assert selectors.diff(agent, memory_id=first.memory.cube.id, numbers=[1, 2]) == [
        {"path": "/content", "from": "The kettle is red.", "to": "The kettle is blue."}
    ]


def test_a_stale_etag_changes_nothing(agent, space):
    first = admitted(agent, space, "The kettle is red.")
    revised(agent, first, content="The kettle is blue.")
    with pytest.raises(VersionConflict):
        revised(agent, first, content="The kettle is green.")
    assert content(agent, first) == "The kettle is blue."


def test_labels_make_a_revision_of_the_header_and_no_version(agent, space):
    first = admitted(agent, space)
    second = revised(agent, first, labels=["team:red"])
    assert (second.memory.version.number, second.memory.cube.rev, second.memory.cube.labels) == (1, 2, ["team:red"])
    assert second.decision["decision"] == "admit"


def test_the_reviewer_decides_about_a_held_revision(agent, space, officer, monkeypatch):
    from dataclasses import replace

    from governance import judging

    first = admitted(agent, space, "The kettle is red.")
    judge = judging.judge_case
    monkeypatch.setattr(
        judging, "judge_case", lambda *args: replace(judge(*args), decision=Decision.HOLD, reasons=("claim-conflict",))
    )
    held = revised(agent, first, content="The kettle is blue.")
    assert held.held
    assert content(agent, first) == "The kettle is red."
    approve(officer, admission_id=held.admission.id, reason="Seen it.")
    drain()
    assert content(agent, first) == "The kettle is blue."
    with pytest.raises(AlreadyDecided):
        reject(officer, admission_id=held.admission.id, reason="No.")


def test_a_held_memory_is_served_after_its_approval_only(agent, space, officer, tenant, holding):
    from tests.governance.conftest import principal

    shown = admit(agent, submission=submission(space))
    other = principal(tenant, "agent", space.id)
    with pytest.raises(NotFound):
        content(other, shown)
    queue = selectors.reviews(officer, _held(officer))
    assert [(row.id, decision["reasons"]) for row, decision in queue] == [(shown.admission.id, ["claim-conflict"])]
    approve(officer, admission_id=shown.admission.id, reason="Fine.")
    assert content(other, shown) == "The red kettle stands on the stove."


def _held(officer):
    from foundation.kernel.scope import tenant_transaction

    with tenant_transaction():
        return list(selectors.admissions(officer, state="held"))


def test_a_rejected_memory_is_destroyed(agent, space, officer, holding):
    from foundation.keyring import keys

    shown = admit(agent, submission=submission(space))
    reject(officer, admission_id=shown.admission.id, reason="Poison.")
    drain()
    with pytest.raises(Erased):
        content(officer, shown)
    assert keys.open_many([shown.memory.version.id]) == {}


def test_what_was_never_cleared_cannot_be_approved(agent, space, officer):
    shown = admit(agent, submission=submission(space, "{{late}}"))
    with pytest.raises(Unavailable):
        approve(officer, admission_id=shown.admission.id, reason="Fine.")


def test_a_withdrawn_memory_is_gone_from_every_read_and_comes_back_by_rollback(agent, space, admin):
    shown = admitted(agent, space)
    done = withdraw(agent, memory_id=shown.memory.cube.id, if_match=tag(shown))
    assert done.cube.state == "withdrawn"
    with pytest.raises(Withdrawn):
        content(agent, shown)
    back = roll_back(admin, memory_id=shown.memory.cube.id, if_match="*", to_version=1, reason="A mistake.")
    drain()
    assert (back.memory.version.number, content(agent, shown)) == (2, "The red kettle stands on the stove.")


def test_a_withdrawn_memory_is_destroyed_when_its_grace_ends(agent, space):
    from governance.services.retire import retire

    shown = admitted(agent, space)
    withdraw(agent, memory_id=shown.memory.cube.id, if_match="*")
    retire([shown.memory.cube.id])
    with pytest.raises(Withdrawn):
        content(agent, shown)
    drain()
    with clock.frozen(clock.now() + timedelta(hours=25)):
        retire([shown.memory.cube.id])
    with pytest.raises(Erased):
        content(agent, shown)


def test_an_expired_memory_is_not_served_even_before_its_retirement(agent, space):
    shown = admitted(agent, space, ttl=timedelta(hours=1))
    assert content(agent, shown)
    stranger = agent.__class__(space.id, agent.tenant_id, agent.kind, agent.role, agent.spaces)
    with clock.frozen(clock.now() + timedelta(hours=2)), pytest.raises(NotFound):
        content(stranger, shown)


def test_rollback_appends_and_keeps_the_bad_version_in_history(agent, space, admin):
    first = admitted(agent, space, "The kettle is red.")
    bad = revised(agent, first, content="The kettle is poison.")
    back = roll_back(admin, memory_id=first.memory.cube.id, if_match=tag(bad), to_version=1, reason="Poison.")
    assert (back.memory.version.number, content(agent, first)) == (3, "The kettle is red.")
    listed = selectors.versions(agent, memory_id=first.memory.cube.id)
    assert [memory.payload.content for memory, _, _ in listed] == [
        "The kettle is red.",
        "The kettle is poison.",
        "The kettle is red.",
    ]
    assert listed[2][0].payload.reason == "Poison."
    with pytest.raises(PreconditionRequired):
        from rest_framework.test import APIRequestFactory

        from foundation.rest.etags import if_match

        if_match(APIRequestFactory().post("/"))


def test_the_past_is_answered_as_it_was_known_and_as_it_was_valid(agent, space):
    then = clock.now() - timedelta(days=60)
    change = clock.now() - timedelta(days=30)
    first = admitted(agent, space, "She lives in London.", valid_from=then)
    before = clock.now()
    revised(agent, first, content="She lives in Paris.", valid_from=change)
    assert content(agent, first) == "She lives in Paris."
    assert content(agent, first, known_at=before) == "She lives in London."
    assert content(agent, first, as_of=change - timedelta(days=1)) == "She lives in London."
    assert content(agent, first, as_of=change + timedelta(days=1)) == "She lives in Paris."
    with pytest.raises(NotFound):
        content(agent, first, as_of=then - timedelta(days=1))
    with pytest.raises(NotFound):
        content(agent, first, known_at=then)


def test_a_rolled_back_version_does_not_answer_for_the_past(agent, space, admin):
    then = clock.now() - timedelta(days=60)
    first = admitted(agent, space, "She lives in London.", valid_from=then)
    bad = revised(agent, first, content="She lives on Mars.", valid_from=then - timedelta(days=60))
    roll_back(admin, memory_id=first.memory.cube.id, if_match=tag(bad), to_version=1, reason="Wrong.")
    with pytest.raises(NotFound):
        content(agent, first, as_of=then - timedelta(days=1))
    assert content(agent, first, as_of=then + timedelta(days=1)) == "She lives in London."
