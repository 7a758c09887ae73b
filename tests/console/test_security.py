"""What the console keeps out: other sites, forged forms, frames, scripts, and whoever was sent away."""

from __future__ import annotations

import http.server
import re
import threading
import time

import pytest
from django.test import Client

from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from memwrit.console import navigation
from memwrit.console.middleware import CSP
from tenants.models import ApiKey, PrincipalRecord
from tenants.services.sign_out import sign_out_everywhere
from tests.api.builders import Api
from tests.console.test_sign_in import visit
from tests.console.watching import BROWSER, CANARY

PLACES = ["sign-in", "static/console/console.css", "nowhere", ""]


def signed_in(house, role="admin", **given):
    client = Client(headers={"user-agent": BROWSER}, **given)
    client.cookies["memwrit"] = house.session(role)
    return client


# -- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_every_answer_has_the_walls(django_db_setup, place):
    answer = Client().get(f"/console/{place}")
    assert answer["Content-Security-Policy"] == CSP
    assert "unsafe" not in CSP
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] == "same-origin"


def test_pages_are_kept_by_no_cache_and_files_by_their_content(house):
    assert signed_in(house).get("/console/admin/people")["Cache-Control"] == "no-store"
    page = Client().get("/console/sign-in").content.decode()
    css = re.search(r'href="([^"]+console\.css\?v=[0-9a-f]{12})"', page)[1]
    assert "max-age=31536000" in Client().get(css)["Cache-Control"]


def test_only_our_own_files_are_served(django_db_setup):
    for path in (
        "rest_framework/css/bootstrap.min.css",
        "../settings.py",
        "console/../../settings.py",
        "admin/css/base.css",
    ):
        assert Client().get(f"/console/static/{path}").status_code == 404


def test_the_walls_stand_round_the_console_and_not_in_the_apis_way(django_db_setup):
    answer = Client().get("/.well-known/memwrit-keys.json")
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


# -- other sites ------------------------------------------------------------------------------------------------------


