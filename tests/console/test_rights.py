"""Another role or reach for a person: by administrators, within their own, and never so that none is left."""

from __future__ import annotations

import re
import threading

import pytest
from django.db import connections

from foundation.kernel import clock
from foundation.kernel.principal import Principal, Role
from foundation.kernel.problems import Conflict, NotFound, PolicyDenied, Problem, Unauthenticated, VersionConflict
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance.services.spaces import create_space
from tenants.models import ApiKey, Person, Resource
from tenants.services.change_person import disable_person, enable_person
from tenants.services.change_rights import change_rights
from tenants.services.create_key import create_key
from tenants.services.revoke_key import revoke_key
from tenants.services.set_identity_provider import set_identity_provider
from tenants.services.set_quota import set_quota
from tenants.services.sign_out import sign_out_everywhere
from tenants.sessions import signed_in
from tests.console.house import PASSWORD, House
from tests.console.test_admin import stale, told
from tests.console.test_sign_in import visit
from tests.console.visiting import Visitor, text
from tests.console.watching import BROWSER, require_accessible


@pytest.fixture
def admin(house):
    return Visitor(house, "admin")


def where(person, tail="/rights"):
    return f"admin/people/{person.id}{tail}"


def now_of(house, person):
    with house.scope(), tenant_transaction():
        found = Person.objects.get(id=person.id)
    return found.role, found.spaces


def second(house, **given):
    return house.person("admin", email="second@example.org", name="second", **given)


def acting(house, person):
    from tenants.services.begin_session import acting as principal_of

    with house.scope(), tenant_transaction():
        return principal_of(person)


# -- the page -------------------------------------------------------------------------------------------------------------


def test_an_administrator_gives_another_role_and_the_sessions_of_before_end(house, admin):
    cookie, person = house.session("auditor"), house.person("auditor")
    assert where(person) in admin.get(where(person, "")).content.decode()
    form = admin.get(where(person))
    assert [line for line in form.content.decode().split("<") if "checked" in line and 'value="auditor"' in line]
    answer = admin.post(where(person), role="reader", spaces=[str(house.space.id)], rev=0)
    assert answer.status_code == 303
    assert "hold from the next sign-in" in text(admin.client.get(answer["Location"]))
    assert now_of(house, person) == ("reader", [house.space.id])
    assert visit(cookie).status_code == 303
    assert Visitor(house, "auditor").get("audit").status_code == 403  # signed in anew, as a reader
    (event,) = told(house, "person.change")
    assert (event.target.id, event.outcome) == (person.principal_id, "ok")


@pytest.mark.parametrize("role", ["compliance", "auditor", "reader", "agent"])
def test_nobody_else_may(house, role):
    person, visitor = house.person("auditor", email="x@example.org", name="x"), Visitor(house, role)
    assert visitor.get(where(person)).status_code == 403
    assert visitor.post(where(person), role="admin", rev=0).status_code == 403
    assert now_of(house, person) == ("auditor", [])
    assert told(house, "person.change") == []


def test_it_asks_for_a_fresh_sign_in(house, admin):
    person = house.person("auditor")
    stale(house)
    sent = {"role": "compliance", "rev": 0}
    assert "Confirm that it is you" in text(admin.post(where(person), **sent))
    assert now_of(house, person)[0] == "auditor"
    assert admin.post(where(person), **sent, confirm_password=PASSWORD).status_code == 303
    assert now_of(house, person)[0] == "compliance"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"role": "operator"}, 422),
        ({"role": "reader"}, 422),
        ({"role": "compliance", "rev": 7}, 412),
        ({"role": ""}, 422),
    ],
    ids=["platform", "no space", "changed since", "none"],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(house, admin, sent, status):
    person = house.person("auditor")
    answer = admin.post(where(person), **({"rev": 0} | sent))
    assert answer.status_code == status
    assert now_of(house, person) == ("auditor", [])


def test_nobody_raises_or_lowers_himself(house, admin):
    own = house.person("admin")
    second(house)
    assert where(own) not in admin.get(where(own, "")).content.decode()
    answer = admin.post(where(own), role="compliance", rev=0)
    assert (answer.status_code, now_of(house, own)) == (409, ("admin", []))
    assert "Ask another administrator" in text(answer)


def test_a_person_of_another_tenant_is_not_there(house, admin):
    other = House()
    person = other.person("auditor")
    assert admin.get(where(person)).status_code == 404
    assert admin.post(where(person), role="reader", rev=0).status_code == 404
    assert now_of(other, person) == ("auditor", [])


def test_the_page_is_accessible_and_works_by_keyboard(house, as_role):
    person, page = house.person("auditor"), as_role("admin")
    page.goto(f"/console/{where(person, '')}")
    page.get_by_role("link", name="Change role and spaces").click()
    require_accessible(page)
    assert "example.org" not in page.title() + page.url
    page.get_by_role("radio", name="auditor –").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**?notice=rights")
    assert "hold from the next sign-in" in page.locator("#notices").inner_text()
    assert now_of(house, person)[0] == "compliance"


