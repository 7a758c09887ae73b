"""Tenant administration in the browser: people, keys, spaces, quotas, epochs, roles, the identity provider."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from audit.acts import Act
from audit.selectors import Filter, events
from foundation.kernel import clock
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_transaction
from tenants.models import ApiKey, Session
from tests.api.builders import Api
from tests.console.house import PASSWORD, House
from tests.console.test_sign_in import visit
from tests.console.watching import BROWSER, CANARY, require_accessible

ADMINS_ONLY = [
    "people",
    "people/new",
    "keys",
    "keys/new",
    "usage",
    "usage/memories",
    "epochs",
    "roles",
    "sign-in",
    "spaces/new",
]


@pytest.fixture
def admin(as_role, house):
    assert house.space
    return as_role("admin")


def told(house, act):
    with house.scope(), tenant_transaction():
        return [listed.event for listed in events(Filter(Act(act)), before=None, limit=50)]


def submit(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def stale(house):
    """Every session's last sign-in is long ago."""
    with house.scope(), tenant_transaction():
        Session.objects.update(fresh_until=clock.now() - timedelta(minutes=1))


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ADMINS_ONLY)
@pytest.mark.parametrize("role", ["compliance", "auditor", "reader"])
def test_administration_is_for_administrators(house, role, page):
    answer = visit(house.session(role), f"/console/admin/{page}")
    assert answer.status_code == 403
    assert "Denied by policy" in answer.content.decode()
    assert [event.outcome for event in told(house, "auth.deny")] == ["denied"]


@pytest.mark.parametrize("page", ADMINS_ONLY)
def test_an_administrator_sees_each_page_and_the_look_is_an_event(house, page):
    client = visit(house.session("admin"), f"/console/admin/{page}")
    assert client.status_code == 200
    looks = {"people": "person", "usage": "usage", "epochs": "key", "roles": "person", "sign-in": "policy"}
    about = page.partition("/")[0]
    assert len(told(house, f"{looks.get(about, about.rstrip('s'))}.read")) == 1
    assert told(house, "auth.deny") == []


@pytest.mark.parametrize(
    "page",
    [
        "people",
        "people/new",
        "keys/new",
        "usage",
        "usage/memories",
        "epochs",
        "roles",
        "sign-in",
        "spaces",
        "spaces/new",
    ],
)
def test_each_page_is_accessible(admin, page):
    admin.goto(f"/console/admin/{page}")
    require_accessible(admin)


# -- people -----------------------------------------------------------------------------------------------------------


def test_an_administrator_takes_a_person_in_who_then_signs_in(admin, house):
    admin.goto("/console/admin/people")
    admin.get_by_role("link", name="New person").click()
    admin.get_by_label("Name").fill("Ana Diaz")
    admin.get_by_label("E-mail address").fill("Ana@Example.org")
    admin.get_by_label("auditor –").check()
    admin.get_by_label("Password").fill(PASSWORD)
    submit(admin, "Create")
    assert "may sign in now" in admin.locator("#notices").inner_text()
    row = admin.get_by_role("row", name=re.compile("Ana Diaz"))
    assert "Ana@Example.org" in row.inner_text()
    assert "auditor" in row.inner_text()
    answer = Client(headers={"user-agent": BROWSER}).post(
        f"/console/t/{house.tenant_id}/", {"email": "ana@example.org", "password": PASSWORD}
    )
    assert answer.status_code == 303
    assert len(told(house, "person.create")) == 2  # the administrator himself, and Ana


def test_what_is_wrong_with_a_new_person_is_said_at_its_field(admin):
    admin.goto("/console/admin/people/new")
    admin.get_by_label("Name").fill("Ana")
    admin.get_by_label("E-mail address").fill("not an address")
    admin.get_by_label("reader –").check()
    admin.get_by_label("Password").fill("short")
    submit(admin, "Create")
    assert admin.locator("#id_email_error").inner_text() == "Not an e-mail address."
    assert "12 characters" in admin.locator("#id_password_error").inner_text()
    assert "at least one space" in admin.locator("#id_spaces_error").inner_text()
    assert admin.get_by_label("Name").input_value() == "Ana"
    assert admin.get_by_label("Password").input_value() == ""
    require_accessible(admin)


