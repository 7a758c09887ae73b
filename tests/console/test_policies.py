"""Policies: versions, what differs between them, and what one would do before it is in force."""

from __future__ import annotations

import pytest

from foundation.kernel.scope import tenant_transaction
from guard import policy_history
from guard.models import GuardPolicyVersion, PiiPolicyRecord
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, PiiPolicy, Rule
from guard.services.pii_policies import Terms, create_pii_policy
from tests.console.house import House
from tests.console.visiting import Visitor, text
from tests.console.watching import require_accessible


@pytest.fixture
def admin(house):
    return Visitor(house, "admin")


def made(house, *rules, name="support"):
    with house.scope():
        terms = Terms(Mode.STRICT, Action.PSEUDONYMISE, rules)
        return create_pii_policy(house.principal("admin"), name=name, terms=terms)[0].id


def sent(form, **changes):
    """What a browser would send of the form as it came, but for `changes`."""
    told = {}
    for part in (form.terms_form, form.rules.management_form, *form.rules.forms):
        for field in part:
            value = field.value()
            if value not in (None, "", []):
                told[field.html_name] = value
    return told | changes


def in_force(house, policy_id):
    with house.scope(), tenant_transaction():
        return policy_history.pii_versions(policy_id)[0].policy


def test_the_shipped_policies_are_told_where_there_are_no_others(admin):
    seen = text(admin.get("policies"))
    for words in ("default", "shipped", "0.01 (1 in 100)", "nobody has changed them"):
        assert words in seen


def test_a_policy_is_made_from_the_form(house, admin):
    form = admin.get("policies/pii/new").context["form"]
    response = admin.post("policies/pii/new", **sent(form, name="support", enforce="1"))
    assert response.status_code == 303
    assert "support" in text(admin.get("policies"))
    with house.scope(), tenant_transaction():
        record = PiiPolicyRecord.objects.get()
    assert len(in_force(house, record.id).rules) == len(form.rules.initial_forms)


def test_a_name_that_is_taken_is_said_at_the_name(house, admin):
    made(house)
    form = admin.get("policies/pii/new").context["form"]
    response = admin.post("policies/pii/new", **sent(form, name="support", enforce="1"))
    assert (response.status_code, "A policy of this name exists." in text(response)) == (422, True)


def test_an_edit_is_a_new_version_and_its_differences_are_shown(house, admin):
    policy_id = made(house, Rule(Action.PSEUDONYMISE, Entity.PERSON, reveal_to=("agent",)))
    form = admin.get(f"policies/pii/{policy_id}/edit").context["form"]
    changed = {"rules-0-action": "redact", "rules-0-reveal_to": [], "mode": "balanced", "enforce": "1"}
    response = admin.post(f"policies/pii/{policy_id}/edit", **sent(form, **changed))
    assert response.status_code == 303
    policy = in_force(house, policy_id)
    assert (policy.version, policy.mode, policy.rules[0].action) == (2, Mode.BALANCED, Action.REDACT)
    shown = admin.get(f"policies/pii/{policy_id}")
    assert "PERSON in everything" in text(shown)
    assert b"<del>pseudonymise, revealed to agent</del>" in shown.content
    assert b"<ins>redact</ins>" in shown.content
    same = admin.get(f"policies/pii/{policy_id}", **{"from": "1", "to": "1"})
    assert "Nothing differs." in text(same)


def test_an_edit_of_what_changed_meanwhile_is_refused(house, admin):
    policy_id = made(house)
    form = admin.get(f"policies/pii/{policy_id}/edit").context["form"]
    assert admin.post(f"policies/pii/{policy_id}/edit", **sent(form, enforce="1")).status_code == 303
    assert admin.post(f"policies/pii/{policy_id}/edit", **sent(form, enforce="1")).status_code == 412
    assert in_force(house, policy_id).version == 2


def test_a_rule_that_cannot_hold_is_said_in_its_row(house, admin):
    policy_id = made(house)
    form = admin.get(f"policies/pii/{policy_id}/edit").context["form"]
    wrong = {"rules-1-entity": "SECRET", "rules-1-action": "keep", "enforce": "1"}
    for extra in ({}, {"try": "1"}):
        response = admin.post(f"policies/pii/{policy_id}/edit", **sent(form, **(wrong | extra)))
        assert (response.status_code, "Secrets are redacted or rejected." in text(response)) == (422, True)
        assert response.context["form"].rules.forms[1].non_field_errors()
    response = admin.post(f"policies/pii/{policy_id}/edit", **sent(form, **(wrong | {"rules-1-path": "no path"})))
    assert (response.status_code, "No path." in text(response)) == (422, True)


