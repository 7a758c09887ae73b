"""Signing in with an identity provider: a real one (the package oidc-provider-mock), over loopback, in a browser."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from oidc_provider_mock import User, app
from playwright.sync_api import expect

from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Unavailable, Validation, VersionConflict
from foundation.kernel.scope import tenant_transaction
from tenants import oidc
from tenants.discovery import AGAIN, LIFE, Documents
from tenants.models import IdentityProvider, Session
from tenants.providers import provider as kept
from tenants.services.begin_session import begin_session
from tenants.services.set_identity_provider import set_identity_provider
from tests.console.house import PASSWORD
from tests.console.watching import BROWSER, require_accessible

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib", "ignore:authlib.jose module")


def back(url):
    """Whether the provider has sent the browser back: its own address names ours too."""
    return urlsplit(url).path.startswith("/console/")


class Recorded:
    """The provider behind a record of what it was asked; it knows no PKCE, so what it would check is checked here."""

    def __init__(self, inner):
        self.inner, self.challenges, self.verified, self.credentials, self.paths = inner, [], [], [], []

    def __call__(self, environ, start_response):
        asked = parse_qs(environ.get("QUERY_STRING", ""))
        self.paths.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/oauth2/authorize" and environ["REQUEST_METHOD"] == "GET":
            assert asked["code_challenge_method"] == ["S256"]
            self.challenges += asked["code_challenge"]
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            digest = hashlib.sha256(parse_qs(body.decode())["code_verifier"][0].encode()).digest()
            self.verified.append(base64.urlsafe_b64encode(digest).rstrip(b"=").decode() in self.challenges)
            self.credentials.append(environ.get("HTTP_AUTHORIZATION", ""))
        return self.inner(environ, start_response)


def user(sub, email, verified=True, **claims):
    return User(sub=sub, claims={"email": email, "email_verified": verified, **claims})


USERS = (
    user("anna", "admin@example.org"),
    user("fresh", "admin@example.org"),
    user("stale", "admin@example.org"),
    user("mallory", "admin@example.org", verified=False),
    user("nobody", "nobody@example.org"),
    user("outsider", "admin@elsewhere.example"),
    user("colleague", "auditor@example.org"),
)
AGO = {"fresh": 0, "stale": 3600, "colleague": 0}  # seconds since they signed in at the provider


@pytest.fixture(scope="module")
def idp():
    """The provider on a port of its own; `idp.url` is its issuer."""
    import threading
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            """Requests are not the tests' output."""

    recorded = Recorded(app(require_nonce=True, user_claims=USERS))
    server = make_server("127.0.0.1", 0, recorded, Server, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recorded.url = f"http://127.0.0.1:{server.server_port}"
    yield recorded
    server.shutdown()
    server.server_close()


@pytest.fixture
def organised(house, idp, settings):
    """The house with the provider set up and an administrator who has no password."""
    settings.EGRESS_ALLOW = [f"identity={idp.url}"]
    with house.scope():
        told = oidc.Provider(idp.url, "memwrit", "s3cret:with/odd characters", ("example.org",))
        set_identity_provider(house.principal("admin"), provider=told, version=0)
    return house


def go(page, sub, house):
    page.goto(f"/console/t/{house.tenant_id}/")
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.locator("input[name=sub]").fill(sub)
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_url(back)


def sessions_of(house):
    with house.scope(), tenant_transaction():
        return list(Session.objects.order_by("id"))


def test_a_person_signs_in_with_the_provider(stranger, organised, idp):
    go(stranger, "anna", organised)
    assert "admin person" in stranger.locator("header.top").inner_text()
    assert [session.via for session in sessions_of(organised)] == ["oidc"]
    assert idp.verified[-1] is True
    assert base64.b64decode(idp.credentials[-1].split()[1]) == b"memwrit:s3cret%3Awith%2Fodd%20characters"
    assert not [cookie for cookie in stranger.context.cookies() if cookie["name"].endswith("journey")]


@pytest.mark.parametrize("sub", ["mallory", "outsider"])
def test_an_unverified_address_and_a_foreign_domain_prove_nothing(stranger, organised, sub):
    go(stranger, sub, organised)
    assert "does not show who you are" in stranger.locator("main").inner_text()
    require_accessible(stranger)
    assert sessions_of(organised) == []


def test_nobody_is_taken_in_silently(stranger, organised):
    go(stranger, "nobody", organised)
    assert "no such person here" in stranger.locator("main").inner_text()
    assert sessions_of(organised) == []


def test_an_answer_fits_only_the_browser_that_set_out(stranger, contexts, organised):
    stranger.goto(f"/console/t/{organised.tenant_id}/")
    stranger.get_by_role("link", name="Sign in with your organisation").click()
    answered = stranger.request.post(stranger.url, form={"sub": "anna"}, max_redirects=0)
    answer = answered.headers["location"]
    assert "/console/oidc/answer?code=" in answer
    victim = contexts()[0].new_page()
    assert victim.goto(answer).status == 401
    victim.goto(f"/console/oidc/{organised.tenant_id}/")  # even one who is on a way of his own
    assert victim.goto(answer).status == 401
    assert sessions_of(organised) == []
    stranger.goto(answer)  # and is good there
    assert len(sessions_of(organised)) == 1


@pytest.fixture
def answer(organised, site):
    """`answer(**changes)`: the browser's way back, with parts of it changed; the cookie is one that we gave."""

    def come(**changes):
        client = Client(headers={"user-agent": BROWSER})
        left = client.get(f"/console/oidc/{organised.tenant_id}/")
        state = parse_qs(urlsplit(left["Location"]).query)["state"][0]
        return client.get("/console/oidc/answer", {"state": state, "code": "guess"} | changes)

    return come


@pytest.mark.parametrize(
    "changes",
    [{}, {"state": "guess"}, {"state": ""}, {"iss": "https://other.example"}, {"error": "access_denied"}, {"code": ""}],
)
def test_a_guessed_answer_opens_nothing(answer, organised, changes):
    assert answer(**changes).status_code == 401
    assert sessions_of(organised) == []


def test_a_code_is_good_for_one_sign_in(stranger, organised):
    seen = []
    stranger.on("request", lambda request: seen.append(request.url) if "/oidc/answer" in request.url else None)
    stranger.goto(f"/console/oidc/{organised.tenant_id}/")
    journey = [c for c in stranger.context.cookies() if c["name"].endswith("journey")]
    stranger.locator("input[name=sub]").fill("anna")
    stranger.locator("input[name=sub]").press("Enter")
    stranger.wait_for_url(back)
    stranger.context.clear_cookies()
    stranger.context.add_cookies(journey)
    assert stranger.goto(seen[0]).status == 401
    assert len(sessions_of(organised)) == 1


def test_a_tenant_without_a_provider_leads_nowhere(house, site):
    client = Client(headers={"user-agent": BROWSER})
    assert client.get(f"/console/oidc/{house.tenant_id}/").status_code == 404
    assert client.get(f"/console/oidc/{uuid7()}/").status_code == 404
    assert "organisation" not in client.get(f"/console/t/{house.tenant_id}/").content.decode()


def test_egress_rules_hold_for_providers(organised, settings, site):
    settings.EGRESS_ALLOW = []
    answer = Client(headers={"user-agent": BROWSER}).get(f"/console/oidc/{organised.tenant_id}/")
    assert answer.status_code in (401, 503)
    assert "Location" not in answer.headers


def claims(idp, **changes):
    """An ID token's claims as the provider would write them, and a token signed with a key of ours."""
    now = int(time.time())
    return {"iss": idp.url, "aud": "memwrit", "sub": "anna", "exp": now + 60, "iat": now, "email": "admin@example.org", "email_verified": True} | changes  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {"exp": 1},
        {"nonce": "guess"},
        {"azp": "another-client"},
    ],
    ids=["right", "issuer", "audience", "expired", "nonce", "party"],
)
def test_an_id_token_is_believed_only_if_all_of_it_is_right(idp, monkeypatch, tenant, changes):
    from joserfc import jwt
    from joserfc.jwk import KeySet, RSAKey

    key, journey = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}), oidc.Journey(tenant)
    told = claims(idp, nonce=journey.derived("nonce")) | changes
    token = jwt.encode({"alg": "RS256", "kid": "one"}, told, key)
    monkeypatch.setattr(oidc, "_published", lambda *_, **__: KeySet([key]).as_dict(private=False))
    read = lambda: oidc._claims(oidc.Provider(idp.url, "memwrit"), {"jwks_uri": ""}, journey, {"id_token": token})  # noqa: E731
    if changes:
        with pytest.raises(oidc.Unproven):
            read()
    else:
        assert read()["email"] == "admin@example.org"