def test_a_name_that_would_run_is_refused_and_never_runs(admin):
    admin.goto("/console/admin/people/new")
    admin.get_by_label("Name").fill(CANARY[:64])
    admin.get_by_label("E-mail address").fill("x@example.org")
    admin.get_by_label("auditor –").check()
    submit(admin, "Create")
    assert admin.get_by_label("Name").input_value() == CANARY[:64]
    assert "letters, digits" in admin.locator("#id_name_error").inner_text()


def test_two_people_with_one_address_are_refused(admin):
    admin.goto("/console/admin/people/new")
    admin.get_by_label("Name").fill("Another")
    admin.get_by_label("E-mail address").fill("ADMIN@example.org")
    admin.get_by_label("auditor –").check()
    submit(admin, "Create")
    assert "There is a person with this address." in admin.locator("main").inner_text()


def test_a_disabled_persons_session_ends_at_once_and_he_may_be_enabled_again(admin, house):
    cookie, person = house.session("auditor"), house.person("auditor")
    admin.goto(f"/console/admin/people/{person.id}")
    require_accessible(admin)
    submit(admin, "Disable")
    assert visit(cookie).status_code == 303
    submit(admin, "Enable")
    assert visit(house.session("auditor")).status_code == 200
    assert [event.outcome for event in told(house, "person.change")] == ["ok", "ok"]


def test_nobody_disables_himself(admin, house):
    admin.goto(f"/console/admin/people/{house.person('admin').id}")
    submit(admin, "Disable")
    assert admin.locator("h1").inner_text() == "Conflict"
    assert "Ask another administrator" in admin.locator("main").inner_text()


def test_an_administrator_ends_somebody_elses_sessions(admin, house):
    cookies = [house.session("compliance") for _ in range(2)]
    admin.goto(f"/console/admin/people/{house.person('compliance').id}")
    submit(admin, "End all sessions")
    assert [visit(cookie).status_code for cookie in cookies] == [303, 303]


def test_people_of_another_tenant_are_not_there(admin):
    other = House().person("auditor")
    assert admin.goto(f"/console/admin/people/{other.id}").status == 404
    assert admin.goto(f"/console/admin/people/{uuid7()}").status == 404


# -- a fresh sign-in --------------------------------------------------------------------------------------------------


def test_a_destructive_act_asks_for_the_password_and_goes_on_with_it(admin, house):
    person = house.person("auditor")
    admin.goto(f"/console/admin/people/{person.id}")
    stale(house)
    submit(admin, "Disable")
    assert admin.locator("h1").inner_text() == "Confirm that it is you"
    require_accessible(admin)
    admin.get_by_label("Password").fill("wrong horse battery staple")
    submit(admin, "Confirm and go on")
    assert "That is not your password." in admin.locator("main").inner_text()
    assert told(house, "person.change") == []
    admin.get_by_label("Password").fill(PASSWORD)
    submit(admin, "Confirm and go on")
    assert "Nobody signs in as this person any more" in admin.locator("#notices").inner_text()
    assert len(told(house, "person.change")) == 1


