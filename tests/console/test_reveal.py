"""Revealing one value behind a token: by compliance alone, for a reason, shown once and kept nowhere."""

from __future__ import annotations

import html
import logging

import pytest

from audit.acts import Act
from audit.selectors import Filter, events
from foundation.kernel.scope import tenant_transaction
from guard.pii.pseudonyms import TOKEN
from tests.console.house import PASSWORD
from tests.console.test_admin import stale
from tests.console.visiting import Visitor, text
from tests.console.watching import CANARY, require_accessible

VALUE = "{{Ana Diaz}}"


@pytest.fixture
def officer(house):
    return Visitor(house, "compliance")


def reveals(house):
    with house.scope(), tenant_transaction():
        return [listed.event for listed in events(Filter(Act.MEMORY_REVEAL), before=None, limit=50)]


def place(shown, tail="/reveal"):
    return f"memories/{shown.memory.cube.id}{tail}"


def token_of(shown):
    return TOKEN.search(shown.memory.payload.content)[0].strip("<>")


def test_an_officer_is_shown_one_value_and_only_in_that_answer(house, officer, caplog):
    caplog.set_level(logging.DEBUG)
    shown = house.memory(f"{VALUE} plays with {{{{Bo}}}}.")
    assert place(shown) in officer.get(place(shown, "")).content.decode()
    asked = officer.get(place(shown))
    assert token_of(shown) in text(asked)
    assert VALUE not in text(asked)
    told = officer.post(place(shown), token=token_of(shown), reason="Case 12 zebra")
    assert (told.status_code, told["Cache-Control"]) == (200, "no-store")
    assert VALUE in text(told)
    assert "{{Bo}}" not in text(told)
    assert "<title>Reveal a value – Memwrit</title>" in told.content.decode()
    assert not any(word in caplog.text for word in ("Ana", "zebra"))
    for tail in ("", "/reveal", "/history"):
        assert VALUE not in text(officer.get(place(shown, tail)))
    house.drain()
    (event,) = reveals(house)
    assert (event.target.id, event.outcome) == (shown.memory.cube.id, "ok")
    assert str(event.id) in text(told)


@pytest.mark.parametrize("role", ["admin", "auditor", "reader", "agent"])
def test_nobody_else_is_offered_it_or_may(house, role):
    shown, visitor = house.memory(f"{VALUE} plays."), Visitor(house, role)
    assert "Reveal a value" not in text(visitor.get(place(shown, "")))
    assert visitor.get(place(shown)).status_code == 403
    refused = visitor.post(place(shown), token=token_of(shown), reason="Curious.")
    assert refused.status_code == 403
    assert VALUE not in text(refused)
    house.drain()
    assert reveals(house) == []


def test_it_asks_for_a_fresh_sign_in_and_goes_on_with_what_was_chosen(house, officer):
    shown = house.memory(f"{VALUE} plays.")
    stale(house)
    asked = officer.post(place(shown), token=token_of(shown), reason="Case 12")
    assert asked.status_code == 403
    assert "Confirm that it is you" in text(asked)
    assert VALUE not in text(asked)
    told = officer.post(place(shown), token=token_of(shown), reason="Case 12", confirm_password=PASSWORD)
    assert VALUE in text(told)


@pytest.mark.parametrize(
    "sent",
    [
        {"token": "PERSON_0123456789", "reason": "r"},
        {"token": "x" * 400, "reason": "r"},
        {"token": "", "reason": "r"},
        {"reason": " "},
    ],
    ids=["foreign", "long", "none", "no reason"],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_shown(house, officer, sent):
    shown = house.memory(f"{VALUE} plays.")
    answer = officer.post(place(shown), **({"token": token_of(shown)} | sent))
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert VALUE not in text(answer)
    assert reveals(house) == []


def test_values_are_revealed_slowly(house, officer, settings):
    settings.REVEAL_RATE = (2, 0.001)
    shown = house.memory(f"{VALUE} plays.")
    answers = [officer.post(place(shown), token=token_of(shown), reason="r").status_code for _ in range(3)]
    assert answers == [200, 200, 429]


def test_a_memory_without_tokens_offers_nothing(house, officer):
    shown = house.memory("The red kettle stands on the stove.")
    assert "Reveal a value" not in text(officer.get(place(shown, "")))
    assert "Nothing here can be revealed" in text(officer.get(place(shown)))


def test_a_memory_of_another_tenant_is_not_there(house, officer):
    from tests.console.house import House

    other = House().memory(f"{VALUE} plays.")
    assert officer.get(place(other)).status_code == 404
    assert officer.post(place(other), token=token_of(other), reason="r").status_code == 404


def test_both_pages_are_accessible_and_a_value_that_would_run_does_not(house, as_role):
    shown, page = house.memory(f"{{{{{CANARY.split('{{')[0]}}}}} plays."), as_role("compliance")
    page.goto(f"/console/{place(shown, '')}")
    page.get_by_role("link", name="Reveal a value").click()
    require_accessible(page)
    page.keyboard.press("Tab")
    page.get_by_role("radio").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Case 12")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#value").wait_for()
    require_accessible(page)
    assert "onerror" in html.unescape(page.locator("#value").inner_text())
    assert "onerror" not in page.url + page.title()
    assert page.locator("img[src=x]").count() == 0