@pytest.fixture
def evil():
    """Another site: `evil(html)` is its address."""

    class Site(http.server.BaseHTTPRequestHandler):
        html = ""

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(type(self).html.encode())

        def log_message(self, *_):
            """Requests are not the tests' output."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(html):
        Site.html = html
        return f"http://localhost:{server.server_port}/"  # another site than 127.0.0.1 to a browser

    yield serve
    server.shutdown()
    server.server_close()


def test_a_form_on_another_site_does_nothing(as_role, house, site, evil):
    page = as_role("admin")
    person = house.person("auditor")
    action = f"{site}/console/admin/people/{person.id}"
    form = f'<form method=post action="{action}"><input name=do value=disable><button>Win a prize</button></form>'
    page.goto(evil(form))
    page.get_by_role("button").click()
    page.wait_for_url(f"{site}/**")
    assert page.locator("h1").inner_text() in ("Malformed request", "Sign in")
    with house.scope(), tenant_transaction():
        assert PrincipalRecord.objects.get(id=person.principal_id).disabled_at is None


@pytest.mark.parametrize("token", [None, "x" * 64])
def test_a_form_without_our_token_is_refused(house, token):
    client = signed_in(house, enforce_csrf_checks=True)
    sent = {"do": "sign-out"} | ({"csrfmiddlewaretoken": token} if token else {})
    answer = client.post(f"/console/admin/people/{house.person('auditor').id}", sent)
    assert answer.status_code == 403
    assert "not from a page of this session" in answer.content.decode()


def test_the_same_form_with_our_token_is_taken(house):
    client, path = signed_in(house, enforce_csrf_checks=True), f"/console/admin/people/{house.person('auditor').id}"
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    assert client.post(path, {"do": "sign-out", "csrfmiddlewaretoken": token}).status_code == 303


def test_a_token_from_another_site_is_refused(house):
    client, path = signed_in(house, enforce_csrf_checks=True), f"/console/admin/people/{house.person('auditor').id}"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(path).content.decode())[1]
    sent = {"do": "sign-out", "csrfmiddlewaretoken": token}
    assert client.post(path, sent, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post(path, sent, headers={"origin": "null"}).status_code == 403


def test_signing_in_by_a_forged_form_is_refused(house):
    client = Client(headers={"user-agent": BROWSER}, enforce_csrf_checks=True)
    assert client.post(f"/console/t/{house.tenant_id}/", {"email": "a@example.org", "password": "x"}).status_code == 403


def test_the_console_cannot_be_framed(contexts, house, site, evil):
    context, watch = contexts()
    page = context.new_page()
    page.goto(evil(f'<iframe src="{site}/console/sign-in"></iframe>'))
    page.wait_for_timeout(500)
    frame = page.frames[1]
    assert "Sign in" not in frame.content()
    assert watch.errors
    watch.errors.clear()
    watch.violations.clear()


# -- scripts ----------------------------------------------------------------------------------------------------------


def test_the_watch_sees_a_canary_that_runs_and_one_that_the_policy_stops(contexts, site):
    """The positive control of every test here: an unescaped text runs where there is no policy, and is seen to be
    stopped where there is."""
    context, watch = contexts()
    page = context.new_page()
    for headers in ({}, {"Content-Security-Policy": CSP}):

        def answer(route, headers=headers):
            route.fulfill(body=f"<!doctype html><h1>{CANARY}</h1>", headers=headers, content_type="text/html")

        page.unroute("**/control")
        page.route("**/control", lambda route: answer(route))
        page.goto(f"{site}/control")
        page.wait_for_timeout(500)
        if headers:
            assert watch.canaries == []
            assert watch.violations
        else:
            assert set(watch.canaries) >= {"img", "script", "svg"}
            assert watch.violations == []
            watch.canaries.clear()
    watch.violations.clear()
    watch.errors.clear()


def test_names_that_got_past_every_check_are_still_only_text(as_role, house, superuser):
    """Names are of few characters; here the database holds others all the same, as an attacker within it would."""
    tables = ("tenants_principalrecord", "tenants_apikey", "governance_space")
    person, space = house.person("auditor"), house.space
    with house.scope(), tenant_transaction():
        key = ApiKey.objects.get()
    page = as_role("admin")
    places = [nav.url for nav in navigation.entries()]
    places += [f"/console/admin/people/{person.id}", f"/console/admin/keys/{key.id}", "/console/admin/people/new"]
    places += [f"/console/admin/spaces/{space.id}", f"/console/admin/spaces/{space.id}/delete"]
    for table in tables:
        superuser.execute(f"ALTER TABLE {table} ALTER COLUMN name TYPE varchar(400)")
        superuser.execute(f"UPDATE {table} SET name = %s WHERE tenant_id = %s", [CANARY, house.tenant_id])
    try:
        seen = 0
        for place in places:
            page.goto(place)
            assert page.locator("img[src=x]").count() == 0
            seen += "canary('img')" in page.locator("main").inner_text()
        assert seen >= 5  # it was there to run
    finally:
        for table in tables:
            superuser.execute(f"UPDATE {table} SET name = 'x' || left(md5(id::text), 9) WHERE length(name) > 64")
            superuser.execute(f"ALTER TABLE {table} ALTER COLUMN name TYPE varchar(64)")


def test_what_is_sent_in_the_address_is_not_written_into_the_page(as_role):
    page = as_role("admin")
    for place in (
        f"admin/people?notice={CANARY}",
        f"audit?actor={CANARY}&act={CANARY}",
        f"{CANARY}",
        f"admin/usage/{CANARY}",
    ):
        page.goto(f"/console/{place}")
        assert page.locator("img[src=x]").count() == 0
    page.goto(f"/console/admin/people?notice={CANARY}")
    assert "canary" not in page.locator("main").inner_text()


def test_what_is_typed_into_a_form_comes_back_as_text(as_role):
    page = as_role("admin")
    page.goto("/console/admin/sign-in")
    page.get_by_label("Issuer").fill(CANARY)
    page.get_by_label("Client id").fill(CANARY)
    page.get_by_label("E-mail domains").fill(CANARY)
    page.get_by_role("button", name="Save").click()
    assert page.get_by_label("Issuer").input_value() == CANARY
    assert page.locator("img[src=x]").count() == 0


def test_what_waits_for_a_fresh_sign_in_is_kept_as_text(as_role, house):
    from tests.console.test_admin import stale

    page = as_role("admin")
    page.goto("/console/admin/sign-in")
    page.get_by_label("Issuer").fill(CANARY)
    page.get_by_label("Client id").fill(CANARY)
    stale(house)
    page.get_by_role("button", name="Save").click()
    assert page.locator("h1").inner_text() == "Confirm that it is you"
    assert page.locator("input[name=issuer]").input_value() == CANARY
    assert page.locator("img[src=x]").count() == 0


# -- nothing sensitive where it does not belong -----------------------------------------------------------------------


def test_titles_and_addresses_name_nobody(as_role, house):
    page, person = as_role("admin"), house.person("auditor")
    for nav in navigation.entries():
        page.goto(nav.url)
        assert "example.org" not in page.title() + page.url
    page.goto(f"/console/admin/people/{person.id}")
    assert page.title() == "Person – Memwrit"


# -- who was sent away ------------------------------------------------------------------------------------------------


def within_five_seconds(refused):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if refused():
            return True
        time.sleep(0.2)
    return False


def test_a_session_that_was_ended_elsewhere_is_refused_at_once_also_to_htmx(as_role, house):
    page = as_role("compliance")
    page.goto("/console/sessions")
    principal = house.principal("compliance")
    with house.scope():
        sign_out_everywhere(principal, principal_id=principal.id)
    answer = page.evaluate("fetch('/console/sessions', {headers: {'HX-Request': 'true'}}).then((r) => [r.status, r.headers.get('HX-Redirect')])")  # fmt: skip
    assert answer == [204, "/console/sign-in"]
    page.goto("/console/sessions")
    assert page.locator("h1").inner_text() == "Sign in"


def test_a_revoked_key_is_refused_within_five_seconds(as_role, house):
    api = Api(house.api_key)
    assert api.get("/v1/api_keys").status == 200
    with house.scope(), tenant_transaction():
        key = ApiKey.objects.get()
    page = as_role("admin")
    page.goto(f"/console/admin/keys/{key.id}")
    page.get_by_role("button", name="Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke it").click()
    assert within_five_seconds(lambda: api.get("/v1/api_keys").status == 401)


def test_signing_out_in_one_tab_ends_the_other(as_role, house):
    page = as_role("auditor")
    page.goto("/console/sessions")
    other = page.context.new_page()
    other.goto("/console/audit")
    page.get_by_role("button", name="Sign out", exact=True).click()
    other.reload()
    assert other.locator("h1").inner_text() == "Sign in"


def test_long_work_begun_in_a_session_that_has_ended_is_not_written(house):
    from foundation.kernel.problems import Unauthenticated
    from tenants.selectors import require_valid
    from tenants.sessions import signed_in as opened

    principal = opened(house.session("admin"), BROWSER).principal
    with house.scope():
        require_valid(principal)
        sign_out_everywhere(principal, principal_id=principal.id)
        with pytest.raises(Unauthenticated):
            require_valid(principal)
        require_valid(Principal.system(house.tenant_id))


def test_a_person_without_a_key_still_stands_behind_what_he_wrote(house):
    from tenants.selectors import credentials_of

    principal = house.principal("admin")
    with house.scope(), tenant_transaction():
        assert [each.role for each in credentials_of(principal.id)] == ["admin"]
        PrincipalRecord.objects.filter(id=principal.id).update(disabled_at=house.space.created_at)
        assert credentials_of(principal.id) == []


def test_a_session_may_not_ask_faster_than_a_key(house, settings):
    from foundation.rest import throttles

    settings.RATE_LIMIT = (3, 0.001)
    client = signed_in(house, "auditor")
    answers = [client.get("/console/sessions").status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert throttles.credentials is not None


def test_what_is_too_large_is_refused(house):
    answer = signed_in(house).post("/console/admin/sign-in", {"issuer": "x" * (17 * 1024 * 1024)})
    assert answer.status_code in (400, 413)


def test_methods_that_a_page_does_not_have_are_refused(house):
    client = signed_in(house)
    assert client.post("/console/admin/people").status_code == 405
    assert client.delete("/console/admin/people").status_code == 405
    assert visit(house.session("admin"), "/console/sign-out").status_code == 405
