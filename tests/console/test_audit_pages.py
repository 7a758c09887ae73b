"""The audit pages: the timeline, an event's proof, the log and its checkpoints."""

from __future__ import annotations

import json
import re

import pytest

from audit import verifier
from audit.acts import Act
from audit.models import Entry
from audit.selectors import Filter, events
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from memwrit.console import proving
from tests.console.house import House
from tests.console.test_sign_in import visit
from tests.console.watching import require_accessible


@pytest.fixture
def auditor(as_role):
    return as_role("auditor")


@pytest.fixture
def busy(house):
    """A house in which something has happened, all of it in the log but for whoever signs in to look."""
    house.memory()
    house.drain()
    return house


def newest(house, act=None):
    with house.scope(), tenant_transaction():
        return events(Filter(Act(act) if act else None), before=None, limit=1)[0].event


def save(page, name, folder):
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.fixture
def tamper(superuser):
    """Change the ledger past every policy and trigger."""
    superuser.execute("SET session_replication_role = replica")
    return lambda statement, *values: superuser.execute(statement, values).rowcount


# -- the timeline -----------------------------------------------------------------------------------------------------


def test_events_are_shown_newest_first_with_who_and_what(busy, auditor):
    auditor.goto("/console/audit")
    assert auditor.locator("tbody tr").first.inner_text().split("\t")[1:3] == ["person.sign_in", "auditor person"]
    row = auditor.get_by_role("row", name=re.compile("memory.admit"))
    assert "memory …" in row.inner_text()
    assert "ok" in row.inner_text()
    require_accessible(auditor)


def test_looking_at_the_timeline_is_an_event_by_whoever_looked(auditor, busy):
    auditor.goto("/console/audit")
    seen = newest(busy)
    assert (seen.act, seen.actor.id) == (Act.AUDIT_READ, busy.principal("auditor").id)


def test_the_timeline_is_filtered_by_act_actor_and_target(auditor, busy):
    admitted = newest(busy, "memory.admit")
    auditor.goto("/console/audit")
    auditor.get_by_label("Act", exact=True).select_option("memory.admit")
    auditor.get_by_role("button", name="Filter").click()
    assert auditor.locator("tbody tr").count() == 1
    auditor.goto(f"/console/audit?target={admitted.target.id}")
    assert auditor.locator("tbody tr").count() >= 1
    auditor.goto(f"/console/audit?actor={uuid7()}")
    assert "No events match" in auditor.locator("main").inner_text()
    require_accessible(auditor)


def test_the_timeline_is_filtered_by_moments_in_the_readers_zone(as_role, busy):
    page = as_role("auditor", timezone_id="Asia/Tokyo")
    page.goto("/console/audit")
    page.get_by_label("Until").fill("2020-01-01T09:00")
    page.get_by_role("button", name="Filter").click()
    assert "until=2020-01-01T00%3A00%3A00.000Z" in page.url
    assert page.get_by_label("Until").input_value() == "2020-01-01T09:00"
    assert "No events match" in page.locator("main").inner_text()


def test_times_are_shown_in_the_readers_zone_and_kept_in_utc(as_role, busy):
    page = as_role("auditor", timezone_id="Asia/Tokyo", locale="en-GB")
    page.goto("/console/audit")
    time = page.locator("tbody time").first
    page.wait_for_function("document.documentElement.dataset.ready !== undefined")
    utc = time.get_attribute("datetime")
    hour = (int(utc[11:13]) + 9) % 24
    assert f"{hour:02d}:{utc[14:16]}" in time.inner_text()
    assert time.get_attribute("title").endswith(" UTC")


@pytest.mark.parametrize("query", ["actor=everybody", "act=memory.sell", "since=yesterday", "before=x"])
def test_a_filter_that_cannot_be_read_is_said(house, query):
    answer = visit(house.session("auditor"), f"/console/audit?{query}")
    assert answer.status_code == 422
    assert "could not be read" in answer.content.decode()


def test_older_events_are_a_page_further(auditor, house):
    for _ in range(60):
        visit_event(house)
    auditor.goto("/console/audit")
    first = auditor.locator("tbody th a").first.get_attribute("href")
    assert auditor.locator("tbody tr").count() == 50
    auditor.get_by_role("link", name="Older").click()
    assert auditor.locator("tbody tr").count() >= 10
    assert first not in [each.get_attribute("href") for each in auditor.locator("tbody th a").all()]


