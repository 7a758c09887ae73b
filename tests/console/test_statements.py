"""A page takes as many statements with many memories as with few: nothing asks once a row.

The ceilings are what was counted, and a few more. They include the session, the look and each transaction's own.
"""

from __future__ import annotations

import pytest

from foundation.keyring import keys
from governance.services.place_hold import place_hold
from governance.services.plan_erasure import plan_erasure
from governance.services.search import Question, search
from tests.console.test_held import hold
from tests.console.visiting import Visitor, statements

MOVED = "Records of patient 031-10{0} moved to 029-10{0}."
CEILINGS = {
    "overview": 18,
    "overview/personal": 9,
    "held": 22,
    "held/{admission}": 32,
    "memories": 21,
    "memories/{memory}": 23,
    "memories/{memory}/versions": 25,
    "memories/{memory}/lineage": 18,
    "memories/{memory}/history": 13,
    "memories/{memory}/readers": 12,
    "erasure": 13,
    "erasure/{request}": 15,
    "holds": 12,
}
MORE = 4
"""Rows added of everything: a statement a row would be as many more. One or two more may be, by what time has passed:
whether a commit wakes the sequencer, and whether a session's last use is written down."""


def lived(house, number):
    """A bit more of everything."""
    parent = house.memory(f"Kettle {number}.", subjects=(f"crm:{number}",))
    ref = (parent.memory.cube.id, 1)
    house.memory(f"Somebody has kettle {number}.", source_type="derived", parents=(ref,))
    hold(house, MOVED.format(number), source=f"mail:{number}")
    officer = house.principal("compliance")
    with house.scope():
        search(officer, question=Question("kettle"))
        place_hold(officer, name=f"Case {number}", basis="audit", subject=f"crm:x{number}", custodians=[officer.id])
        plan_erasure(officer, subject=f"crm:{number}", basis="gdpr-17", reason="Asked.")
    return parent


@pytest.fixture
def begun(house):
    parent = lived(house, 10)
    held = hold(house, MOVED.format(11), source="mail:10")
    with house.scope():
        plan = plan_erasure(house.principal("compliance"), subject="crm:10", basis="gdpr-17", reason="Asked.")
    return {"admission": held.admission.id, "memory": parent.memory.cube.id, "request": plan.request.id}


def test_no_page_asks_once_a_row(house, begun, monkeypatch):
    monkeypatch.setattr(keys.opened, "clock", lambda now=keys.opened.clock(): now)  # no key is forgotten meanwhile
    visitor = Visitor(house, "compliance")
    pages = [path.format(**begun) for path in CEILINGS]
    few = {path: statements(visitor, path) for path in pages}
    for number in range(12, 12 + MORE):
        lived(house, number)
    many = {path: statements(visitor, path) for path in pages}
    assert {path: (few[path], many[path]) for path in pages if many[path] >= few[path] + MORE} == {}
    ceilings = dict(zip(pages, CEILINGS.values(), strict=True))
    assert {path: count for path, count in many.items() if not 2 < count <= ceilings[path]} == {}
