"""What every page of the console has in common, whichever it is."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, get_resolver

from memwrit.console import navigation
from memwrit.console.signing_in import Door
from memwrit.console.views import SIGNED_IN, Page
from tenants.roles import ACTS
from tests.console.watching import require_accessible


def views():
    console = next(each for each in get_resolver("memwrit.urls").url_patterns if str(each.pattern) == "console/")
    return [
        (str(each.pattern), each.callback.view_class) for each in console.url_patterns if isinstance(each, URLPattern)
    ]


def test_every_door_of_the_console_is_a_page_or_one_for_strangers():
    strangers = {route for route, view in views() if issubclass(view, Door)}
    assert {route for route, view in views() if not issubclass(view, Page)} == strangers
    assert strangers <= {"sign-in", "t/<uuid:tenant>/", "oidc/<uuid:tenant>/", "oidc/answer"}


@pytest.mark.parametrize(("route", "view"), views(), ids=lambda each: str(each))
def test_every_page_asks_for_an_act_that_policy_knows(route, view):
    for act in getattr(view, "acts", {}).values():
        assert str(act) in ACTS or act == SIGNED_IN


def test_a_page_without_an_act_does_not_load():
    with pytest.raises(ImproperlyConfigured):
        type("Open", (Page,), {"get": lambda self, request: None})


def test_a_page_whose_look_has_no_name_does_not_load():
    with pytest.raises(ImproperlyConfigured):
        type("Unnamed", (Page,), {"acts": {"GET": "quota.change"}, "get": lambda self, request: None})


@pytest.mark.parametrize(("route", "view"), views(), ids=lambda each: str(each))
def test_looking_is_told_as_an_act_of_reading(route, view):
    if issubclass(view, Page) and "GET" in view.acts and not view.audited and view.acts["GET"] != SIGNED_IN:
        assert view.look.endswith((".read", ".list"))


def test_the_navigation_names_pages_that_are_routed():
    routes = {route for route, _ in views()}
    assert {nav.path for nav in navigation.entries()} <= routes


@pytest.mark.parametrize("role", ["admin", "compliance", "auditor", "reader"])
def test_a_role_is_led_to_pages_it_may_see_and_to_no_others(as_role, role):
    page = as_role(role)
    page.goto("/console/")
    shown = page.locator("nav.side a").all_inner_texts()
    allowed = [nav.label for nav in navigation.entries() if role in {each.value for each in ACTS[nav.act]}]
    assert shown == allowed
    for nav in navigation.entries():
        assert page.goto(nav.url).status == (200 if nav.label in allowed else 403)


@pytest.mark.parametrize("nav", navigation.entries(), ids=lambda nav: nav.path)
def test_every_page_of_the_navigation_is_accessible_also_when_it_is_empty(as_role, nav):
    page = as_role("admin")
    assert page.goto(nav.url).status == 200
    require_accessible(page)


@pytest.mark.parametrize("nav", navigation.entries(), ids=lambda nav: nav.path)
def test_every_page_of_the_navigation_fits_a_narrow_window(as_role, nav):
    page = as_role("admin", viewport={"width": 360, "height": 740})
    page.goto(nav.url)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_is_not_there_is_said_in_a_page(as_role):
    page = as_role("admin")
    assert page.goto("/console/nowhere").status == 404
    assert page.locator("h1").inner_text() == "Not found"
    require_accessible(page)


def test_a_denied_page_says_so_and_is_accessible(as_role):
    page = as_role("reader")
    assert page.goto(navigation.entries()[-1].url).status == 403
    assert page.locator("h1").inner_text() == "Denied by policy"
    require_accessible(page)
