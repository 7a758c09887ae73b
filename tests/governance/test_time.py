"""Get and search give one answer about the past, whatever was revised, rolled back or withdrawn since."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.problems import NotFound
from governance import selectors
from governance.services.revise import Revision, revise
from governance.services.rollback import roll_back
from governance.services.search import Question, search
from governance.timeline import Moment
from tests.governance.builders import admitted, drain


def got(agent, shown, moment: Moment) -> int | None:
    try:
        return selectors.memory(agent, memory_id=shown.memory.cube.id, moment=moment).memory.version.number
    except NotFound:
        return None


def found(agent, shown, moment: Moment) -> int | None:
    answer = search(agent, question=Question("kettle", k=100, moment=moment))
    numbers = [each.memory.version.number for each in answer.found if each.memory.cube.id == shown.memory.cube.id]
    assert len(numbers) <= 1
    return numbers[0] if numbers else None


def live_through(agent, admin, shown, dice: random.Random, start: datetime) -> list[datetime]:
    """Some revisions and rollbacks, with valid times of every kind; returns moments of the record between them."""
    moments = []
    for step in range(dice.randint(1, 5)):
        moments.append(clock.now())
        served = [memory.version.number for memory, _, _ in selectors.versions(agent, memory_id=shown.memory.cube.id)]
        if dice.random() < 0.3:
            roll_back(admin, memory_id=shown.memory.cube.id, if_match="*", to_version=dice.choice(served), reason="r")
            continue
        valid_from = start + timedelta(days=dice.randint(0, 90))
        valid_to = valid_from + timedelta(days=dice.randint(1, 60)) if dice.random() < 0.5 else None
        changes = {"content": f"The kettle, step {step}.", "valid_from": valid_from, "valid_to": valid_to}
        revise(agent, memory_id=shown.memory.cube.id, revision=Revision("*", changes))
    return moments


@pytest.mark.parametrize("seed", range(4))
def test_get_and_search_agree_about_every_moment(agent, admin, space, seed):
    dice, start = random.Random(seed), clock.now() - timedelta(days=100)
    records = [admitted(agent, space, f"The kettle number {n}.", valid_from=start) for n in range(3)]
    known = [moment for each in records for moment in live_through(agent, admin, each, dice, start)]
    drain()
    answers = []
    for place in range(12):
        as_of = (
            start + timedelta(days=dice.randint(-5, 110) if place else -1, hours=1)
            if dice.random() < 0.8 or not place
            else None
        )
        moment = Moment(as_of, dice.choice(known) if dice.random() < 0.5 else None)
        if not moment:
            continue
        for each in records:
            answers.append(got(agent, each, moment))
            assert found(agent, each, moment) == answers[-1], (moment, each.memory.cube.id)
    assert None in answers
    assert len(set(answers)) > 2  # the records did have a past
