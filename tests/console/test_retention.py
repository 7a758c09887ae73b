"""Retention policies: versions side by side, a preview before they hold, and the spaces that name them."""

from __future__ import annotations

import pytest

from foundation.kernel.scope import tenant_transaction
from governance.models import RetentionPolicyRecord, Space
from governance.retention.rules import Rule
from governance.retention.selectors import versions
from governance.services.retention_policies import create_retention_policy
from governance.services.spaces import update_space
from tests.console.house import House
from tests.console.test_policies import sent
from tests.console.visiting import Visitor, text
from tests.console.watching import require_accessible


@pytest.fixture
def admin(house):
    return Visitor(house, "admin")


def made(house, *rules, name="seven years"):
    with house.scope():
        given = tuple(map(Rule.from_json, rules))
        return create_retention_policy(house.principal("admin"), name=name, rules=given)[0].policy.id


def in_force(house, policy_id):
    with house.scope(), tenant_transaction():
        return versions(policy_id)[0].policy


def test_without_policies_the_page_says_so(admin):
    assert "memories stay until they are withdrawn, expire or are erased" in text(admin.get("policies"))


def test_a_policy_is_made_from_the_form_and_listed(house, admin):
    form = admin.get("policies/retention/new").context["form"]
    typed = {"rules-0-kind": "vault", "rules-0-minimum": "p7y", "rules-1-maximum": "P90D"}
    response = admin.post("policies/retention/new", **sent(form, name="seven years", enforce="1", **typed))
    assert response.status_code == 303
    assert "seven years 1 2 0" in text(admin.get("policies"))
    with house.scope(), tenant_transaction():
        policy_id = RetentionPolicyRecord.objects.get().id
    assert [rule.as_json()["minimum"] for rule in in_force(house, policy_id).rules] == ["P7Y", None]
    shown = text(admin.get(f"policies/retention/{policy_id}"))
    assert "No space names it yet" in shown
    assert "vault – wherever it is named P7Y –" in shown


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"rules-0-minimum": "seven years"}, "As P90D, P18M or P7Y"),
        ({"rules-0-kind": "vault"}, "A rule gives a minimum, a maximum or both."),
        ({"rules-0-minimum": "P2Y", "rules-0-maximum": "P1Y"}, "Longer than the maximum."),
        ({"rules-0-minimum": "P2Y", "rules-1-maximum": "P3Y"}, "Another rule says this of the same records."),
        ({"rules-0-label": "no label", "rules-0-minimum": "P2Y"}, "No label."),
    ],
)
def test_a_rule_that_cannot_hold_is_said_in_its_row(admin, typed, said):
    form = admin.get("policies/retention/new").context["form"]
    for extra in ({"enforce": "1"}, {"try": "1"}):
        response = admin.post("policies/retention/new", **sent(form, name="n", **typed, **extra))
        assert (response.status_code, said in text(response)) == (422, True)


def test_an_edit_is_a_version_and_what_differs_is_shown(house, admin):
    policy_id = made(house, {"minimum": "P7Y"})
    form = admin.get(f"policies/retention/{policy_id}/edit").context["form"]
    changed = sent(form, **{"rules-0-minimum": "P8Y", "enforce": "1"})
    assert admin.post(f"policies/retention/{policy_id}/edit", **changed).status_code == 303
    assert (in_force(house, policy_id).version, str(in_force(house, policy_id).rules[0].minimum)) == (2, "P8Y")
    shown = admin.get(f"policies/retention/{policy_id}")
    assert b"<del>P7Y</del>" in shown.content
    assert b"<ins>P8Y</ins>" in shown.content
    assert admin.post(f"policies/retention/{policy_id}/edit", **changed).status_code == 412


def test_a_draft_is_tried_on_the_memories_there_are_and_changes_nothing(house, admin):
    house.memory("{{Ana}} has a red kettle.")
    policy_id = made(house, {"minimum": "P7Y"})
    form = admin.get(f"policies/retention/{policy_id}/edit").context["form"]
    response = admin.post(
        f"policies/retention/{policy_id}/edit", **sent(form, **{"rules-0-maximum": "P8Y", "try": "1"})
    )
    seen = text(response)
    for words in ("to the 1 memories of support", "Over now, so erased 0", "Not to be deleted or erased yet 1"):
        assert words in seen, words
    assert "Ana" not in seen
    assert response.context["form"].rules.forms[0]["maximum"].value() == "P8Y"  # what was typed is still there
    assert in_force(house, policy_id).version == 1


def test_a_space_takes_a_policy_up(house, admin):
    policy_id = made(house, {"minimum": "P7Y"})
    path = f"admin/spaces/{house.space.id}"
    form = admin.get(path).context["form"]
    typed = {field.html_name: field.value() for field in form if field.value() not in (None, "", False)}
    assert admin.post(path, **typed | {"retention_policy_id": str(policy_id)}).status_code == 303
    with house.scope(), tenant_transaction():
        space = Space.objects.get(id=house.space.id)
    assert space.retention_policy_id == policy_id
    assert space.retention_since is not None
    assert "seven years" in text(admin.get("admin/spaces"))
    assert "Holds in support." in text(admin.get(f"policies/retention/{policy_id}"))


def test_a_kept_memory_cannot_be_withdrawn_and_the_refusal_says_why(house, admin):
    policy_id = made(house, {"minimum": "P7Y"})
    with house.scope():
        who = house.principal("admin")
        update_space(who, space_id=house.space.id, if_match="*", changes={"retention_policy_id": policy_id})
    memory = house.memory()
    assert "Kept until" in text(admin.get(f"memories/{memory.memory.cube.id}"))
    page = admin.get(f"memories/{memory.memory.cube.id}/withdraw")
    response = admin.post(f"memories/{memory.memory.cube.id}/withdraw", match=page.context["form"]["match"].value())
    assert (response.status_code, "Under minimum retention" in text(response)) == (409, True)


def test_an_auditor_looks_and_changes_nothing(house):
    policy_id, auditor = made(house, {"minimum": "P7Y"}), Visitor(house, "auditor")
    assert auditor.get(f"policies/retention/{policy_id}").status_code == 200
    for path in ("policies/retention/new", f"policies/retention/{policy_id}/edit"):
        assert auditor.get(path).status_code == 403
        assert auditor.post(path, name="n", enforce="1").status_code == 403


@pytest.mark.parametrize("role", ["compliance", "reader", "agent"])
def test_others_are_denied(house, role):
    policy_id = made(house, {"minimum": "P7Y"})
    assert Visitor(house, role).get(f"policies/retention/{policy_id}").status_code == 403


def test_another_tenants_policy_is_not_found(house, admin):
    policy_id = made(House("Other"))
    for path in (f"policies/retention/{policy_id}", f"policies/retention/{policy_id}/edit"):
        assert admin.get(path).status_code == 404


def test_the_pages_are_accessible_and_a_draft_is_tried_in_one(house, as_role):
    house.memory("{{Ana}} has a red kettle.")
    policy_id = made(house, {"minimum": "P7Y"})
    page = as_role("admin")
    page.goto(f"/console/policies/retention/{policy_id}/edit")
    page.get_by_label("At most, rule 1").fill("P8Y")
    page.get_by_role("button", name="Try it on the memories there are").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    require_accessible(page)
    page.get_by_role("button", name="Put in force").click()
    page.get_by_text("what it keeps is kept from now on").wait_for()
    require_accessible(page)
