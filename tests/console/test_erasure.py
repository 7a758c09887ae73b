"""Forgetting and holding: what would go, who may say so, what came of it, and whether the certificate holds."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from audit.verifier import main as verify
from foundation.kernel import clock
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_transaction
from governance import erasures
from governance.models import Certificate, ErasureRequest, LegalHold, MemCube
from governance.services.place_hold import place_hold
from governance.services.plan_erasure import plan_erasure
from tenants.models import Session
from tests.console.house import PASSWORD, House
from tests.console.visiting import Visitor, text
from tests.console.watching import CANARY, require_accessible

KETTLE = "The red kettle stands on the stove."
ASKED = {"basis": "gdpr-17", "reason": "Request of 22 November"}


@pytest.fixture
def officer(house):
    return Visitor(house, "compliance")


def planned(house, role="compliance", **selection):
    with house.scope():
        return plan_erasure(house.principal(role), **({"subject": "crm:1"} | selection), **ASKED)


def request_of(house):
    with house.scope(), tenant_transaction():
        return ErasureRequest.objects.get()


def count(house, model):
    with house.scope(), tenant_transaction():
        return model.objects.count()


def stale(house):
    """Every session's last sign-in is longer ago than destructive acts accept."""
    with house.scope(), tenant_transaction():
        Session.objects.update(fresh_until=now() - timedelta(minutes=1))


def done(house, officer):
    """An executed erasure of the one subject; its request."""
    house.memory(KETTLE, subjects=("crm:1",))
    plan = planned(house)
    officer.post(f"erasure/{plan.request.id}/execute", manifest=plan.request.manifest)
    house.drain()
    return request_of(house)


# Planning.


def test_nothing_asked_says_so(officer):
    assert "Nothing has been asked to be forgotten." in text(officer.get("erasure"))


