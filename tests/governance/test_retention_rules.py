"""Ages and rules: calendar time both ways, all covering rules at once, and SQL that says what Python says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.kernel import clock
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_transaction
from governance.holds import held_by_any, holds_on
from governance.models import LegalHold, MemCube, State
from governance.retention.ages import Age
from governance.retention.keeping import Governing, Schedule
from governance.retention.rules import RetentionPolicy, Rule, said
from governance.services.sweep_retention import over
from tests.governance.builders import admitted

DAY = timedelta(days=1)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
SPANS = st.integers(1, 400 * 86400).map(lambda count: timedelta(seconds=count))
AGES = st.builds(Age, st.integers(0, 120), SPANS)


@pytest.mark.parametrize(
    ("text", "written"),
    [("P7Y", "P7Y"), ("P18M", "P1Y6M"), ("P2W", "P14D"), ("PT36H", "P1DT12H"), ("P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6S")],
)
def test_an_age_is_read_and_written(text, written):
    assert str(Age.parse(text)) == written


@pytest.mark.parametrize("text", ["", "P", "PT", "P1YT", "P0D", "PT0S", "7Y", "P-1D", "P1.5D", "P101Y", "P1Y\n", "P١D"])
def test_what_is_no_age_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - told to the client in our own words
        Age.parse(text)


def test_a_minimum_is_never_cut_short_by_a_short_month():
    start = datetime(2025, 1, 31, 9, tzinfo=UTC)
    assert Age.parse("P1M").after(start) == datetime(2025, 3, 1, tzinfo=UTC)
    assert Age.parse("P1Y").after(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2025, 3, 1, tzinfo=UTC)
    assert Age.parse("P7Y").after(start) == datetime(2032, 1, 31, 9, tzinfo=UTC)


@given(AGES, MOMENTS, MOMENTS, st.timedeltas(-4 * DAY, 4 * DAY))
def test_what_is_of_an_age_began_by_then(age, at, start, near):
    for began in (start, age.before(at), age.before(at) + timedelta(microseconds=1), age.before(at) + near):
        assert (age.after(began) <= at) == (began <= age.before(at))


@given(AGES, MOMENTS, MOMENTS)
def test_who_began_earlier_is_never_later(age, one, other):
    assert age.after(min(one, other)) <= age.after(max(one, other))


@given(AGES)
def test_an_age_that_was_written_is_the_same_age(age):
    assert Age.parse(str(age)) == age


def test_rules_are_said_one_line_each():
    rules = (Rule(Age.parse("P7Y"), None, "vault", "legal:yes"), Rule(None, Age.parse("P90D")))
    assert said(rules) == {"vault, labelled legal:yes": "at least P7Y", "every kind": "at most P90D"}
    assert tuple(map(Rule.from_json, (rule.as_json() for rule in rules))) == rules


LABELS = ("keep:a", "keep:b")
REACHED = st.builds(Age, st.integers(0, 12), SPANS)
"""Ages that a record reaches within the time that is looked at, or does not: either is as likely."""
RULES = st.builds(
    Rule,
    minimum=st.none() | REACHED,
    maximum=st.none() | REACHED,
    kind=st.none() | st.sampled_from(["episodic", "semantic"]),
    label=st.none() | st.sampled_from(LABELS),
)


class Undone(Exception):
    """Ends a transaction that is to leave nothing."""


@pytest.fixture
def aged(agent, space):
    """Records of several ages, kinds and labels."""
    at = clock.now()
    for number, (days, kind, labels) in enumerate(
        [(0, "episodic", ()), (1, "semantic", LABELS[:1]), (40, "episodic", LABELS), (400, "semantic", ())]
    ):
        with clock.frozen(at + timedelta(days=days)):
            admitted(agent, space, f"Kettle {number}.", kind=kind, labels=labels, subjects=(f"crm:{number}",))
    return at


def test_conditions_find_exactly_what_the_order_of_precedence_says(tenant, space, aged):
    """Hold before minimum before maximum, over any rules and holds: the sweep's query against a plain reading."""

    def plainly(cubes, policy, erasing, at):
        chosen = set()
        for cube in cubes:
            ages = [rule for rule in policy.rules if rule.covers(cube)]
            over = any(rule.maximum and rule.maximum.after(cube.created_at) <= at for rule in ages)
            kept = any(rule.minimum and rule.minimum.after(cube.created_at) > at for rule in ages)
            if erasing and over and not kept and not holds_on([cube]):
                chosen.add(cube.id)
        return chosen

    met = set()

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        policy = RetentionPolicy(uuid7(), "p", 1, tuple(data.draw(st.lists(RULES, max_size=4))))
        at = aged + data.draw(st.timedeltas(timedelta(), 900 * DAY))
        governing = Governing(policy, at + data.draw(st.sampled_from([-DAY, DAY])))
        policies = Schedule({space.id: governing})
        try:
            with tenant_transaction():
                cubes = list(MemCube.objects.exclude(state=State.FORGOTTEN).order_by("id"))
                for held in data.draw(st.lists(st.sampled_from(cubes), max_size=2)):
                    by_id = data.draw(st.booleans())
                    where = {"memcube_ids": [held.id]} if by_id else {"subject_id": held.subject_ids[0]}
                    LegalHold(sealed_name=b"", basis="audit", placed_by=uuid7(), **where).save(force_insert=True)
                with clock.frozen(at):
                    found = set(over(policies).values_list("id", flat=True))
                    assert found == plainly(cubes, policy, governing.erases_from <= at, at)
                    kept = set(MemCube.objects.filter(policies.is_kept(at)).values_list("id", flat=True))
                    assert kept == policies.kept(cubes).keys()
                held = set(MemCube.objects.filter(held_by_any()).values_list("id", flat=True))
                assert held == holds_on(cubes).keys()
                met.update({bool(found), bool(kept) and "kept", bool(held) and "held"})
                raise Undone
        except Undone:
            pass

    check()
    assert {True, "kept", "held"} <= met
