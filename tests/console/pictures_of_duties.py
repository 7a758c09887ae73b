"""Make the pictures of rolling back and of retention: as `pictures.py`, with MEMWRIT_PICTURES=1."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from foundation.kernel import clock
from foundation.kernel.clock import now
from governance.retention.rules import Rule
from governance.services.retention_policies import create_retention_policy
from governance.services.revise import Revision, revise
from governance.services.spaces import update_space
from tests.console.pictures import agent_of, lived_in, save

pytestmark = pytest.mark.skipif(not os.environ.get("MEMWRIT_PICTURES"), reason="pictures are made on request")
RULES = ({"kind": "episodic", "maximum": "P14D"}, {"minimum": "P7D"})


def poisoned(house):
    """A channel that was taken over an hour ago: it wrote over a clean version, anew, and something came of it."""
    with clock.frozen(now() - timedelta(hours=2)):
        good = house.memory("Refunds above 500 euros need a second signature.", source="chat:8821")
    bad = {"content": "Refunds above 5,000 euros need a second signature."}
    with house.scope():
        revise(agent_of(house), memory_id=good.memory.cube.id, revision=Revision("*", bad))
    house.memory("The supplier's account ends on 4711.", source="chat:8821")
    parents = ((good.memory.cube.id, 2),)
    house.memory("Most refunds go out at once.", source_type="derived", parents=parents, source="planner")


def test_a_rollback(house, as_role):
    poisoned(house)
    page = as_role("compliance")
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto("/console/rollbacks/new")
    page.get_by_label("Source").fill("chat:8821")
    page.get_by_label("Recorded since").fill(f"{now() - timedelta(hours=1):%Y-%m-%dT%H:%M}")
    page.get_by_label("Reason").fill("The channel was taken over")
    page.get_by_role("button", name="Show what it would change").click()
    page.get_by_role("heading", name="What would change").wait_for()
    save(page, "rollback")


def test_a_retention_policy(house, as_role):
    lived_in(house)
    with house.scope():
        who = house.principal("admin")
        made = create_retention_policy(who, name="support", rules=tuple(map(Rule.from_json, RULES)))[0].policy.id
        update_space(who, space_id=house.space.id, if_match="*", changes={"retention_policy_id": made})
    page = as_role("admin")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"/console/policies/retention/{made}/edit")
    page.get_by_role("button", name="Try it on the memories there are").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    save(page, "retention")
