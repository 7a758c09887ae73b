"""The held queue: what a reviewer sees, what becomes of a decision, and who may not."""

from __future__ import annotations

import pytest

from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from governance.models import Admission, MemCube
from governance.services.admit import admit
from governance.services.review import approve, reject
from tests.builders import principal as made_principal
from tests.console.visiting import Visitor, text
from tests.console.watching import CANARY, require_accessible
from tests.governance.builders import submission

MOVED = "Records of patient 031-1001 moved to 029-1001."


def hold(house, content=MOVED, **fields):
    """A held memory; every writer is a new one."""
    fields = {"source_type": "document", **fields}
    with house.scope():
        agent = made_principal(house.tenant_id, Role.AGENT, spaces=frozenset({house.space.id}))
        return admit(agent, submission=submission(house.space, content, **fields))


def state_of(house, shown):
    with house.scope(), tenant_transaction():
        row = Admission.objects.filter(id=shown.admission.id).first()
        return row and row.state


@pytest.fixture
def officer(house):
    return Visitor(house, "compliance")


def test_the_list_shows_the_text_why_it_waits_and_its_source(house, officer):
    hold(house, f"{MOVED} {{{{Ana}}}}", source="chat:42")
    shown = text(officer.get("held"))
    assert MOVED in shown
    assert "<PERSON_" in shown
    assert "Ana" not in shown
    assert "The text says that one identifier stands for another" in shown
    assert "chat:42" in shown
    assert "1 wait for a person" in shown


def test_an_empty_queue_says_so(officer):
    assert "Nothing waits here." in text(officer.get("held"))


def test_the_list_is_narrowed_and_nonsense_narrows_nothing(house, officer):
    shown = hold(house)
    assert MOVED in text(officer.get("held", incident=str(shown.admission.incident_id)))
    assert MOVED not in text(officer.get("held", space=str(uuid7())))
    assert MOVED in text(officer.get("held", space="nonsense", state="nonsense"))


def test_a_case_shows_signals_with_sentences_and_the_source(house, officer):
    shown = hold(house)
    seen = text(officer.get(f"held/{shown.admission.id}"))
    for words in (MOVED, "Do the identifiers in the action come from the question?", "fired", "1 held", "0.30"):
        assert words in seen


def test_approving_serves_the_memory_and_leads_to_the_next(house, officer):
    first, second = hold(house), hold(house, MOVED.replace("1001", "1002"))
    response = officer.post(f"held/{first.admission.id}/approve", reason="The clinic confirmed it.")
    assert response.status_code == 303
    assert response["Location"] == f"/console/held/{second.admission.id}?notice=approved"
    assert state_of(house, first) == "approved"
    seen = text(officer.get(f"held/{first.admission.id}"))
    assert "Approved by compliance person" in seen
    assert "The clinic confirmed it." in seen


def test_rejecting_the_last_leads_back_to_the_list(house, officer):
    shown = hold(house)
    response = officer.post(f"held/{shown.admission.id}/reject", reason="Poison.")
    assert response["Location"] == "/console/held?notice=rejected"
    house.drain()
    with house.scope(), tenant_transaction():
        assert MemCube.objects.get(id=shown.memory.cube.id).state == "forgotten"
    assert officer.get(f"held/{shown.admission.id}").status_code == 404


def test_a_decision_needs_a_reason(house, officer):
    shown = hold(house)
    for decision in ("approve", "reject"):
        response = officer.post(f"held/{shown.admission.id}/{decision}", reason="  ")
        assert response.status_code == 422
        assert "This field is required." in text(response)
    assert state_of(house, shown) == "held"


def test_a_second_decision_is_told_that_it_came_too_late(house, officer):
    shown = hold(house)
    with house.scope():
        approve(house.principal("admin"), admission_id=shown.admission.id, reason="First.")
    response = officer.post(f"held/{shown.admission.id}/reject", reason="Second.")
    assert response.status_code == 409
    assert "Already decided. Somebody was first; your decision was not taken." in text(response)
    assert "Approved by admin person" in text(response)
    assert state_of(house, shown) == "approved"


def test_a_second_decision_on_what_is_gone_is_told_so(house, officer):
    shown = hold(house)
    with house.scope():
        reject(house.principal("admin"), admission_id=shown.admission.id, reason="First.")
    response = officer.post(f"held/{shown.admission.id}/approve", reason="Second.")
    assert response.status_code == 409
    house.drain()
    assert officer.post(f"held/{shown.admission.id}/approve", reason="Third.").status_code == 404


def test_one_reason_decides_many_and_says_which_not(house, officer):
    shown = [hold(house, MOVED.replace("1001", f"100{number}")) for number in range(3)]
    with house.scope():
        approve(house.principal("admin"), admission_id=shown[0].admission.id, reason="First.")
    response = officer.post("held/all/reject", id=[str(each.admission.id) for each in shown], reason="Poison.")
    assert "2 rejected, 1 not." in text(response)
    assert "Already decided" in text(response)
    assert [state_of(house, each) for each in shown] == ["approved", "rejected", "rejected"]


def test_many_need_a_choice_and_a_reason(house, officer):
    shown = hold(house)
    assert "Choose at least one." in text(officer.post("held/all/approve", reason="Fine."))
    response = officer.post("held/all/approve", id=[str(shown.admission.id)], reason="")
    assert (response.status_code, state_of(house, shown)) == (422, "held")
    assert officer.post("held/all/approve", id=["nonsense"], reason="Fine.").status_code == 422


