"""Signing in by password, sessions and their end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from foundation.kernel import clock
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.rest.throttles import Rate
from tenants import tickets
from tenants.models import PrincipalRecord, Session
from tenants.services import sign_in
from tests.console.house import PASSWORD, House
from tests.console.watching import BROWSER, require_accessible

REFUSED = "The address and the password do not belong together."


def knock(house, *, email="admin@example.org", password=PASSWORD, client=None, tenant=None, **headers):
    client = client or Client(headers={"user-agent": BROWSER})
    sent = {"email": email, "password": password}
    return client.post(f"/console/t/{tenant or house.tenant_id}/", sent, **headers)


def visit(cookie, path="/console/sessions", browser=BROWSER):
    client = Client(headers={"user-agent": browser})
    client.cookies["memwrit"] = cookie
    return client.get(path)


def events(house, act):
    from audit.acts import Act
    from audit.selectors import Filter
    from audit.selectors import events as found

    with house.scope(), tenant_transaction():
        return [listed.event for listed in found(Filter(Act(act)), before=None, limit=50)]


# -- in a browser ---------------------------------------------------------------------------------------------------


def test_a_person_signs_in_and_out_again(stranger, house):
    house.person("auditor")
    stranger.goto(f"/console/t/{house.tenant_id}/")
    stranger.get_by_label("E-mail address").fill(" Auditor@Example.org ")
    stranger.get_by_label("Password").fill(PASSWORD)
    stranger.get_by_role("button", name="Sign in").click()
    assert "auditor person" in stranger.locator("header.top").inner_text()
    stranger.goto("/console/sessions")
    stranger.get_by_role("button", name="Sign out", exact=True).click()
    stranger.goto("/console/sessions")
    assert stranger.url.endswith(f"/console/t/{house.tenant_id}/")  # the tenant is remembered, the session is not


def test_a_wrong_password_is_refused_in_words_that_tell_nothing(stranger, house):
    house.person("auditor")
    stranger.goto(f"/console/t/{house.tenant_id}/")
    stranger.get_by_label("E-mail address").fill("auditor@example.org")
    stranger.get_by_label("Password").fill("something else entirely")
    stranger.get_by_role("button", name="Sign in").click()
    assert REFUSED in stranger.locator("main").inner_text()
    require_accessible(stranger)


def test_somebody_who_does_not_know_his_tenants_address_may_name_it(stranger, house):
    stranger.goto("/console/")
    stranger.get_by_label("Tenant").fill(str(house.tenant_id))
    stranger.get_by_role("button", name="Go on").click()
    assert stranger.url.endswith(f"/console/t/{house.tenant_id}/")
    require_accessible(stranger)


def test_everything_can_be_signed_out_at_once(as_role, house):
    page, other = as_role("compliance"), house.session("compliance")
    page.goto("/console/sessions")
    require_accessible(page)
    assert page.locator("tbody tr").count() == 2
    page.get_by_role("button", name="Sign out everywhere").click()
    assert "/console/t/" in page.url or page.url.endswith("/console/sign-in")
    assert visit(other).status_code == 303


# -- who is refused -------------------------------------------------------------------------------------------------


def test_strangers_wrong_passwords_and_unknown_tenants_are_told_the_same(house):
    house.person("admin")
    wrong = knock(house, password="wrong horse battery staple")
    unknown = knock(house, email="nobody@example.org")
    nowhere = knock(house, tenant=uuid7())
    assert [each.status_code for each in (wrong, unknown, nowhere)] == [401, 401, 401]
    for answer in (wrong, unknown, nowhere):
        assert REFUSED in answer.content.decode()
        assert "memwrit" not in answer.cookies
    assert knock(house).status_code == 303


def test_a_stranger_costs_as_much_work_as_a_wrong_password(house, monkeypatch):
    from tenants import passwords

    worked, verify = [], passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda stored, given: worked.append(stored[:9]) or verify(stored, given))
    house.person("admin")
    knock(house, password="wrong horse battery staple")
    knock(house, email="nobody@example.org")
    knock(house, tenant=uuid7())
    assert worked == ["$argon2id"] * 3


def test_a_person_without_a_password_does_not_sign_in_with_one(house):
    house.person("admin", email="sso@example.org", password=None)
    assert knock(house, email="sso@example.org", password="").status_code == 200  # the form itself asks for one
    assert knock(house, email="sso@example.org").status_code == 401


def test_a_disabled_person_is_refused_and_his_sessions_end(house):
    cookie, person = house.session("admin"), house.person("admin")
    assert visit(cookie).status_code == 200
    with house.scope(), tenant_transaction():
        PrincipalRecord.objects.filter(id=person.principal_id).update(disabled_at=clock.now())
    assert visit(cookie).status_code == 303
    assert knock(house).status_code == 401


def test_a_closed_tenant_lets_nobody_in(house):
    from foundation.kernel.models import Registry

    cookie = house.session("admin")
    Registry.objects.filter(id=house.tenant_id).update(state=Registry.State.CLOSED)
    assert visit(cookie).status_code == 303
    assert knock(house).status_code == 401


@pytest.fixture
def at_once(monkeypatch):
    """So little comes back with time that none does between two attempts."""
    for name in ("PER_ADDRESS", "PER_CLIENT"):
        monkeypatch.setattr(sign_in, name, Rate(getattr(sign_in, name).burst, 1e-6))


def test_attempts_are_limited_by_address(house, at_once):
    house.person("admin")
    answers = [knock(house, password="wrong horse battery staple").status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert knock(house).status_code == 429
    assert knock(house)["Retry-After"]
    assert knock(house, email="other@example.org").status_code == 401


def test_attempts_are_limited_by_client_also_where_nobody_is_named(house, at_once):
    answers = [knock(house, email=f"{n}@example.org").status_code for n in range(32)]
    assert answers == [401] * 30 + [429] * 2
    assert knock(House(), email="n@example.org").status_code == 429  # at whichever tenant


def used_up(house, person="admin"):
    """Strangers have tried so often that nobody else may at this address."""
    while knock(house, email=f"{person}@example.org", password="wrong horse battery staple").status_code != 429:
        pass


@pytest.fixture
def own(house):
    """The browser that the administrator signed in with before; the strangers' share no network with it."""
    house.person("admin")
    browser = Client(headers={"user-agent": BROWSER}, REMOTE_ADDR="203.0.113.9")
    assert knock(house, client=browser).status_code == 303
    return browser