def test_an_id_token_that_is_not_signed_by_the_providers_key_is_not_believed(idp, monkeypatch, tenant):
    from joserfc import jwt
    from joserfc.jwk import KeySet, OctKey, RSAKey

    theirs, ours = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})
    journey = oidc.Journey(tenant)
    told = claims(idp, nonce=journey.derived("nonce"))
    monkeypatch.setattr(oidc, "_published", lambda *_, **__: KeySet([theirs]).as_dict(private=False))
    shared = OctKey.import_key(secrets.token_bytes(64))
    unsigned = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b'{"alg":"none"}', b"{}", b"")
    )
    for token in (
        jwt.encode({"alg": "RS256", "kid": "one"}, told, ours),
        jwt.encode({"alg": "HS256"}, told, shared),
        unsigned,
    ):
        with pytest.raises(oidc.Unproven):
            oidc._claims(oidc.Provider(idp.url, "memwrit"), {"jwks_uri": ""}, journey, {"id_token": token})


# -- what is asked of the provider ---------------------------------------------------------------------------------------


@pytest.fixture
def asked(idp):
    """The paths that the provider was asked for since."""
    idp.paths.clear()
    return idp.paths


def test_what_a_provider_publishes_is_asked_for_once(organised, site, asked):
    client = Client(headers={"user-agent": BROWSER})
    for _ in range(3):
        assert client.get(f"/console/oidc/{organised.tenant_id}/").status_code == 303
    assert asked == ["/.well-known/openid-configuration"]