def test_looking_needs_no_fresh_sign_in(admin, house):
    admin.goto("/console/admin/people")
    stale(house)
    assert admin.goto("/console/admin/people").status == 200


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_keys_text_is_shown_once_works_and_ends_when_it_is_revoked(admin, house):
    admin.goto("/console/admin/keys/new")
    admin.get_by_label("Name").fill("support agent")
    admin.get_by_label("agent –").check()
    admin.get_by_label("support", exact=True).check()
    submit(admin, "Create")
    text = admin.locator("#secret").inner_text().strip()
    assert text not in admin.url
    require_accessible(admin)
    api = Api(text)
    assert api.get("/v1/memories").status == 200
    admin.goto("/console/admin/keys")
    assert text not in admin.content()
    assert text.rsplit("_", 1)[1] not in admin.content()
    admin.get_by_role("link", name="support agent").click()
    require_accessible(admin)
    assert text.rsplit("_", 1)[1] not in admin.content()
    submit(admin, "Revoke")
    require_accessible(admin)
    submit(admin, "Revoke it")
    assert "does not pass again" in admin.locator("#notices").inner_text()
    assert api.get("/v1/memories").status == 401


def test_a_rotated_key_works_beside_the_old_one(admin, house):
    with house.scope(), tenant_transaction():
        key = ApiKey.objects.get()
    admin.goto(f"/console/admin/keys/{key.id}")
    admin.get_by_role("link", name="Rotate").click()
    require_accessible(admin)
    submit(admin, "Make the new key")
    new = Api(admin.locator("#secret").inner_text().strip())
    assert new.get("/v1/api_keys").status == Api(house.api_key).get("/v1/api_keys").status == 200
    assert len(told(house, "key.rotate")) == 1


def test_an_old_look_at_a_key_revokes_nothing(admin, house):
    from tenants.services.rotate_key import rotate_key

    with house.scope(), tenant_transaction():
        key = ApiKey.objects.get()
    admin.goto(f"/console/admin/keys/{key.id}")
    with house.scope():
        rotate_key(house.principal("admin"), key_id=key.id, overlap=timedelta(hours=1))
    submit(admin, "Revoke")
    submit(admin, "Revoke it")
    assert admin.locator("h1").inner_text() == "Version conflict"
    assert told(house, "key.revoke") == []


def test_a_form_is_sent_once_however_often_its_button_is_pressed(admin, house):
    admin.goto("/console/admin/keys/new")
    admin.get_by_label("Name").fill("twice")
    admin.get_by_label("auditor –").check()
    admin.get_by_role("button", name="Create", exact=True).dblclick()
    admin.locator("#secret").wait_for()
    with house.scope(), tenant_transaction():
        assert ApiKey.objects.filter(name="twice").count() == 1


# -- spaces, quotas, epochs, roles ------------------------------------------------------------------------------------


def test_a_space_is_made_changed_and_deleted(admin):
    admin.goto("/console/admin/spaces/new")
    admin.get_by_label("Name").fill("sales")
    submit(admin, "Create")
    assert "The space is there." in admin.locator("#notices").inner_text()
    admin.get_by_role("link", name="sales", exact=True).click()
    admin.get_by_label("Grace, in hours").fill("48")
    require_accessible(admin)
    submit(admin, "Save")
    assert "2 days" in admin.get_by_role("row", name=re.compile("sales")).inner_text()
    admin.get_by_role("link", name="Delete the space sales").click()
    require_accessible(admin)
    submit(admin, "Delete it")
    assert "The space is deleted." in admin.locator("#notices").inner_text()


def test_a_space_that_holds_memories_is_not_deleted(admin, house):
    house.memory()
    admin.goto(f"/console/admin/spaces/{house.space.id}/delete")
    submit(admin, "Delete it")
    assert "forget them first" in admin.locator("main").inner_text()


def test_a_space_changed_by_somebody_else_is_not_overwritten(admin, house):
    from governance.services.spaces import update_space

    admin.goto(f"/console/admin/spaces/{house.space.id}")
    with house.scope():
        update_space(house.principal("admin"), space_id=house.space.id, if_match="*", changes={"name": "renamed"})
    admin.get_by_label("Name").fill("mine")
    submit(admin, "Save")
    assert "changed since it was read" in admin.locator("main").inner_text()


@pytest.mark.parametrize("name", ["", "<b>", "support"])
def test_a_wrong_or_taken_name_of_a_space_is_refused(admin, name):
    admin.goto("/console/admin/spaces/new")
    admin.get_by_label("Name").fill(name)
    submit(admin, "Create")
    assert admin.locator("#id_name_error").count() == 1


