"""Make the pictures of sign-in, audit and administration: as `pictures.py`, with MEMWRIT_PICTURES=1."""

from __future__ import annotations

import os

import pytest

from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_transaction
from tenants.models import Quota, Resource
from tenants.services.create_key import create_key
from tests.console.pictures import save, taken
from tests.console.test_audit_pages import newest

pytestmark = pytest.mark.skipif(not os.environ.get("MEMWRIT_PICTURES"), reason="pictures are made on request")
PEOPLE = (
    ("admin", "Ana Diaz"),
    ("compliance", "Chidi Okafor"),
    ("compliance", "Mette Lund"),
    ("auditor", "Jonas Weber"),
)


def lived_in(house):
    for role, name in PEOPLE:
        house.person(role, name=name, email=f"{name.split()[0].lower()}@example.org")
    with house.scope():
        platform = Principal.system(house.tenant_id)
        for name in ("support-bot", "billing-bot"):
            create_key(platform, role=Role.AGENT, name=name, spaces=[house.space.id])
        with tenant_transaction():
            Quota(resource=Resource.MEMORIES, ceiling=50).save(force_insert=True)
    for number in range(12):
        house.memory(f"Order 600{number} left the warehouse on day {number}.", source=f"chat:{number}")
    house.drain()


def test_pictures(house, as_role, stranger):
    lived_in(house)
    taken(stranger, "sign-in", f"t/{house.tenant_id}/", height=560)
    auditor, admin = as_role("auditor"), as_role("admin", color_scheme="dark")
    auditor.goto("/console/audit/log")
    house.drain()
    taken(auditor, "audit", "audit", height=760)
    taken(auditor, "proof", f"audit/events/{newest(house, 'memory.admit').id}", height=760)
    auditor.goto("/console/audit/log")
    note = auditor.get_by_label("The checkpoint").inner_text()
    auditor.get_by_label("Checkpoint", exact=True).fill(note)
    auditor.get_by_role("button", name="Compare").click()
    save(auditor, "log")
    taken(admin, "people", "admin/people", height=520)
    taken(admin, "usage", "admin/usage", height=520)
    taken(admin, "roles", "admin/roles", height=760)
    admin.goto("/console/admin/keys/new")
    admin.get_by_label("Name").fill("returns-bot")
    admin.get_by_label("agent –").check()
    admin.get_by_label("support", exact=True).check()
    admin.get_by_role("button", name="Create", exact=True).click()
    admin.set_viewport_size({"width": 1280, "height": 640})
    save(admin, "new-key")
