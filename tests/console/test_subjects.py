"""A person's page: found by a name that is posted, counts, what is under way, the export as a file."""

from __future__ import annotations

import json

import pytest

from audit.evidence import verify_export
from audit.origin import log_verifier
from governance.services.place_hold import place_hold
from tests.console.house import House
from tests.console.visiting import Visitor, text
from tests.console.watching import require_accessible


@pytest.fixture
def officer(house):
    return Visitor(house, "compliance")


def found(visitor, name="crm:1"):
    response = visitor.post("subjects", subject=name)
    assert response.status_code == 303, text(response)
    return response.headers["Location"].removeprefix("/console/").partition("?")[0]


def test_a_person_is_found_and_shown(house, officer):
    house.memory("{{Ana}} has a red kettle.", subjects=("crm:1",))
    with house.scope():
        place_hold(house.principal("compliance"), name="Case", basis="audit", subject="crm:1")
    path = found(officer)
    assert "crm" not in path
    seen = text(officer.get(path))
    for words in ("Your name for them crm:1", "Memories 1, in 1 version", "In support 1", "Legal hold"):
        assert words in seen, words
    assert "Ana" not in seen


def test_nobody_is_said_at_the_field(house, officer):
    response = officer.post("subjects", subject="crm:unknown")
    assert (response.status_code, "Nobody of this name is known." in text(response)) == (422, True)


def test_the_export_is_a_file_that_verifies(house, officer):
    house.memory("{{Ana}} has a red kettle.", subjects=("crm:1",))
    response = officer.post(f"{found(officer)}/export")
    assert (response.status_code, response.streaming) == (200, True)
    told = b"".join(response.streaming_content).decode()
    verify_export(told, [log_verifier()])
    assert json.loads(told.splitlines()[1])["versions"][0]["content"] == "{{Ana}} has a red kettle."


@pytest.mark.parametrize("role", ["auditor", "reader", "agent"])
def test_others_are_denied(house, officer, role):
    house.memory(subjects=("crm:1",))
    path, visitor = found(officer), Visitor(house, role)
    assert [visitor.get(each).status_code for each in ("subjects", path)] == [403, 403]
    assert visitor.post(f"{path}/export").status_code == 403


def test_another_tenants_person_is_not_found(house, officer):
    other = House("Other")
    other.memory(subjects=("crm:1",))
    path = found(Visitor(other, "compliance"))
    assert officer.get(path).status_code == 404
    assert officer.post(f"{path}/export").status_code == 404


def test_the_pages_are_accessible(house, as_role):
    house.memory(subjects=("crm:1",))
    page = as_role("compliance")
    page.goto("/console/subjects")
    require_accessible(page)
    page.get_by_label("A person").fill("crm:1")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("heading", name="What is kept").wait_for()
    require_accessible(page)