def test_officers_see_spaces_and_may_not_change_them(as_role, house):
    page = as_role("compliance")
    assert house.space
    page.goto("/console/admin/spaces")
    assert page.get_by_text("support").count() == 1
    assert page.get_by_role("link", name="New space").count() == 0
    assert page.goto(f"/console/admin/spaces/{house.space.id}").status == 403


def test_a_quota_is_set_and_lifted(admin, house):
    admin.goto("/console/admin/usage/memories")
    admin.get_by_label("Most memories").fill("10")
    submit(admin, "Set")
    assert "10" in admin.get_by_role("row", name=re.compile("^memories")).inner_text()
    require_accessible(admin)
    admin.goto("/console/admin/usage/memories")
    admin.get_by_label("Most memories").fill("")
    submit(admin, "Set")
    assert "no limit" in admin.get_by_role("row", name=re.compile("^memories")).inner_text()
    assert len(told(house, "quota.change")) == 2
    assert admin.goto("/console/admin/usage/wishes").status == 404


def test_epochs_show_what_the_keyring_holds(admin, house):
    house.memory()
    admin.goto("/console/admin/epochs")
    assert admin.get_by_role("row", name=re.compile("^version 1")).count() == 1
    require_accessible(admin)


def test_roles_are_explained_as_policy_has_them(admin):
    admin.goto("/console/admin/roles")
    cells = admin.get_by_role("row", name=re.compile("^memory.reveal")).locator("td").all_inner_texts()
    assert cells == ["no", "no", "yes", "no", "no"]


# -- the identity provider --------------------------------------------------------------------------------------------


def test_an_identity_provider_is_set_and_its_secret_never_shown_again(admin, house):
    from tenants.providers import provider

    admin.goto("/console/admin/sign-in")
    admin.get_by_label("Issuer").fill("https://login.example.org")
    admin.get_by_label("Client id").fill("memwrit")
    admin.get_by_label("Client secret").fill("a secret of theirs")
    admin.get_by_label("E-mail domains").fill("Example.org, example.net")
    submit(admin, "Save")
    assert "may sign in with your organisation" in admin.locator("#notices").inner_text()
    assert "a secret of theirs" not in admin.content()
    submit(admin, "Save")  # an empty secret leaves the one that is there
    with house.scope():
        known, version = provider()
    assert (known.client_secret, known.domains, version) == ("a secret of theirs", ("example.org", "example.net"), 2)
    submit(admin, "Take the provider away")
    with house.scope():
        assert provider() is None


def test_a_wrong_identity_provider_is_refused_at_its_field(admin):
    admin.goto("/console/admin/sign-in")
    admin.get_by_label("Issuer").fill("http://login.example.org")
    admin.get_by_label("Client id").fill("memwrit")
    admin.get_by_label("E-mail domains").fill("nonsense")
    submit(admin, "Save")
    assert "https" in admin.locator("#id_issuer_error").inner_text()
    assert admin.locator("#id_domains_error").count() == 1


# -- one's own ----------------------------------------------------------------------------------------------------------


def test_a_person_changes_his_password_and_his_other_sessions_end(as_role, house):
    page, other = as_role("auditor"), house.session("auditor")
    page.goto("/console/sessions")
    page.get_by_role("link", name="Change your password").click()
    require_accessible(page)
    page.get_by_label("New password").fill("another horse, another battery")
    submit(page, "Change it")
    assert "Your password is changed" in page.locator("#notices").inner_text()
    assert visit(other).status_code == 303
    client = Client(headers={"user-agent": BROWSER})
    door = f"/console/t/{house.tenant_id}/"
    assert client.post(door, {"email": "auditor@example.org", "password": PASSWORD}).status_code == 401
    assert (
        client.post(door, {"email": "auditor@example.org", "password": "another horse, another battery"}).status_code
        == 303
    )