def test_strangers_do_not_lock_a_person_out_of_the_browser_he_signed_in_with(house, own, at_once):
    used_up(house)
    assert knock(house).status_code == 429  # a browser nobody knows
    assert knock(house, client=own).status_code == 303
    del own.cookies["memwrit-device"]
    assert knock(house, client=own).status_code == 429


def test_a_known_browsers_attempts_are_limited_too_and_are_nobody_elses(house, own, at_once):
    wrong = [knock(house, client=own, password="wrong horse battery staple").status_code for _ in range(12)]
    assert wrong == [401] * 10 + [429] * 2
    assert knock(house).status_code == 303


def test_a_browser_is_known_to_its_own_person_alone(house, own, at_once):
    house.person("auditor")
    used_up(house, "auditor")
    assert knock(house, client=own, email="auditor@example.org").status_code == 429
    elsewhere = House()
    elsewhere.person("admin")
    used_up(elsewhere)
    assert knock(elsewhere, client=own).status_code == 429


@pytest.mark.parametrize("change", [lambda text: "", lambda text: text[:-2], lambda text: f"md_{'0' * 32}{text[35:]}"])
def test_a_forged_cookie_makes_no_browser_known(house, own, at_once, change):
    used_up(house)
    own.cookies["memwrit-device"] = change(own.cookies["memwrit-device"].value)
    assert knock(house, client=own).status_code == 429


def test_with_another_password_only_the_browser_that_chose_it_is_known(house, own, at_once):
    other = Client(headers={"user-agent": BROWSER}, REMOTE_ADDR="203.0.113.10")
    assert knock(house, client=other).status_code == 303
    assert own.post("/console/sessions/password", {"password": "another horse, another battery"}).status_code == 303
    used_up(house)
    assert knock(house, client=own, password="another horse, another battery").status_code == 303
    assert knock(house, client=other, password="another horse, another battery").status_code == 429


def test_the_cookie_that_makes_a_browser_known_opens_nothing(house, own):
    device = own.cookies["memwrit-device"]
    assert device["httponly"]
    assert device["samesite"] == "Lax"
    assert visit(device.value).status_code == 303
    assert house.person("admin").id.hex not in device.value


