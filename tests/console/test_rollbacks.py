"""Rolling back many records: what would change, who may say so, how far it is, what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance.models import MemCube
from governance.rollbacks.models import Rollback
from governance.services.plan_rollback import Wanted, plan_rollback
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from tenants.models import Session
from tests.builders import principal as made_principal
from tests.console.house import PASSWORD, House
from tests.console.visiting import Visitor, statements, text
from tests.console.watching import CANARY, require_accessible

KETTLE = "The red kettle stands on the stove."
CELLAR = "The red kettle stands in the cellar."
ASKED = {"reason": "Compromised channel"}


@pytest.fixture
def officer(house):
    return Visitor(house, "compliance")


@pytest.fixture
def poisoned(house):
    """A record with a clean version under a bad one, and a bad one; both of the channel that is compromised."""
    with clock.frozen(now() - timedelta(hours=2)):
        kettle = house.memory(KETTLE, source="chat:8821")
    with house.scope():
        agent = made_principal(house.tenant_id, Role.AGENT, spaces=frozenset({house.space.id}))
        revise(agent, memory_id=kettle.memory.cube.id, revision=Revision("*", {"content": CELLAR}))
    house.memory("The code of the safe is 4711.", source="chat:8821")
    return {"source": "chat:8821", "since": (now() - timedelta(hours=1)).isoformat()}


def planned(house, role="compliance", **wanted):
    with house.scope():
        return plan_rollback(house.principal(role), wanted=Wanted(**({"source": "chat:8821"} | wanted)), **ASKED)


def rollback_of(house):
    with house.scope(), tenant_transaction():
        return Rollback.objects.get()


def count(house):
    with house.scope(), tenant_transaction():
        return Rollback.objects.count()


def test_nothing_rolled_back_says_so(officer):
    assert "Nothing has been rolled back." in text(officer.get("rollbacks"))


def test_a_look_shows_what_would_change_side_by_side_and_keeps_nothing(house, officer, poisoned):
    seen = officer.post("rollbacks/new", look="1", **ASKED, **poisoned)
    for words in ("Go back to a clean version 1", "Are withdrawn 1", "Nothing has been changed", "Plan it"):
        assert words in text(seen), words
    assert "<del>in</del>" in seen.content.decode()
    assert "<ins>stove</ins>" in seen.content.decode()
    assert count(house) == 0


def test_a_rollback_from_its_order_to_its_report(house, officer, poisoned):
    response = officer.post("rollbacks/new", order="1", **ASKED, **poisoned)
    row = rollback_of(house)
    assert (response.status_code, response["Location"]) == (303, f"/console/rollbacks/{row.id}?notice=planned")
    page = officer.get(f"rollbacks/{row.id}")
    assert "Compromised channel" in text(page)
    assert "of one source; recorded since" in text(page)
    assert b"/approve" not in page.content
    admin = Visitor(house, "admin")
    assert admin.post(f"rollbacks/{row.id}/approve").status_code == 303
    assert "Approved by admin person" in text(admin.get(f"rollbacks/{row.id}"))
    assert officer.post(f"rollbacks/{row.id}/execute", manifest=row.manifest).status_code == 303
    running = officer.get(f"rollbacks/{row.id}")
    assert b"hx-get" in running.content
    assert "0 of 2 records." in text(running)
    house.drain()
    part = officer.client.get(f"/console/rollbacks/{row.id}", headers={"hx-request": "true"})
    assert (b"hx-get" in part.content, b"<html" in part.content) == (False, False)
    for words in ("2 of 2 records.", "Went back to a clean version 1", "Withdrawn 1"):
        assert words in text(part), words
    with house.scope(), tenant_transaction():
        assert set(MemCube.objects.values_list("state", "version")) == {("active", 3), ("withdrawn", 1)}
    listed = text(officer.get("rollbacks", state="done"))
    assert "compliance person" in listed
    event = rollback_of(house).event_ids[0]
    assert "rollback.plan" in text(officer.get(f"audit/events/{event}"))


def test_who_was_handed_it_is_shown(house, officer, poisoned):
    with house.scope():
        search(house.principal("reader"), question=Question("kettle"))
    row = planned(house).rollback
    assert f"/console/rollbacks/{row.id}/retrievals" in officer.get(f"rollbacks/{row.id}").content.decode()
    assert "reader person" in text(officer.get(f"rollbacks/{row.id}/retrievals"))
    assert "reader person" in text(Visitor(house, "auditor").get(f"rollbacks/{row.id}/retrievals"))


def test_beginning_from_a_record_names_it(house, officer):
    shown = house.memory(KETTLE)
    cube_id = str(shown.memory.cube.id)
    assert cube_id in officer.get("rollbacks/new", memory=cube_id).content.decode()
    assert "Are withdrawn 1" in text(officer.post("rollbacks/new", look="1", ids=cube_id, **ASKED))


def test_a_writer_can_be_chosen_by_name(house, officer):
    writer = house.principal("agent")
    assert "agent person" in text(officer.get("rollbacks/new"))
    response = officer.post("rollbacks/new", order="1", writer_id=str(writer.id), **ASKED)
    assert response.status_code == 303
    assert "written by agent person" in text(officer.get(f"rollbacks/{rollback_of(house).id}"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Name a source"),
        ({"ids": "nonsense"}, "Ids of records"),
        ({"ids": "01a202c9-0001-7a00-8000-000000000001"}, "There is no such record."),
        ({"source": "chat:1", "reason": ""}, "This field is required."),
        ({"source": "chat:1", "since": "soon"}, "Not a moment."),
        ({"space": "whim"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_planned_is_said_in_the_form(house, officer, asked, words):
    response = officer.post("rollbacks/new", order="1", **(ASKED | asked))
    assert (response.status_code, words in text(response), count(house)) == (422, True, 0)


def test_executing_asks_for_a_fresh_sign_in_and_a_plan_that_still_holds(house, officer, poisoned):
    row = planned(house).rollback
    with house.scope(), tenant_transaction():
        Session.objects.update(fresh_until=now() - timedelta(minutes=1))
    asked = officer.post(f"rollbacks/{row.id}/execute", manifest=row.manifest)
    assert (asked.status_code, "Confirm that it is you" in text(asked)) == (403, True)
    house.memory("One more.", source="chat:8821")
    fields = {"manifest": row.manifest, "confirm_password": PASSWORD}
    response = officer.post(f"rollbacks/{row.id}/execute", **fields)
    assert (response.status_code, "The manifest has changed" in text(response)) == (409, True)
    assert rollback_of(house).state == "planned"


@pytest.mark.parametrize("role", ["auditor", "reader", "agent"])
def test_others_are_denied(house, role, poisoned):
    row, visitor = planned(house).rollback, Visitor(house, role)
    for response in (
        visitor.get("rollbacks"),
        visitor.get("rollbacks/new"),
        visitor.get(f"rollbacks/{row.id}"),
        visitor.post("rollbacks/new", order="1", **ASKED, **poisoned),
        visitor.post(f"rollbacks/{row.id}/approve"),
        visitor.post(f"rollbacks/{row.id}/execute", manifest=row.manifest),
    ):
        assert response.status_code == 403
        assert b'href="/console/rollbacks"' not in response.content
    assert rollback_of(house).state == "planned"


def test_another_tenants_rollback_is_not_found(officer):
    other = House("Other")
    other.memory(KETTLE, source="chat:8821")
    row = planned(other).rollback
    for id in (row.id, uuid7()):
        assert officer.get(f"rollbacks/{id}").status_code == 404
        assert officer.get(f"rollbacks/{id}/retrievals").status_code == 404
        assert officer.post(f"rollbacks/{id}/approve").status_code == 404
        assert officer.post(f"rollbacks/{id}/execute", manifest=row.manifest).status_code == 404


def test_no_page_asks_once_a_row(house, officer, poisoned, monkeypatch):
    monkeypatch.setattr(keys.opened, "clock", lambda now=keys.opened.clock(): now)  # no key is forgotten meanwhile
    with house.scope():
        search(house.principal("compliance"), question=Question("kettle"))
    row = planned(house).rollback
    pages = ("rollbacks", f"rollbacks/{row.id}", f"rollbacks/{row.id}/retrievals")
    before = [statements(officer, page) for page in pages]
    for number in range(3):
        house.memory(f"Kettle {number} stands on the stove.", source="chat:8821")
        with house.scope():
            search(house.principal("compliance"), question=Question("kettle"))
        row = planned(house).rollback
    pages = ("rollbacks", f"rollbacks/{row.id}", f"rollbacks/{row.id}/retrievals")
    after = [statements(officer, page) for page in pages]
    assert all(more <= few + 1 for few, more in zip(before, after, strict=True)), (before, after)


def test_in_a_browser_it_is_ordered_run_and_watched_and_no_text_runs(house, as_role):
    shown = house.memory(f"{KETTLE} {CANARY}")
    with house.scope():
        change = Revision("*", {"content": f"{CELLAR} {CANARY}"})
        revise(house.principal("agent"), memory_id=shown.memory.cube.id, revision=change)
    house.drain()
    page = as_role("compliance")
    page.goto("/console/rollbacks/new")
    page.get_by_label("Written by").select_option(label="agent person")
    page.get_by_label("Reason").fill(f"Compromised {CANARY}")
    page.get_by_role("button", name="Show what it would change").click()
    require_accessible(page)
    page.get_by_role("button", name="Plan it").click()
    page.get_by_role("button", name="Roll it back now").click()
    page.get_by_text("It is being carried out").wait_for()
    house.drain()
    page.get_by_text("Report").wait_for()
    require_accessible(page)