def test_the_keys_a_person_made_which_outlast_his_rights_are_told(house, admin):
    maker = second(house)
    terms = {"role": Role.AGENT, "spaces": [house.space.id]}
    with house.scope():
        bot, gone, brief = (
            create_key(acting(house, maker), name=name, **terms).key for name in ("bot", "gone", "brief")
        )
        create_key(house.principal("admin"), name="not-his", **terms)
        revoke_key(house.principal("admin"), key_id=gone.id, if_match="*")
        with tenant_transaction():
            ApiKey.objects.filter(id=brief.id).update(expires_at=clock.now())
    assert admin.post(where(maker), role="reader", spaces=[str(house.space.id)], rev=0).status_code == 303
    shown = admin.get(where(maker, "")).content.decode()
    assert re.findall(r"/console/admin/keys/([0-9a-f-]{36})", shown) == [str(bot.id)]
    assert "does not end them" in shown
    assert "does not end them" not in admin.get(where(house.person("auditor"), "")).content.decode()


# -- the service ----------------------------------------------------------------------------------------------------------


def test_nobody_gives_or_takes_more_reach_than_he_has(house):
    with house.scope():
        other = create_space(Principal.system(house.tenant_id), name="sales")
    house.person("admin")
    bound = acting(house, second(house, spaces=[house.space.id]))
    within, everywhere = house.person("reader"), house.person("auditor")
    with house.scope():
        for person, spaces in ((within, [other.id]), (within, []), (everywhere, [house.space.id])):
            with pytest.raises(PolicyDenied):
                change_rights(bound, person_id=person.id, role=Role.AUDITOR, spaces=spaces, rev=0)
        change_rights(bound, person_id=within.id, role=Role.AGENT, spaces=[house.space.id], rev=0)
    assert now_of(house, within) == ("agent", [house.space.id])


def test_the_last_administrator_is_not_taken_away(house):
    platform, person = Principal.system(house.tenant_id), house.person("admin")
    away = {"role": Role.AUDITOR}, {"role": Role.ADMIN, "spaces": [house.space.id]}
    with house.scope():
        for terms in away:
            with pytest.raises(Conflict):
                change_rights(platform, person_id=person.id, rev=0, **terms)
        with pytest.raises(Conflict):
            disable_person(platform, person_id=person.id)
        change_rights(platform, person_id=person.id, rev=0, role=Role.ADMIN)  # as it was
        gone = second(house)
        disable_person(platform, person_id=gone.id)
        with pytest.raises(Conflict):  # a disabled one does not count
            change_rights(platform, person_id=person.id, rev=1, role=Role.AUDITOR)
    with house.scope():
        house.person("admin", email="third@example.org", name="third")
        change_rights(platform, person_id=person.id, rev=1, role=Role.AUDITOR)
    assert now_of(house, person) == ("auditor", [])


def test_two_administrators_who_take_it_from_each_other_at_once_leave_one(house):
    one, two = house.person("admin"), second(house)
    actors, ended = {one.id: acting(house, two), two.id: acting(house, one)}, []
    ready = threading.Barrier(2, timeout=60)

    def work(person_id):
        try:
            ready.wait()
            with tenant_scope(house.tenant_id):
                change_rights(actors[person_id], person_id=person_id, role=Role.AUDITOR, rev=0)
            ended.append("done")
        except Problem as problem:
            ended.append(type(problem).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(each.id,)) for each in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["Conflict", "done"]
    assert sorted(now_of(house, each)[0] for each in (one, two)) == ["admin", "auditor"]


def test_what_an_administrator_began_before_he_was_one_no_more_is_not_done(house):
    second(house)
    person, begun = house.person("auditor"), signed_in(house.session("admin"), BROWSER).principal
    platform = Principal.system(house.tenant_id)
    with house.scope():
        change_rights(platform, person_id=house.person("admin").id, role=Role.AUDITOR, rev=0)
        with pytest.raises(Unauthenticated):
            change_rights(begun, person_id=person.id, role=Role.ADMIN, rev=0)
    assert now_of(house, person) == ("auditor", [])


def test_a_change_is_made_on_what_was_seen(house):
    platform, person = Principal.system(house.tenant_id), house.person("auditor")
    with house.scope():
        change_rights(platform, person_id=person.id, role=Role.COMPLIANCE, rev=0)
        with pytest.raises(VersionConflict):
            change_rights(platform, person_id=person.id, role=Role.ADMIN, rev=0)
        with pytest.raises(NotFound):
            change_rights(platform, person_id=house.space.id, role=Role.ADMIN, rev=0)
    assert now_of(house, person)[0] == "compliance"


def test_who_administers_some_spaces_touches_nobody_and_nothing_beyond_them(house):
    bound = acting(house, second(house, spaces=[house.space.id]))
    whole = house.person("admin")
    with house.scope():
        for act in (
            lambda: disable_person(bound, person_id=whole.id),
            lambda: enable_person(bound, person_id=whole.id),
            lambda: sign_out_everywhere(bound, principal_id=whole.principal_id),
            lambda: set_identity_provider(bound, provider=None, version=0),
            lambda: set_quota(bound, resource=Resource.MEMORIES, ceiling=1, if_match="*"),
        ):
            with pytest.raises(PolicyDenied):
                act()
        reader = house.person("reader")
        disable_person(bound, person_id=reader.id)  # whom he wholly reaches
        assert sign_out_everywhere(bound, principal_id=reader.principal_id) == 0
