"""A changed byte in the database is refused by the next read, never served."""

from __future__ import annotations

import pytest

VICTIMS = [
    ("governance_version", "sealed", "memcube_id"),
    ("governance_version", "valid_from", "memcube_id"),
    ("governance_version", "principal_id", "memcube_id"),
    ("governance_version", "source_key", "memcube_id"),
    ("governance_memcube", "labels", "id"),
    ("governance_memcube", "state", "id"),
    ("governance_memcube", "mac", "id"),
    ("governance_memcube", "space_id", "id"),
    ("governance_memcube", "subject_ids", "id"),
    ("governance_memcube", "owner_id", "id"),
    ("governance_memcube", "expires_at", "id"),
    ("governance_memcube", "rev", "id"),
]
CHANGES = {
    "sealed": "set_byte(sealed, 40, get_byte(sealed, 40) # 1)",
    "mac": "set_byte(mac, 3, get_byte(mac, 3) # 1)",
    "source_key": "set_byte(source_key, 3, get_byte(source_key, 3) # 1)",
    "valid_from": "now() - interval '1 day'",
    "principal_id": "gen_random_uuid()",
    "owner_id": "gen_random_uuid()",
    "labels": "'{team:red}'",
    "state": "'archived'",
    "space_id": "(SELECT id FROM governance_space s WHERE s.tenant_id = governance_memcube.tenant_id AND s.id <> governance_memcube.space_id LIMIT 1)",
    "subject_ids": "ARRAY[gen_random_uuid()]",
    "expires_at": "now() + interval '9 days'",
    "rev": "rev + 1",
}


@pytest.fixture
def past_everything(superuser):
    """A superuser whom no trigger, foreign key or policy stops."""
    superuser.execute("SET session_replication_role = replica")
    yield superuser
    superuser.execute("SET session_replication_role = origin")


@pytest.mark.parametrize(("table", "column", "by"), VICTIMS, ids=[f"{table}.{column}" for table, column, _ in VICTIMS])
def test_a_changed_column_is_refused_and_not_served(here, past_everything, table, column, by):
    here.admin.post("/v1/spaces", {"name": "another"})
    made = here.memory("The red kettle.", subjects=["crm:1"])
    path = f"/v1/memories/{made['id']}"
    assert here.admin.get(path).status == 200
    done = past_everything.execute(f"UPDATE {table} SET {column} = {CHANGES[column]} WHERE {by} = %s", [made["id"]])
    assert done.rowcount == 1
    for answer in (
        here.admin.get(path),
        here.admin.get("/v1/memories"),
        here.admin.post("/v1/memories:search", {"query": "kettle"}),
    ):
        assert "kettle" not in answer.text
    assert here.admin.get(path).status in (404, 500)
    if column not in ("state", "expires_at"):
        assert here.admin.get(path).problem == "integrity"


def test_an_old_header_put_back_with_its_old_mac_is_refused(here, past_everything):
    made = here.memory("The red kettle.")
    columns = "rev, state, version, labels, mac"
    old = past_everything.execute(f"SELECT {columns} FROM governance_memcube WHERE id = %s", [made["id"]]).fetchone()
    here.agent("PATCH", f"/v1/memories/{made['id']}", {"labels": ["acl:compliance"]}, If_Match='"v1-1"')
    here.drain()
    past_everything.execute(
        "UPDATE governance_memcube SET rev = %s, state = %s, version = %s, labels = %s, mac = %s WHERE id = %s",
        [*old, made["id"]],
    )
    assert here.agent.get(f"/v1/memories/{made['id']}").problem == "integrity"


def test_a_removed_record_is_missed(here, past_everything):
    made = here.memory("The red kettle.")
    past_everything.execute("DELETE FROM governance_memcube WHERE id = %s", [made["id"]])
    assert here.agent.post("/v1/memories:search", {"query": "kettle"}).problem == "integrity"


def test_two_versions_that_change_places_do_not_open(here, past_everything):
    made, other = here.memory("The red kettle."), here.memory("The blue pot.")
    sql = "SELECT sealed FROM governance_version WHERE memcube_id = %s"
    (one,), (two,) = (past_everything.execute(sql, [each["id"]]).fetchone() for each in (made, other))
    for sealed, each in ((two, made), (one, other)):
        past_everything.execute("UPDATE governance_version SET sealed = %s WHERE memcube_id = %s", [sealed, each["id"]])
    assert here.agent.get(f"/v1/memories/{made['id']}").problem == "integrity"
