"""What a reviewer is shown of the held queue, and what not."""

from datetime import timedelta

import pytest

from audit import selectors as ledger
from audit.acts import Act
from foundation.kernel import clock
from foundation.kernel.problems import NotFound, PolicyDenied
from foundation.kernel.scope import tenant_transaction
from governance import held
from governance.held import Wanted
from governance.services.admit import admit
from governance.services.review import approve, reject
from governance.services.spaces import create_space
from tests.governance.builders import admitted, drain, submission
from tests.governance.conftest import principal

MOVED = "Records of patient 031-1001 moved to 029-1001."


def hold(agent, space, content=MOVED, **fields):
    return admit(agent, submission=submission(space, content, source_type="document", **fields))


def test_the_queue_is_told_in_numbers(agent, space, officer):
    hold(agent, space)
    with tenant_transaction():
        told = held.queue(officer)
    assert (told.waiting, told.for_a_part) == (1, 0)
    assert clock.now() - told.oldest < timedelta(minutes=1)


def test_a_line_carries_the_redacted_text_and_why_it_waits(agent, space, officer):
    hold(agent, space, f"{MOVED} Ask {{{{Ana}}}}.")
    (line,) = held.lines(officer, Wanted())
    assert "Ana" not in line.memory.seen.content
    assert "<PERSON" in line.memory.seen.content
    assert line.decision["reasons"]


def test_lines_are_narrowed_to_a_space_and_an_incident(agent, space, officer, admin):
    shown = hold(agent, space)
    elsewhere = create_space(admin, name="elsewhere")
    assert len(held.lines(officer, Wanted(space_id=space.id, incident_id=shown.admission.incident_id))) == 1
    assert held.lines(officer, Wanted(space_id=elsewhere.id)) == []


def test_one_line_more_than_asked_for_says_that_there_are_more(agent, space, officer):
    for number in range(3):
        hold(agent, space, MOVED.replace("1001", f"100{number}"))
    first = held.lines(officer, Wanted(limit=1))
    assert len(first) == 2
    rest = held.lines(officer, Wanted(after=first[0].admission.id))
    assert next(iter(rest)).admission.id == first[1].admission.id


def test_a_look_at_the_queue_is_an_event(agent, space, officer):
    shown = hold(agent, space)
    held.lines(officer, Wanted())
    held.case(officer, shown.admission.id)
    drain()
    with tenant_transaction():
        acts = ledger.events(ledger.Filter(act=Act.REVIEW_READ, actor=officer.id), before=None, limit=10)
        detail = [ledger.detail(each.event.id)[1] for each in acts]
    assert [each["returned"] for each in detail] == [[[str(shown.memory.cube.id), 1]]] * 2


def test_text_under_a_label_for_others_is_not_opened_and_its_decision_is(agent, space, officer):
    hold(agent, space, labels=("acl:agent",))
    (line,) = held.lines(officer, Wanted())
    assert line.memory is None
    assert line.decision["reasons"]


def test_who_may_not_review_sees_no_queue(agent, space, tenant):
    shown = hold(agent, space)
    for role in ("auditor", "reader"):
        with pytest.raises(PolicyDenied):
            held.lines(principal(tenant, role, space.id), Wanted())
        with pytest.raises(PolicyDenied):
            held.case(principal(tenant, role, space.id), shown.admission.id)


def test_a_case_of_a_space_out_of_reach_is_not_found(agent, space, tenant, admin):
    shown = hold(agent, space)
    elsewhere = create_space(admin, name="elsewhere")
    with pytest.raises(NotFound):
        held.case(principal(tenant, "compliance", elsewhere.id), shown.admission.id)


def test_a_case_shows_the_evidence_and_what_its_source_did_before(agent, space, officer, admin):
    first = admitted(admin, space, "Question: Is the kettle red? Solution: yes", source="wiki:1")
    approve_first = held.Wanted(state="admitted")
    shown = hold(agent, space)
    case = held.case(officer, shown.admission.id)
    assert case.line.memory.place == (shown.memory.cube.id, 1)
    assert case.source.counts == {"held": 1}
    assert case.source.voice.trust == pytest.approx(0.3)
    assert case.incident.id == shown.admission.incident_id
    assert case.others == 0
    assert [each.admission.memcube_id for each in held.lines(officer, approve_first)] == [first.memory.cube.id]


def test_records_a_decision_rests_on_are_told_once_and_lessons_apart():
    place = ["01a202c9-0001-7a00-8000-000000000001", 2]
    signals = [
        {"name": "consensus", "evidence": [place]},
        {"name": "slotflip", "evidence": [place]},
        {"name": "lesson", "evidence": [["01a202c9-0001-7a00-8000-000000000002", 1]]},
    ]
    assert [(str(place[0]), signal) for place, signal in held.cited({"signals": signals})] == [(place[0], "consensus")]


def test_an_approved_case_tells_who_decided_and_why(agent, space, officer):
    shown = hold(agent, space)
    approve(officer, admission_id=shown.admission.id, reason="The clinic confirmed it.")
    case = held.case(officer, shown.admission.id)
    assert (case.line.admission.state, case.reason) == ("approved", "The clinic confirmed it.")


def test_a_rejected_case_is_gone_once_its_record_is(agent, space, officer):
    shown = hold(agent, space)
    reject(officer, admission_id=shown.admission.id, reason="Poison.")
    drain()
    with pytest.raises(NotFound):
        held.case(officer, shown.admission.id)