def test_a_draft_is_tried_on_recent_memories_and_changes_nothing(house, admin):
    house.memory("{{Ana}} has a red kettle.")
    policy_id = made(house)
    form = admin.get(f"policies/pii/{policy_id}/edit").context["form"]
    changed = {"rules-0-entity": "PERSON", "rules-0-action": "redact", "try": "1"}
    response = admin.post(f"policies/pii/{policy_id}/edit", **sent(form, **changed))
    seen = text(response)
    for words in ("What it would do to the newest 1 memories", "Treated otherwise 1", "PERSON pseudonymise redact 1"):
        assert words in seen, words
    assert "Ana" not in seen
    assert response.context["form"].rules.forms[0]["action"].value() == "redact"  # what was typed is still there
    assert in_force(house, policy_id).version == 1


def test_a_draft_of_a_new_policy_is_tried_too(house, admin):
    house.memory("{{Ana}} has a red kettle.")
    form = admin.get("policies/pii/new").context["form"]
    assert "newest 1 memories" in text(admin.post("policies/pii/new", **sent(form, name="draft", **{"try": "1"})))
    with house.scope(), tenant_transaction():
        assert not PiiPolicyRecord.objects.exists()


def test_the_guards_choices_are_versions(house, admin):
    form = admin.get("policies/guard").context["form"]
    match = form.initial["match"]
    assert admin.post("policies/guard", alpha="0.02", optional_judge="on", match=match).status_code == 303
    seen = text(admin.get("policies"))
    assert "0.02 (1 in 50)" in seen
    assert "may be asked" in seen
    assert admin.post("policies/guard", alpha="0.03", match=match).status_code == 412
    with house.scope(), tenant_transaction():
        assert GuardPolicyVersion.objects.get().alpha == 0.02


@pytest.mark.parametrize("alpha", ["0", "0.5", "much", ""])
def test_a_share_out_of_bounds_is_said_in_the_form(admin, alpha):
    match = admin.get("policies/guard").context["form"].initial["match"]
    assert admin.post("policies/guard", alpha=alpha, match=match).status_code == 422


def test_an_auditor_looks_and_changes_nothing(house):
    policy_id, auditor = made(house), Visitor(house, "auditor")
    response = auditor.get("policies")
    assert response.status_code == 200
    assert b"/console/policies/pii/new" not in response.content
    assert auditor.get(f"policies/pii/{policy_id}").status_code == 200
    for path in ("policies/guard", "policies/pii/new", f"policies/pii/{policy_id}/edit"):
        assert auditor.get(path).status_code == 403
    assert auditor.post("policies/guard", alpha="0.02", match='"v0-0"').status_code == 403


@pytest.mark.parametrize("role", ["compliance", "reader", "agent"])
def test_others_are_denied_and_offered_nothing(house, role):
    visitor = Visitor(house, role)
    response = visitor.get("policies")
    assert response.status_code == 403
    assert b'href="/console/policies"' not in response.content


def test_another_tenants_policy_is_not_found(house, admin):
    policy_id = made(House("Other"))
    for path in (f"policies/pii/{policy_id}", f"policies/pii/{policy_id}/edit"):
        assert admin.get(path).status_code == 404


def test_versions_differ_where_they_say_something_else():
    old = PiiPolicy("p", 1, Mode.STRICT, Action.REDACT, (Rule(Action.KEEP, Entity.URL, "/content"),))
    new = PiiPolicy("p", 2, Mode.STRICT, Action.HASH, (Rule(Action.MASK, None, None),))
    assert policy_history.differences(old, new) == [
        ("otherwise", "redact", "hash"),
        ("URL in /content", "keep", ""),
        ("anything in everything", "", "mask"),
    ]


def test_policies_are_accessible_and_work_in_a_page(house, as_role):
    house.memory("{{Ana}} has a red kettle.")
    policy_id = made(house, Rule(Action.PSEUDONYMISE, Entity.PERSON, reveal_to=("agent",)))
    page = as_role("admin")
    page.goto(f"/console/policies/pii/{policy_id}/edit")
    page.get_by_label("Then, rule 1").select_option("redact")
    page.get_by_role("group", name="Revealed to, rule 1").get_by_label("agent").uncheck()
    page.get_by_role("button", name="Try it on what was admitted lately").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    require_accessible(page)
    page.get_by_role("button", name="Put in force").click()
    page.get_by_text("The new version is in force").wait_for()
    require_accessible(page)
    for path in ("policies", "policies/guard", "policies/pii/new"):
        page.goto(f"/console/{path}")
        require_accessible(page)