def test_it_is_asked_again_after_ten_minutes(organised, site, asked, monkeypatch):
    client, at = Client(headers={"user-agent": BROWSER}), [0.0]
    monkeypatch.setattr(oidc, "documents", Documents(clock=lambda: at[0]))
    for at[0] in (0.0, LIFE - 1, LIFE, LIFE + 1):
        assert client.get(f"/console/oidc/{organised.tenant_id}/").status_code == 303
    assert len(asked) == 2


class Published:
    """What a provider publishes as its keys; `fetches` counts."""

    def __init__(self, monkeypatch, *kids):
        from joserfc.jwk import RSAKey

        self.at, self.fetches = 0.0, 0
        self.keys = {kid: RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}) for kid in kids}
        self.shown = list(kids[:1])
        monkeypatch.setattr(oidc, "documents", Documents(clock=lambda: self.at))
        monkeypatch.setattr(oidc, "_permitted", lambda url: None)
        monkeypatch.setattr(oidc, "_ask", self._asked)
        monkeypatch.setattr(oidc, "_json", lambda told: told)

    def _asked(self, method, url):
        from joserfc.jwk import KeySet

        self.fetches += 1
        return KeySet([self.keys[kid] for kid in self.shown]).as_dict(private=False)

    def token(self, idp, journey, kid):
        from joserfc import jwt

        told = claims(idp, nonce=journey.derived("nonce"))
        return {"id_token": jwt.encode({"alg": "RS256", "kid": kid}, told, self.keys[kid])}


