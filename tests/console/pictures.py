"""Make the console's pictures for the documents: `python -m pytest tests/console/pictures.py` with MEMWRIT_PICTURES=1.

Not collected otherwise: the file's name is no test's. Each picture is at most 150 kB.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from foundation.kernel import clock
from foundation.kernel.clock import now
from foundation.kernel.principal import Role
from governance.services.admit import admit
from governance.services.place_hold import place_hold
from governance.services.plan_erasure import plan_erasure
from governance.services.revise import Revision, revise
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, Rule
from guard.services.pii_policies import Terms, create_pii_policy
from tenants.selectors import authenticated
from tenants.services.create_key import create_key
from tests.builders import principal as made_principal
from tests.console.visiting import Visitor
from tests.governance.builders import submission

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST = 150 * 1024
MOVED = "Records of patient 031-{0} moved to 029-{0}."
pytestmark = pytest.mark.skipif(not os.environ.get("MEMWRIT_PICTURES"), reason="pictures are made on request")


def taken(page, name, path, *, height=900):
    page.set_viewport_size({"width": 1280, "height": height})
    page.goto(f"/console/{path}")
    page.wait_for_load_state("networkidle")
    save(page, name)


def save(page, name):
    data = page.screenshot(type="png", scale="css")
    assert len(data) <= MOST, (name, len(data))
    (IMAGES / f"console-{name}.png").write_bytes(data)


def remember(house, writer, content, **fields):
    with house.scope():
        return admit(writer, submission=submission(house.space, content, **fields))


def agent_of(house):
    """The agent that writes here, by a credential of its own."""
    with house.scope():
        key = create_key(made_principal(house.tenant_id), role=Role.AGENT, name="support-bot", spaces=[house.space.id])
        return authenticated(key.api_key)


def lived_in(house):
    """A tenant with a month behind it."""
    writer = agent_of(house)
    for back in range(28, -1, -1):
        with clock.frozen(now() - timedelta(days=back, hours=1)):
            for number in range(1 + (back * 7) % 5):
                remember(
                    house,
                    writer,
                    f"{{{{Ana Diaz}}}} asked about order 60{back}{number}; the parcel left the warehouse on day {back}.",
                    source=f"chat:{8800 + back}",
                    source_type="conversation",
                    subjects=("crm:4711",),
                )
            if back % 6 == 2:
                remember(house, writer, MOVED.format(f"10{back:02}"), source=f"mail:{back}", source_type="document")
        house.drain()
    return writer


def test_pictures(house, as_role):
    agent = lived_in(house)
    with house.scope():
        first = admit(
            agent,
            submission=submission(
                house.space,
                "Deliveries to the Harbour Street store arrive before nine in the morning.",
                source="wiki:logistics",
                source_type="document",
            ),
        )
        house.drain()
        match = f'"v{first.memory.cube.version}-{first.memory.cube.rev}"'
        changes = {"content": "Deliveries to the Harbour Street store arrive before seven in the morning, at gate B."}
        revise(
            made_principal(house.tenant_id),
            memory_id=first.memory.cube.id,
            revision=Revision(match, changes, "New gate"),
        )
        parent = (first.memory.cube.id, 1)
        middle = admit(
            agent,
            submission=submission(
                house.space, "Store deliveries come early.", source_type="derived", parents=(parent,)
            ),
        )
        admit(
            agent,
            submission=submission(
                house.space,
                "Plan the night shift around early deliveries.",
                source_type="derived",
                parents=((middle.memory.cube.id, 1), parent),
            ),
        )
    shown = remember(
        house, agent, f"{MOVED.format(1001)} Ask {{{{Ana Diaz}}}}.", source="mail:26", source_type="document"
    )
    house.drain()
    page = as_role("compliance")
    taken(page, "overview", "overview", height=1100)
    taken(page, "held", "held")
    taken(page, "held-case", f"held/{shown.admission.id}", height=1000)
    taken(page, "memory-versions", f"memories/{first.memory.cube.id}/versions", height=620)
    taken(page, "lineage", f"memories/{first.memory.cube.id}/lineage", height=420)
    page.goto("/console/memories")
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.get_by_label("Question").fill("When did Ana's parcel leave the warehouse?")
    page.get_by_label("Seen as").select_option(label="support-bot (agent)")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("would").first.wait_for()
    save(page, "memories")
    with house.scope():
        place_hold(
            house.principal("compliance"),
            name="Case 12-034",
            basis="litigation",
            ids=[first.memory.cube.id],
            custodians=[house.principal("compliance").id],
        )
        with clock.frozen(now() - timedelta(days=20)):
            plan_erasure(house.principal("compliance"), source="chat:8801", basis="ccpa-1798.105", reason="Asked.")
        house.drain()
        plan = plan_erasure(
            house.principal("compliance"), subject="crm:4711", basis="gdpr-17", reason="Request of 22 November"
        )
    Visitor(house, "compliance").post(f"erasure/{plan.request.id}/execute", manifest=plan.request.manifest)
    house.drain()
    taken(page, "erasure", "erasure", height=560)
    page.goto(f"/console/erasure/{plan.request.id}")
    page.get_by_role("link", name="The certificate").click()
    page.set_viewport_size({"width": 1180, "height": 640})
    page.locator("#checked").wait_for()
    save(page, "certificate")
    with house.scope():
        terms = Terms(
            Mode.STRICT,
            Action.PSEUDONYMISE,
            (Rule(Action.PSEUDONYMISE, Entity.PERSON, reveal_to=("agent",)), Rule(Action.REDACT, Entity.CARD)),
        )
        made = create_pii_policy(house.principal("admin"), name="support", terms=terms)[0]
    house.memory("{{Bo}} likes the kettle.")
    admin = as_role("admin")
    admin.set_viewport_size({"width": 1280, "height": 1100})
    admin.goto(f"/console/policies/pii/{made.id}/edit")
    admin.get_by_label("Then, rule 1").select_option("redact")
    admin.get_by_role("group", name="Revealed to, rule 1").get_by_label("agent").uncheck()
    admin.get_by_role("button", name="Try it on what was admitted lately").click()
    admin.get_by_role("heading", name="What it would do").wait_for()
    save(admin, "policies")