# -- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_it_idles_and_in_any_case_after_eight_hours(house):
    cookie, start = house.session("auditor"), clock.now()
    with clock.frozen(start + timedelta(minutes=16)):
        assert visit(cookie).status_code == 303
    cookie = house.session("auditor")
    for minutes in range(14, 480, 14):
        with clock.frozen(start + timedelta(minutes=minutes)):
            assert visit(cookie).status_code == 200
    with clock.frozen(start + timedelta(minutes=481)):
        assert visit(cookie).status_code == 303


def test_a_session_in_another_browser_is_none(house):
    cookie = house.session("auditor")
    assert visit(cookie).status_code == 200
    assert visit(cookie, browser="curl/8").status_code == 303


def test_a_session_is_refused_with_another_secret_or_another_tenant(house):
    cookie, other = house.session("auditor"), House().session("auditor")
    kind, _, session, secret = cookie.split("_", 3)
    assert visit(f"{kind}_{other.split('_')[1]}_{session}_{secret}").status_code == 303
    assert visit(cookie[:-1] + ("A" if cookie[-1] != "A" else "B")).status_code == 303
    assert visit("ms_nothing").status_code == 303
    assert visit(other).status_code == 200


def test_nothing_stored_opens_a_session(house):
    cookie = house.session("auditor")
    ticket = tickets.parse(cookie)
    with house.scope(), tenant_transaction():
        row = Session.objects.values().get()
    stored = [bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in row.values()]
    assert ticket.digest(BROWSER) in stored
    assert not any(ticket.secret.encode() in value for value in stored)
    assert (
        visit(f"ms_{house.tenant_id.hex}_{ticket.session_id.hex}_{ticket.digest(BROWSER).hex()[:43]}").status_code
        == 303
    )


def test_sessions_of_another_tenant_are_not_seen(house, other_tenant):
    house.session("auditor")
    with tenant_scope(other_tenant), tenant_transaction():
        assert not Session.objects.exists()
    with house.scope(), tenant_transaction():
        assert Session.objects.exists()


def test_a_fresh_sign_in_lasts_five_minutes(house):
    from tenants.sessions import signed_in

    cookie = house.session("admin")
    assert signed_in(cookie, BROWSER).is_fresh
    with clock.frozen(clock.now() + timedelta(minutes=5, seconds=1)):
        assert not signed_in(cookie, BROWSER).is_fresh


# -- what is told ---------------------------------------------------------------------------------------------------


def test_signing_in_failing_to_and_signing_out_are_events(house):
    person, client = house.person("admin"), Client(headers={"user-agent": BROWSER})
    knock(house, password="wrong horse battery staple")
    knock(house, email="nobody@example.org")
    assert knock(house, client=client).status_code == 303
    client.post("/console/sign-out")
    signed_in = events(house, "person.sign_in")
    assert sorted(event.outcome for event in signed_in) == ["denied", "ok"]  # who is nobody fills nobody's log
    denied = next(event for event in signed_in if event.outcome == "denied")
    assert denied.target.id == person.principal_id
    assert len(events(house, "person.sign_out")) == 1


# -- the cookie -----------------------------------------------------------------------------------------------------


def test_the_cookie_is_out_of_scripts_reach(house):
    house.person("admin")
    cookie = knock(house).cookies["memwrit"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")
    assert cookie["max-age"] == 8 * 3600


def test_by_https_the_cookie_belongs_to_the_host_alone(house, settings):
    settings.PUBLIC_URL = "https://127.0.0.1"
    house.person("admin")
    answer = knock(house)
    assert answer.cookies["__Host-memwrit"]["secure"]
    assert answer.cookies["__Host-memwrit"]["domain"] == ""
    assert "memwrit" not in answer.cookies


def test_a_session_opens_nothing_of_the_api(house):
    client = Client(headers={"user-agent": BROWSER})
    client.cookies["memwrit"] = house.session("admin")
    assert client.get("/console/sessions").status_code == 200
    assert client.get("/v1/api_keys").status_code == 401


def test_an_api_key_opens_nothing_of_the_console(house):
    client = Client(headers={"user-agent": BROWSER, "authorization": f"Bearer {house.api_key}"})
    assert client.get("/v1/api_keys").status_code == 200
    assert client.get("/console/sessions").status_code == 303
    assert visit(house.api_key).status_code == 303