def visit_event(house):
    from audit.services.record import record

    with house.scope(), tenant_transaction():
        record(Principal.system(house.tenant_id), Act.AUDIT_READ, policy="roles@1")


@pytest.mark.parametrize("role", ["reader", "agent"])
@pytest.mark.parametrize("place", ["audit", "audit/log", "audit/checkpoint.txt"])
def test_the_log_is_not_for_everybody(house, role, place):
    assert visit(house.session(role), f"/console/{place}").status_code == 403


@pytest.mark.parametrize("role", ["admin", "compliance", "auditor"])
@pytest.mark.parametrize("place", ["audit", "audit/log"])
def test_those_who_answer_for_it_see_the_log(busy, role, place):
    assert visit(busy.session(role), f"/console/{place}").status_code == 200


# -- an event and its proof -------------------------------------------------------------------------------------------


def test_an_events_proof_is_checked_and_its_download_verifies_elsewhere(auditor, busy, tmp_path, capsys):
    event = newest(busy, "memory.admit")
    auditor.goto(f"/console/audit/events/{event.id}")
    assert "In the log." in auditor.locator("main").inner_text()
    require_accessible(auditor)
    proof = save(auditor, "Download the proof", tmp_path)
    assert verifier.main(["inclusion", str(proof), "--key", proving.vkey(), "--json"]) == verifier.VERIFIED
    assert json.loads(capsys.readouterr().out)["event_id"] == str(event.id)
    tlog = save(auditor, "As tlog-proof", tmp_path)
    assert verifier.main(["inclusion", str(tlog), "--key", proving.vkey()]) == verifier.VERIFIED
    proof.write_text(proof.read_text().replace('"index": ', '"index": 1'))
    assert verifier.main(["inclusion", str(proof), "--key", proving.vkey()]) == verifier.REFUSED


def test_an_event_that_is_not_sequenced_yet_says_so(auditor, busy):
    visit_event(busy)
    auditor.goto(f"/console/audit/events/{newest(busy).id}")
    assert "On its way into the log" in auditor.locator("main").inner_text()


def test_an_event_shows_its_detail_of_ids_and_numbers(auditor, busy):
    auditor.goto(f"/console/audit/events/{newest(busy, 'person.sign_in').id}")
    assert "via" in auditor.locator("main").inner_text()


def test_an_event_whose_detail_was_erased_still_has_its_proof(auditor, busy, tamper):
    event = newest(busy, "memory.admit")
    assert tamper("UPDATE audit_detail SET sealed = NULL WHERE id = %s", event.id) == 1
    auditor.goto(f"/console/audit/events/{event.id}")
    told = auditor.locator("main").inner_text()
    assert "The detail has been erased" in told
    assert "In the log." in told


def test_a_changed_entry_is_refused_and_not_shown_as_proven(auditor, busy, tamper):
    event = newest(busy, "memory.admit")
    assert tamper("UPDATE audit_entry SET outcome = 'denied' WHERE id = %s", event.id) == 1
    assert auditor.goto(f"/console/audit/events/{event.id}").status == 500
    told = auditor.locator("main").inner_text()
    assert "In the log." not in told
    assert "Integrity" in auditor.locator("h1").inner_text()


def test_events_of_another_tenant_are_not_there(auditor, busy):
    other = House()
    other.memory()
    theirs = newest(other, "memory.admit")
    for place in (f"events/{theirs.id}", f"events/{theirs.id}/proof.json", f"events/{uuid7()}"):
        assert auditor.goto(f"/console/audit/{place}").status == 404


# -- the log ----------------------------------------------------------------------------------------------------------


def test_the_checkpoint_is_checked_and_its_download_verifies_elsewhere(auditor, busy, tmp_path):
    auditor.goto("/console/audit/log")
    assert str(busy.tenant_id) in auditor.get_by_label("The checkpoint").inner_text()
    require_accessible(auditor)
    kept = save(auditor, "Download it", tmp_path)
    assert verifier.main(["checkpoint", str(kept), "--key", proving.vkey()]) == verifier.VERIFIED


def test_a_log_without_a_checkpoint_says_so(auditor, house):
    auditor.goto("/console/audit/log")
    assert "There is no checkpoint yet" in auditor.locator("main").inner_text()