def test_an_incident_is_decided_as_one_and_its_progress_shown(house, officer):
    shown = [hold(house, MOVED.replace("1001", f"100{number}")) for number in range(3)]
    response = officer.post(f"held/incidents/{shown[0].admission.incident_id}/reject", reason="One attack.")
    assert response.status_code == 303
    operation = response["Location"].removeprefix("/console/").partition("?")[0]
    assert "0 of 3" in text(officer.get(operation))
    house.drain()
    part = officer.client.get(f"/console/{operation}", headers={"hx-request": "true"})
    assert "3 of 3" in text(part)
    assert b"<html" not in part.content
    assert b"hx-get" not in part.content  # it has ended, and does not ask again


def test_an_incident_needs_a_reason_and_is_decided_once(house, officer):
    incident = hold(house).admission.incident_id
    assert officer.post(f"held/incidents/{incident}/approve", reason="").status_code == 422
    assert officer.post(f"held/incidents/{incident}/approve", reason="Fine.").status_code == 303
    assert officer.post(f"held/incidents/{incident}/reject", reason="No.").status_code == 409


def test_what_waits_for_a_part_is_not_a_persons_to_decide(house, officer, monkeypatch):
    shown = hold(house)
    with house.scope(), tenant_transaction():
        Admission.objects.filter(id=shown.admission.id).update(waits=True)
    seen = officer.get(f"held/{shown.admission.id}")
    assert "nobody need decide" in text(seen)
    assert b'formaction="/console/held' not in seen.content


def test_text_that_labels_keep_from_the_reviewer_is_not_shown(house, officer):
    shown = hold(house, labels=("acl:agent",))
    for path in ("held", f"held/{shown.admission.id}"):
        assert MOVED not in text(officer.get(path))
        assert "keep its text from your role" in text(officer.get(path))


@pytest.mark.parametrize("role", ["auditor", "reader", "agent"])
def test_others_are_denied_and_offered_nothing(house, role):
    shown, visitor = hold(house), Visitor(house, role)
    for response in (
        visitor.get("held"),
        visitor.get(f"held/{shown.admission.id}"),
        visitor.post(f"held/{shown.admission.id}/approve", reason="Mine."),
        visitor.post("held/all/approve", id=[str(shown.admission.id)], reason="Mine."),
        visitor.post(f"held/incidents/{shown.admission.incident_id}/approve", reason="Mine."),
    ):
        assert response.status_code == 403
        assert MOVED not in text(response)
        assert b'href="/console/held"' not in response.content
    assert state_of(house, shown) == "held"


def test_another_tenants_case_is_not_found(house, officer):
    from tests.console.house import House

    shown = hold(House("Other"))
    assert officer.get(f"held/{shown.admission.id}").status_code == 404
    assert officer.post(f"held/{shown.admission.id}/approve", reason="Mine.").status_code == 404


# In a browser.


def test_a_reviewer_decides_by_keys_alone(house, as_role):
    first, second = hold(house), hold(house, MOVED.replace("1001", "1002"))
    page = as_role("compliance")
    page.goto("/console/held")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/held/{first.admission.id}")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.name") == "reason"
    page.keyboard.type("The clinic confirmed it.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**/held/{second.admission.id}?notice=approved")
    assert state_of(house, first) == "approved"
    page.keyboard.press("r")
    page.keyboard.type("Poison, j and k and a.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/held?notice=rejected")
    assert state_of(house, second) == "rejected"


def test_keys_are_explained_and_can_be_switched_off(house, as_role):
    hold(house)
    page = as_role("compliance")
    page.goto("/console/held")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_many_are_chosen_and_rejected_in_the_page(house, as_role):
    shown = [hold(house, MOVED.replace("1001", f"100{number}")) for number in range(2)]
    page = as_role("compliance")
    page.goto("/console/held")
    for box in page.locator("tbody input[name=id]").all():
        box.check()
    page.get_by_role("textbox", name="Reason").fill("One attack.")
    page.get_by_role("button", name="Reject the chosen").click()
    page.get_by_text("2 rejected").wait_for()
    assert [state_of(house, each) for each in shown] == ["rejected"] * 2


def test_nothing_that_strangers_wrote_runs(house, as_role):
    shown = hold(house, f"{MOVED} {CANARY}", source=f"chat {CANARY}"[:256], actor=CANARY, speaker=CANARY)
    page = as_role("compliance")
    for path in ("held", f"held/{shown.admission.id}"):
        page.goto(f"/console/{path}")
        assert "onerror" in page.locator("main").inner_text()  # it is there, as text
    page.get_by_role("textbox", name="Reason").fill(CANARY)
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/held?notice=approved")
    page.goto(f"/console/held/{shown.admission.id}")
    assert page.get_by_text("Reason: <img").count() == 1


def test_the_canary_would_run_elsewhere(contexts):
    """The positive control: in a page that escapes nothing, it runs and is seen to."""
    context, watch = contexts()
    page = context.new_page()
    page.set_content(f"<p>{CANARY}</p>")
    page.wait_for_timeout(500)
    assert watch.canaries
    watch.canaries.clear()
    watch.errors.clear()


def test_the_queue_and_a_case_are_accessible(house, as_role):
    shown = hold(house)
    page = as_role("compliance")
    for path in ("held", f"held/{shown.admission.id}"):
        page.goto(f"/console/{path}")
        require_accessible(page)