def test_a_key_that_is_not_known_is_asked_for_at_once_and_strangers_do_not_make_us_ask(idp, monkeypatch, tenant):
    published, journey, provider = Published(monkeypatch, "one", "two"), oidc.Journey(tenant), oidc.Provider(idp.url, "memwrit")  # fmt: skip
    read = lambda kid: oidc._claims(provider, {"jwks_uri": "u"}, journey, published.token(idp, journey, kid))  # noqa: E731
    assert read("one")["sub"] == read("one")["sub"] == "anna"
    assert published.fetches == 1
    published.shown, published.at = ["two"], AGAIN
    assert read("two")["sub"] == "anna"
    assert published.fetches == 2
    for _ in range(5):
        with pytest.raises(oidc.Unproven):  # a key they do not show any more
            read("one")
    assert published.fetches == 2


def test_what_could_not_be_fetched_is_not_kept():
    documents, told = Documents(clock=lambda: 0.0), [Unavailable(), {"a": 1}]

    def fetch(url):
        if isinstance(answer := told.pop(0), Exception):
            raise answer
        return answer

    with pytest.raises(Unavailable):
        documents.get("u", fetch)
    assert documents.get("u", fetch) == documents.get("u", fetch) == {"a": 1}


# -- what is kept ---------------------------------------------------------------------------------------------------


def test_the_provider_is_kept_sealed(organised, idp):
    with organised.scope():
        found, version = kept()
        with tenant_transaction():
            stored = bytes(IdentityProvider.objects.get().sealed)
    assert (found.issuer, found.client_secret, version) == (idp.url, "s3cret:with/odd characters", 1)
    assert b"memwrit" not in stored
    assert b"s3cret" not in stored
    assert "s3cret" not in repr(found)


def test_a_provider_is_set_on_what_was_seen_and_may_be_taken_away(organised):
    admin = organised.principal("admin")
    with organised.scope():
        with pytest.raises(VersionConflict):
            set_identity_provider(admin, provider=None, version=0)
        set_identity_provider(admin, provider=None, version=1)
        assert kept() is None


@pytest.mark.parametrize(
    "issuer", ["http://idp.example", "https://169.254.169.254\\x", "idp.example", "https://a@b.example"]
)
def test_a_provider_that_could_never_be_reached_is_refused(house, issuer):
    with house.scope(), pytest.raises(Validation):
        set_identity_provider(house.principal("admin"), provider=oidc.Provider(issuer, "memwrit"), version=0)


# -- showing it again ---------------------------------------------------------------------------------------------------


def again(page, sub, house):
    """Signed in by the provider, and asked by a destructive act to show it again as `sub`."""
    from tests.console.test_admin import stale

    next(each for each in USERS if each.sub == sub).claims["auth_time"] = int(time.time()) - AGO[sub]
    go(page, "anna", house)
    stale(house)
    page.goto("/console/admin/sign-in")
    page.get_by_role("button", name="Take the provider away").click()
    require_accessible(page)
    page.get_by_role("link", name="Confirm with your organisation").click()
    page.locator("input[name=sub]").fill(sub)
    page.locator("input[name=sub]").press("Enter")
    page.wait_for_url(back)


def test_a_fresh_sign_in_at_the_provider_makes_the_session_fresh(stranger, organised):
    again(stranger, "fresh", organised)
    stranger.goto("/console/admin/sign-in")
    stranger.get_by_role("button", name="Take the provider away").click()
    expect(stranger.locator("#notices")).to_contain_text("with their passwords only")


@pytest.mark.parametrize("sub", ["stale", "colleague"])
def test_a_sign_in_that_was_not_just_now_or_is_another_persons_makes_nothing_fresh(stranger, organised, sub):
    organised.person("auditor")
    again(stranger, sub, organised)
    assert "does not show who you are" in stranger.locator("main").inner_text()
    (session,) = sessions_of(organised)
    assert session.fresh_until < session.created_at


def test_a_password_does_not_make_a_providers_session_fresh(organised, site):
    from tests.console.test_admin import stale

    with organised.scope():
        cookie = begin_session(organised.person("admin"), via=Session.Via.OIDC, browser=BROWSER).text()
    stale(organised)
    client = Client(headers={"user-agent": BROWSER})
    client.cookies["memwrit"] = cookie
    answer = client.post("/console/admin/sign-in", {"do": "remove", "confirm_password": PASSWORD})
    assert answer.status_code == 403
    with organised.scope():
        assert kept() is not None