def test_todays_log_extends_a_checkpoint_that_was_kept(auditor, busy, tmp_path):
    auditor.goto("/console/audit/log")
    kept = save(auditor, "Download it", tmp_path)
    busy.memory("The blue kettle stands beside it.")
    busy.drain()
    auditor.goto("/console/audit/log")
    auditor.get_by_label("Checkpoint", exact=True).fill(kept.read_text())
    auditor.get_by_role("button", name="Compare").click()
    assert "It does." in auditor.locator("main").inner_text()
    require_accessible(auditor)
    with auditor.expect_download() as download:
        auditor.get_by_role("button", name="Download the proof").click()
    proof = tmp_path / "consistency.json"
    download.value.save_as(proof)
    asked = ["consistency", str(proof), "--old", str(kept), "--key", proving.vkey()]
    assert verifier.main(asked) == verifier.VERIFIED


def test_a_log_that_went_back_is_told(auditor, busy, monkeypatch, tmp_path):
    from audit import pin, selectors

    with busy.scope(), tenant_transaction():
        earlier = selectors.published(fresh=True)
    busy.memory("The blue kettle stands beside it.")
    busy.drain()
    auditor.goto("/console/audit/log")
    kept = save(auditor, "Download it", tmp_path)
    monkeypatch.setattr(selectors, "published", lambda fresh=False: earlier)
    auditor.get_by_label("Checkpoint", exact=True).fill(kept.read_text())
    auditor.get_by_role("button", name="Compare").click()
    assert "rolled back" in auditor.locator("main").inner_text()
    assert isinstance(earlier, pin.Pin)


@pytest.mark.parametrize("note", ["nonsense", "memwrit/x\n1\nAAAA\n\n— memwrit AAAA\n"])
def test_what_is_no_checkpoint_of_this_log_is_refused_at_its_field(house, busy, note):
    from django.test import Client

    from tests.console.watching import BROWSER

    client = Client(headers={"user-agent": BROWSER})
    client.cookies["memwrit"] = house.session("auditor")
    answer = client.post("/console/audit/log", {"checkpoint": note})
    assert answer.status_code == 422
    assert "signature of this tenant" in answer.content.decode()


def test_another_tenants_checkpoint_is_none_of_this_log(auditor, busy):
    other = House()
    other.memory()
    other.drain()
    with other.scope(), tenant_transaction():
        note = proving.head()[0]
    auditor.goto("/console/audit/log")
    auditor.get_by_label("Checkpoint", exact=True).fill(note)
    auditor.get_by_role("button", name="Compare").click()
    assert "signature of this tenant" in auditor.locator("main").inner_text()


def test_the_whole_log_is_verified_from_its_entries(auditor, busy, tamper):
    auditor.goto("/console/audit/log")
    auditor.get_by_role("button", name="Verify the whole log now").click()
    assert "It adds up." in auditor.locator("main").inner_text()
    require_accessible(auditor)
    with busy.scope(), tenant_transaction():
        last = Entry.objects.order_by("-index").values_list("id", flat=True).first()
    forged = b'{"act":"memory.read"}'
    assert tamper("UPDATE audit_entry SET entry = %s WHERE id = %s", forged, last) == 1
    auditor.get_by_role("button", name="Verify the whole log now").click()
    assert "It does not add up:" in auditor.locator("main").inner_text()


def test_a_log_too_long_for_a_page_is_verified_elsewhere(auditor, busy, monkeypatch):
    monkeypatch.setattr(proving, "MOST_ENTRIES", 1)
    auditor.goto("/console/audit/log")
    auditor.get_by_role("button", name="Verify the whole log now").click()
    assert "run memwrit verify full" in auditor.locator("main").inner_text()


@pytest.mark.parametrize("place", ["audit", "audit/log"])
def test_in_quarantine_no_look_can_be_recorded_so_none_is_had_and_why_is_said(auditor, busy, tamper, place):
    assert tamper(
        "INSERT INTO audit_quarantine (tenant_id, id, reason, raised_at) VALUES (%s, %s, 'tree', now())",
        busy.tenant_id,
        uuid7(),
    )
    assert auditor.goto(f"/console/{place}").status == 503
    assert "The ledger is in quarantine." in auditor.locator("main").inner_text()
    require_accessible(auditor)
