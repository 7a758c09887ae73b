"""The overview: numbers that are true, for who may see what they count, from few queries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.clock import now
from foundation.kernel.principal import Role
from foundation.kernel.problems import PolicyDenied, Rejected
from foundation.kernel.scope import tenant_transaction
from governance import figures
from governance.models import Retrieval
from governance.services.admit import admit
from governance.services.plan_erasure import plan_erasure
from governance.services.search import Question, search
from tests.builders import principal as made_principal
from tests.console.house import House
from tests.console.test_held import hold
from tests.console.visiting import Visitor, text
from tests.console.watching import require_accessible
from tests.governance.builders import submission

KETTLE = "The red kettle stands on the stove."


def refuse(house):
    with house.scope():
        agent = made_principal(house.tenant_id, Role.AGENT, spaces=frozenset({house.space.id}))
        with pytest.raises(Rejected):
            admit(agent, submission=submission(house.space, "hidden \U000e0041\U000e0042 text", source_type="document"))


def test_decisions_are_counted_by_day_and_kind_as_the_log_has_them(house):
    with clock.frozen(now() - timedelta(days=2)):
        house.memory(KETTLE)
    house.drain()
    house.memory(KETTLE)
    hold(house)
    refuse(house)
    house.drain()
    who = house.principal("auditor")
    with house.scope(), tenant_transaction():
        days, found = figures.decisions(who, days=3)
    assert days == sorted(days)
    told = {act.value: counts for act, counts in found.items()}
    assert told == {"memory.admit": [1, 0, 1], "memory.hold": [0, 0, 1], "memory.reject": [0, 0, 1]}


def test_held_memories_are_counted_by_age_each_once(house):
    for back in (timedelta(minutes=1), timedelta(hours=2), timedelta(days=2), timedelta(days=20)):
        with clock.frozen(now() - back):
            hold(house)
        house.drain()
    who = house.principal("compliance")
    with house.scope(), tenant_transaction():
        told = figures.held_by_age(who)
    assert told == [("under an hour", 1), ("under a day", 1), ("under a week", 1), ("longer", 1)]


def test_kinds_of_personal_data_are_counted_in_the_newest_decisions(house):
    house.memory("{{Ana}} and {{Bo}} have a kettle.")
    hold(house)
    with house.scope():
        told = figures.personal(house.principal("compliance"))
        with pytest.raises(PolicyDenied):
            figures.personal(house.principal("auditor"))
    assert (told.decisions, told.kinds) == (2, {"PERSON": 2})


def searched(house, *took, back=timedelta()):
    """Searches that took so many milliseconds."""
    who = house.principal("compliance")
    with house.scope(), tenant_transaction(), clock.frozen(now() - back):
        for each in took:
            Retrieval(principal_id=who.id, at=now(), hits=[], took_ms=each).save(force_insert=True)


def test_how_long_searches_took_is_told_by_hour(house):
    searched(house, *range(1, 101))
    searched(house, 7, back=timedelta(hours=2))
    searched(house, 9000, back=timedelta(days=2))
    who = house.principal("auditor")
    with house.scope(), tenant_transaction():
        found = figures.latencies(who, hours=4)
    told = [(each.searches, each.half, each.most) for each in found]
    assert told == [(0, 0, 0), (1, 7, 7), (0, 0, 0), (100, 50, 95)]


def test_a_search_leaves_how_long_it_took(house):
    house.memory(KETTLE)
    with house.scope():
        search(house.principal("compliance"), question=Question("kettle"))
        with tenant_transaction():
            (took,) = Retrieval.objects.values_list("took_ms", flat=True)
    assert took > 0
    other = House()
    who = other.principal("auditor")
    with other.scope(), tenant_transaction():
        assert sum(each.searches for each in figures.latencies(who, hours=2)) == 0


@pytest.mark.parametrize("role", ["reader", "agent"])
def test_others_are_not_told_how_long_searches_took(house, role):
    who = house.principal(role)
    with house.scope(), tenant_transaction(), pytest.raises(PolicyDenied):
        figures.latencies(who, hours=2)


def test_the_log_is_told_with_its_checked_checkpoint(house):
    house.memory(KETTLE)
    house.drain()
    who = house.principal("auditor")
    with house.scope(), tenant_transaction():
        told = figures.ledger(who)
    assert told.size > 0
    assert now() - told.signed_at < timedelta(minutes=1)


def test_an_officer_sees_every_part_with_a_way_to_its_list(house):
    house.memory(KETTLE, subjects=("crm:1",))
    hold(house)
    with house.scope():
        plan_erasure(house.principal("compliance"), subject="crm:1", basis="gdpr-17", reason="Asked.")
    house.drain()
    response = Visitor(house, "compliance").get("overview")
    seen = text(response)
    assert "Milliseconds a search took" in seen
    for words in (
        "1 held memories wait",
        "1 erasures open",
        "in time",
        "1 admitted, 1 held, 0 refused",
        "Memories by state",
    ):
        assert words in seen, words
    for path in ("held", "erasure", "memories", "overview/personal"):
        assert f'"/console/{path}"'.encode() in response.content


def test_an_auditor_sees_the_log_and_the_decisions_and_no_queue(house):
    hold(house)
    house.drain()
    response = Visitor(house, "auditor").get("overview")
    assert "Decisions of the last 30 days" in text(response)
    for path in (b"/console/held", b"/console/erasure", b"overview/personal"):
        assert path not in response.content
    assert Visitor(house, "auditor").get("overview/personal").status_code == 403


@pytest.mark.parametrize("role", ["reader", "agent"])
def test_others_are_denied_and_land_elsewhere(house, role):
    visitor = Visitor(house, role)
    assert visitor.get("overview").status_code == 403
    assert visitor.get("")["Location"] == "/console/memories"


def test_an_officer_lands_here(house):
    assert Visitor(house, "compliance").get("")["Location"] == "/console/overview"


def test_the_overview_is_drawn_and_accessible(house, as_role):
    house.memory("{{Ana}} has a red kettle.")
    hold(house)
    searched(house, 40, 60)
    house.drain()
    page = as_role("compliance")
    page.goto("/console/overview")
    page.get_by_text("Personal data in the newest 2 decisions").first.wait_for()
    assert page.locator("svg.chart[role=img]").count() == 5
    for chart in page.locator("svg.chart").all():
        assert chart.locator("title").text_content()
        assert chart.locator("desc").text_content()
    require_accessible(page)


def test_the_numbers_behind_the_drawing_stand_in_a_table(house):
    searched(house, 40, 60)
    response = Visitor(house, "auditor").get("overview")
    seen = text(response)
    assert "2 searches in all. In the slowest hour 95 of 100 were done in 60 ms." in seen
    assert "Hour Searches Half within, ms 95 of 100 within, ms" in seen
    assert seen.endswith("2 40 60") or " 2 40 60 " in seen
    assert b'href="/console/audit?act=memory.search"' in response.content
