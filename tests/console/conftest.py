"""A real server on the tests' database, Debian's Chromium, and a tenant with people.

`site` is the server's address, `house` a new tenant, `as_role("admin")` a watched page signed in as that role, and
`stranger` a watched page that is not. Without a browser the tests that need one are skipped, and say why.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.console.chromium import NoBrowser, executable
from tests.console.watching import BROWSER, Watch

if TYPE_CHECKING:
    from tests.console.house import House

AsRole = Callable[..., Page]


@pytest.fixture(autouse=True)
def quick(settings: Any) -> Iterator[None]:
    """Marked persons and hashed words, as in `tests/governance`; room for a suite that knocks without a session."""
    from foundation.search.embedders import embedder

    settings.PII_REDACTOR = "tests.governance.plain.MarkedRedactor"
    settings.EMBEDDER = "hash"
    settings.RATE_LIMIT_STRANGERS = (100_000, 1000.0)
    embedder.cache_clear()
    yield
    embedder.cache_clear()


@pytest.fixture(autouse=True)
def untried(django_db_setup: None) -> None:
    """Attempts to sign in of other tests do not count, nor what providers published to them."""
    from audit.origin import DIRECTORY
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from tenants import oidc
    from tenants.models import Attempt

    oidc.documents.clear()
    with tenant_scope(DIRECTORY), tenant_transaction():
        Attempt.objects.all().delete()


@pytest.fixture(scope="session")
def server(database: None) -> Iterator[Any]:
    """The whole product behind a threaded HTTP server in this process, on a port of its own."""
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Requests are not the tests' output."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet, allow_reuse_address=False)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, name="site", daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(server: Any, settings: Any) -> str:
    """The server's address, which is also what it is told its public address is."""
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
    return str(settings.PUBLIC_URL)


@pytest.fixture(scope="module")
def browser(database: None) -> Iterator[Browser]:
    """Chromium, for one module: Playwright keeps an event loop running in this thread while it is open."""
    try:
        path = executable()
    except NoBrowser as reason:
        pytest.skip(f"needs Chromium: {reason}")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # tests ask the database in that thread, one after another
    try:
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
            yield browser
            browser.close()
    finally:
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
        if before is not None:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def house(django_db_setup: None) -> House:
    from tests.console.house import House

    return House()


@pytest.fixture
def contexts(browser: Browser, site: str) -> Iterator[Callable[[], tuple[BrowserContext, Watch]]]:
    """`contexts()` is a new, watched browser profile; at the end nothing may have gone wrong in any of them, unless
    the test has taken note of it (`watch.violations.clear()`)."""
    made: list[tuple[BrowserContext, Watch]] = []

    def new(**given: Any) -> tuple[BrowserContext, Watch]:
        given = {"base_url": site, "user_agent": BROWSER, "viewport": {"width": 1280, "height": 900}} | given
        context = browser.new_context(**given)
        context.set_default_timeout(60_000)
        made.append((context, Watch().over(context)))
        return made[-1]

    yield new
    for context, _ in made:
        context.close()
    for _, watch in made:
        watch.require_quiet()


@pytest.fixture
def stranger(contexts: Callable[..., tuple[BrowserContext, Watch]]) -> Page:
    """A page that is not signed in."""
    return contexts()[0].new_page()


@pytest.fixture
def as_role(contexts: Callable[..., tuple[BrowserContext, Watch]], house: House, site: str) -> AsRole:
    """`as_role("compliance")`: a page signed in as the person of that role in `house` (or `of=` another house)."""

    def sign_in(role: str, of: House | None = None, **given: Any) -> Page:
        context, _ = contexts(**given)
        text = (of or house).session(role)
        context.add_cookies([{"name": "memwrit", "value": text, "url": site, "httpOnly": True, "sameSite": "Lax"}])
        return context.new_page()

    return sign_in