def test_a_look_at_what_would_go_keeps_nothing(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    seen = text(officer.post("erasure/new", subject="crm:1", look="1", **ASKED))
    assert "Records named 1" in seen
    assert "Request it" in seen
    assert count(house, ErasureRequest) == 0


def test_a_request_shows_its_secret_once(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    response = officer.post("erasure/new", subject="crm:1", order="1", **ASKED)
    assert response.status_code == 201
    secret = response.context["plan"].secret
    assert secret in text(response)
    row = request_of(house)
    assert secret not in text(officer.get(f"erasure/{row.id}"))
    assert "Request of 22 November" in text(officer.get(f"erasure/{row.id}"))


def test_forgetting_from_a_record_begins_with_that_record(house, officer):
    shown = house.memory(KETTLE)
    cube_id = str(shown.memory.cube.id)
    assert cube_id in officer.get("erasure/new", memory=cube_id).content.decode()
    seen = text(officer.post("erasure/new", ids=cube_id, look="1", **ASKED))
    assert "Records named 1" in seen


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Name exactly one"),
        ({"subject": "crm:1", "source": "chat:1"}, "Name exactly one"),
        ({"subject": "crm:nobody"}, "There is no such subject."),
        ({"ids": "nonsense"}, "Ids of records"),
        ({"source": "chat:1", "reason": ""}, "This field is required."),
        ({"source": "chat:1", "basis": "whim"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_planned_is_said_in_the_form(officer, asked, words):
    response = officer.post("erasure/new", order="1", **(ASKED | asked))
    assert (response.status_code, words in text(response)) == (422, True)


def test_a_space_and_a_source_can_be_planned(house, officer):
    house.memory(KETTLE, source="chat:9")
    for asked in ({"space": str(house.space.id)}, {"source": "chat:9"}):
        assert "Records named 1" in text(officer.post("erasure/new", look="1", **ASKED, **asked))


# The clock.


def test_the_clock_runs_by_the_law_that_is_named(house):
    house.memory(KETTLE, subjects=("crm:1",))
    request = planned(house).request
    assert erasures.clock_of(request).due - request.created_at == timedelta(days=30)
    request.basis = "ccpa-1798.105"
    assert erasures.clock_of(request).due - request.created_at == timedelta(days=45)


@pytest.mark.parametrize(("days", "tone"), [(1, "good"), (25, "warn"), (31, "bad")])
def test_the_clock_tells_how_urgent_it_is(house, days, tone):
    house.memory(KETTLE, subjects=("crm:1",))
    with clock.frozen(now() - timedelta(days=days)):
        request = planned(house).request
    told = erasures.clock_of(request)
    assert (told.tone, round(told.share, 2)) == (tone, round(days / 30, 2))


def test_late_and_soon_are_counted(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    for days in (31, 25, 1):
        with clock.frozen(now() - timedelta(days=days)):
            planned(house)
        house.drain()
    with house.scope(), tenant_transaction():
        told = erasures.deadlines(house.principal("compliance"))
    assert (told.open, told.soon, told.late) == (3, 1, 1)
    assert "late" in text(officer.get("erasure", state="planned"))
    assert "Nothing has been asked" in text(officer.get("erasure", state="done"))


# Approving and executing.


def test_nobody_is_offered_to_approve_his_own_request_and_the_door_is_closed_too(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    request = planned(house).request
    assert b"/approve" not in officer.get(f"erasure/{request.id}").content
    assert officer.post(f"erasure/{request.id}/approve").status_code == 403


def test_somebody_else_approves(house):
    house.memory(KETTLE, subjects=("crm:1",))
    request, admin = planned(house).request, Visitor(house, "admin")
    assert b"/approve" in admin.get(f"erasure/{request.id}").content
    assert admin.post(f"erasure/{request.id}/approve").status_code == 303
    assert request_of(house).state == "approved"
    assert "Approved by admin person" in text(admin.get(f"erasure/{request.id}"))
    assert admin.post(f"erasure/{request.id}/approve").status_code == 409


def test_executing_destroys_and_certifies(house, officer):
    request = done(house, officer)
    assert request.state == "done"
    seen = text(officer.get(f"erasure/{request.id}"))
    assert "Purged 1" in seen
    assert "The certificate" in seen
    with house.scope(), tenant_transaction():
        assert MemCube.objects.get().state == "forgotten"


def test_a_plan_that_would_do_something_else_by_now_is_not_run(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    plan = planned(house)
    house.memory("The blue kettle too.", subjects=("crm:1",))
    response = officer.post(f"erasure/{plan.request.id}/execute", manifest=plan.request.manifest)
    assert (response.status_code, "The manifest has changed" in text(response)) == (409, True)
    assert request_of(house).state == "planned"


def test_executing_asks_for_a_fresh_sign_in_and_goes_on_with_it(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    plan = planned(house)
    stale(house)
    asked = officer.post(f"erasure/{plan.request.id}/execute", manifest=plan.request.manifest)
    assert (asked.status_code, "Confirm that it is you" in text(asked)) == (403, True)
    assert request_of(house).state == "planned"
    again = {"manifest": plan.request.manifest, "confirm_password": PASSWORD}
    assert officer.post(f"erasure/{plan.request.id}/execute", **again).status_code == 303
    assert request_of(house).state == "running"


def test_while_it_runs_the_page_asks_again_and_then_no_more(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    plan = planned(house)
    officer.post(f"erasure/{plan.request.id}/execute", manifest=plan.request.manifest)
    running = officer.get(f"erasure/{plan.request.id}")
    assert b"hx-get" in running.content
    house.drain()
    part = officer.client.get(f"/console/erasure/{plan.request.id}", headers={"hx-request": "true"})
    assert (b"hx-get" in part.content, b"<html" in part.content) == (False, False)


def test_what_a_hold_keeps_is_told_and_goes_on_after_its_release(house, officer):
    shown = house.memory(KETTLE, subjects=("crm:1",))
    with house.scope():
        held = place_hold(house.principal("compliance"), name="Case", basis="audit", ids=[shown.memory.cube.id])
    plan = planned(house)
    assert "Kept by a legal hold 1" in text(officer.get(f"erasure/{plan.request.id}"))
    officer.post(f"erasure/{plan.request.id}/execute", manifest=plan.request.manifest)
    house.drain()
    assert "goes on by itself once it may" in text(officer.get(f"erasure/{plan.request.id}"))
    officer.post(f"holds/{held.hold.id}/release", reason="Closed.")
    house.drain()
    assert request_of(house).state == "done"
    assert "An earlier certificate" in text(officer.get(f"erasure/{plan.request.id}"))


# The certificate.


def test_a_certificate_is_told_store_by_store_and_verified(house, officer):
    request = done(house, officer)
    seen = text(officer.get(f"certificates/{request.certificate_id}"))
    assert "Verified." in seen
    for words in ("The records : looked again: nothing found", "The keys : A2", "What it does not cover"):
        assert words in seen, words


def test_the_download_is_what_the_offline_verifier_reads(house, officer, tmp_path, client):
    request = done(house, officer)
    response = officer.get(f"certificates/{request.certificate_id}/file")
    assert response["Content-Disposition"] == f'attachment; filename="erasure-{request.certificate_id}.json"'
    file, keys = tmp_path / "certificate.json", tmp_path / "keys.json"
    file.write_bytes(response.content)
    keys.write_bytes(client.get("/.well-known/memwrit-keys.json").content)
    assert verify(["certificate", str(file), "--key", str(keys)]) == 0
    told = json.loads(file.read_text())
    told["certificate"]["erased"] = 99
    file.write_text(json.dumps(told))
    assert verify(["certificate", str(file), "--key", str(keys)]) == 1


def test_a_certificate_that_was_changed_is_said_not_to_hold(house, officer, superuser):
    request = done(house, officer)
    with house.scope(), tenant_transaction():
        signed = bytes(Certificate.objects.get(id=request.certificate_id).signed)
    changed = signed.replace(b'"erased":1', b'"erased":9')
    assert changed != signed
    superuser.execute("SET session_replication_role = replica")  # past the trigger that refuses changes
    superuser.execute("UPDATE governance_certificate SET signed = %s WHERE id = %s", [changed, request.certificate_id])
    seen = text(officer.get(f"certificates/{request.certificate_id}"))
    assert "It does not hold." in seen
    assert "Verified." not in seen


def test_a_certificate_not_in_the_log_yet_says_so(house, officer, monkeypatch):
    from foundation.kernel.problems import NotSequenced

    request = done(house, officer)

    def not_yet(_):
        raise NotSequenced(retry_after=1)

    monkeypatch.setattr(erasures, "file_of", not_yet)
    assert "Not in the log yet." in text(officer.get(f"certificates/{request.certificate_id}"))
    assert officer.get(f"certificates/{request.certificate_id}/file").status_code == 404


def test_an_auditor_reads_certificates_and_nothing_else_of_this(house, officer):
    request, auditor = done(house, officer), Visitor(house, "auditor")
    assert "Verified." in text(auditor.get(f"certificates/{request.certificate_id}"))
    assert auditor.get(f"erasure/{request.id}").status_code == 403
    assert (
        f"/console/erasure/{request.id}".encode() not in auditor.get(f"certificates/{request.certificate_id}").content
    )


@pytest.mark.parametrize("role", ["auditor", "reader", "agent"])
def test_others_are_denied(house, role):
    house.memory(KETTLE, subjects=("crm:1",))
    plan, visitor = planned(house), Visitor(house, role)
    path = f"erasure/{plan.request.id}"
    for response in (
        visitor.get("erasure"),
        visitor.get("erasure/new"),
        visitor.get(path),
        visitor.post("erasure/new", source="chat:1", order="1", **ASKED),
        visitor.post(f"{path}/approve"),
        visitor.post(f"{path}/execute", manifest=plan.request.manifest),
        visitor.get("holds"),
        visitor.post("holds/new", name="Mine", basis="audit", space=str(house.space.id)),
    ):
        assert response.status_code == 403
        assert b'href="/console/erasure"' not in response.content
    assert request_of(house).state == "planned"
    assert count(house, LegalHold) == 0


def test_another_tenants_request_is_not_found(house, officer):
    other = House("Other")
    other.memory(KETTLE, subjects=("crm:1",))
    request = planned(other).request
    for path in (f"erasure/{request.id}", f"certificates/{uuid7()}", f"holds/{uuid7()}"):
        assert officer.get(path).status_code == 404
    assert officer.post(f"erasure/{request.id}/execute", manifest=request.manifest).status_code == 404


# Holds.


def test_a_hold_is_placed_with_custodians_and_shown(house, officer):
    house.memory(KETTLE, subjects=("crm:1",))
    custodian = house.principal("admin").id
    asked = {"name": "Case 12-034", "basis": "litigation", "subject": "crm:1", "custodians": [str(custodian)]}
    response = officer.post("holds/new", **asked)
    assert response.status_code == 303
    seen = text(officer.get(response["Location"].removeprefix("/console/").partition("?")[0]))
    for words in ("Case 12-034", "litigation", "Covers now 1 record", "admin person"):
        assert words in seen
    assert "Case 12-034" in text(officer.get("holds"))
    assert "Case 12-034" not in text(officer.get("holds", state="released"))


def test_no_hold_says_so(officer):
    assert "No hold is like this." in text(officer.get("holds"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Name a subject, a space or ids."),
        ({"ids": "nonsense"}, "Ids of records"),
        ({"ids": "01a202c9-0001-7a00-8000-000000000001"}, "unknown"),
        ({"name": "", "subject": "crm:1"}, "This field is required."),
    ],
)
def test_what_cannot_be_held_is_said_in_the_form(house, officer, asked, words):
    response = officer.post("holds/new", **({"name": "Case", "basis": "audit"} | asked))
    assert (response.status_code, words in text(response)) == (422, True)
    assert count(house, LegalHold) == 0


def test_a_hold_is_released_once_with_a_reason_and_a_fresh_sign_in(house, officer):
    with house.scope():
        held = place_hold(house.principal("compliance"), name="Case", basis="audit", space_id=house.space.id)
    path = f"holds/{held.hold.id}"
    assert officer.post(f"{path}/release", reason="").status_code == 422
    stale(house)
    assert "Confirm that it is you" in text(officer.post(f"{path}/release", reason="Closed."))
    assert officer.post(f"{path}/release", reason="Closed.", confirm_password=PASSWORD).status_code == 303
    seen = text(officer.get(path))
    assert "released" in seen
    assert "Closed." in seen
    assert officer.post(f"{path}/release", reason="Again.").status_code == 409


# In a browser.


def test_an_officer_forgets_a_person_from_the_form_to_the_certificate(house, as_role):
    house.memory(KETTLE, subjects=("crm:1",))
    page = as_role("compliance")
    page.goto("/console/erasure")
    page.get_by_role("link", name="Forget …").click()
    page.get_by_label("A person").fill("crm:1")
    page.get_by_role("textbox", name="Reason").fill("Request of 22 November")
    page.get_by_role("button", name="Show what it would take").click()
    page.get_by_role("heading", name="What would be forgotten").wait_for()
    page.get_by_role("button", name="Request it").click()
    assert len(page.locator("#secret").inner_text()) > 20
    assert "crm" not in page.url
    page.get_by_role("link", name="To the request").click()
    page.get_by_role("button", name="Destroy it now").click()
    page.get_by_text("It is being carried out").wait_for()
    house.drain()
    page.get_by_role("link", name="The certificate").click()
    page.locator("#checked").get_by_text("Verified.").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert json.loads(download.value.path().read_text())["certificate"]["erased"] == 1


def test_nothing_that_somebody_wrote_runs(house, as_role):
    page = as_role("compliance")
    page.goto("/console/holds/new")
    page.get_by_label("Name").fill(CANARY[:128])
    page.get_by_label("A person").fill(CANARY)
    page.get_by_role("button", name="Place it").click()
    page.get_by_text("Placed:").wait_for()
    assert "onerror" in page.locator("main").inner_text()
    page.get_by_role("textbox", name="Reason").fill(CANARY)
    page.get_by_role("button", name="Release it").click()
    page.get_by_text("Released:").wait_for()
    page.goto("/console/holds?state=released")
    assert "onerror" in page.locator("main").inner_text()
    house.memory(KETTLE, subjects=(CANARY,))
    with house.scope():
        plan = plan_erasure(house.principal("compliance"), subject=CANARY, basis="other", reason=CANARY)
    page.goto(f"/console/erasure/{plan.request.id}")
    assert "onerror" in page.locator("main").inner_text()


def test_erasure_and_holds_are_accessible(house, as_role, officer):
    request = done(house, officer)
    with house.scope():
        held = place_hold(house.principal("compliance"), name="Case", basis="audit", space_id=house.space.id)
    page = as_role("compliance")
    paths = ["erasure", "erasure/new", f"erasure/{request.id}", f"certificates/{request.certificate_id}"]
    for path in [*paths, "holds", "holds/new", f"holds/{held.hold.id}"]:
        page.goto(f"/console/{path}")
        require_accessible(page)
    page.goto("/console/erasure/new")
    page.get_by_label("A space").select_option(label="support")
    page.get_by_role("textbox", name="Reason").fill("Why not")
    page.get_by_role("button", name="Show what it would take").click()
    require_accessible(page)
