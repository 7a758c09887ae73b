"""Two tenants × every route × every role × ids: nothing foreign shows, and a foreign 404 is the 404 of what never was.

The matrix is made from `docs/permissions.md`, which the build holds against the URL configuration and the roles.
"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections

from tests.api.builders import ROLES, Api, World

TABLE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
ROW = re.compile(r"^\| (\w+)\s+\| `([^`]+)`\s+\| `([^`]+)`\s+\|(.*)\|$")
BODIES = {
    "/v1/memories/{id}:reveal": {"token": "<PERSON_0123456789>", "reason": "r"},
    "/v1/memories/{id}:feedback": {"outcome": "success"},
    "/v1/incidents/{id}:approve": {"reason": "r"},
    "/v1/incidents/{id}:reject": {"reason": "r"},
    "/v1/memories/{id}:rollback": {"to_version": 1, "reason": "r"},
    "/v1/admissions/{id}:approve": {"reason": "r"},
    "/v1/admissions/{id}:reject": {"reason": "r"},
    "/v1/legal_holds/{id}:release": {"reason": "r"},
    "/v1/erasure_requests/{id}:execute": {"expected_manifest": "sha256:" + "0" * 64},
    "/v1/rollbacks/{id}:execute": {"expected_manifest": "sha256:" + "0" * 64},
    "/v1/spaces/{id}:rollback": {"since": "2026-01-01T00:00:00Z", "reason": "r", "dry_run": True},
    "/v1/lessons/{id}:retire": {"reason": "r"},
    "/v1/memories/{id}": {"labels": []},
    "/v1/spaces/{id}": {"name": "other"},
    "/v1/pii_policies/{id}": {"name": "other", "mode": "strict", "default_action": "redact", "rules": []},
    "/v1/retention_policies/{id}": {"name": "other", "rules": []},
}
QUERIES = {"/v1/memories/{id}/diff": "?from=1&to=1"}


def table() -> list[tuple[str, str, str, dict[str, bool]]]:
    found = []
    for line in TABLE.read_text().splitlines():
        if (row := ROW.match(line)) and row[1] != "method":
            allowed = [cell.strip() == "yes" for cell in row[4].split("|")]
            found.append((row[1], row[2], row[3], dict(zip(ROLES, allowed, strict=True))))
    return found


ROUTES = [row for row in table() if row[2] != "public"]
WITH_IDS = [row for row in ROUTES if "{id}" in row[1] or "{event_id}" in row[1]]


@pytest.fixture(scope="module")
def worlds(django_db_setup, django_db_blocker):
    """Two tenants with something of everything."""
    with django_db_blocker.unblock():
        from django.test import override_settings

        with override_settings(PII_REDACTOR="tests.governance.plain.MarkedRedactor", EMBEDDER="hash"):
            yield _filled("here"), _filled("there")


def _filled(name: str) -> tuple[World, dict[str, str]]:
    world = World(name)
    memory = world.memory("The red kettle.", subjects=["crm:1"])
    held = world.agent.post("/v1/memories", {"space": world.space, "content": "{{late}}"})
    search = world.agent.post("/v1/memories:search", {"query": "kettle"})
    other = world.memory("Another.", subjects=["crm:2"])
    erasure = world.officer.post(
        "/v1/erasure_requests", {"select": {"ids": [other["id"]]}, "basis": "other", "reason": "r"}
    )
    started = world.officer.post(
        f"/v1/erasure_requests/{erasure.json['id']}:execute", {"expected_manifest": erasure.json["manifest"]}
    )
    world.drain()
    planned = Api(world.new_key("compliance")).post(
        "/v1/erasure_requests", {"subject": "crm:1", "basis": "other", "reason": "r"}
    )
    undoing = Api(world.new_key("compliance")).post("/v1/rollbacks", {"select": {"source": "chat:none"}, "reason": "r"})
    hold = world.officer.post("/v1/legal_holds", {"name": "Case", "select": {"subject": "crm:9"}, "basis": "other"})
    return world, {
        "spaces": world.space,
        "memories": memory["id"],
        "subjects": memory["subjects"][0],
        "admissions": held.headers["Location"].rsplit("/", 1)[1],
        "retrievals": search.json["receipt"]["id"],
        "erasure_requests": planned.json["id"],
        "erasure_certificates": world.officer.get(f"/v1/erasure_requests/{erasure.json['id']}").json["certificate_id"],
        "rollbacks": undoing.json["id"],
        "operations": started.json["id"],
        "legal_holds": hold.json["id"],
        "api_keys": _spare_key(world),
        "audit": memory["receipt"]["event_id"],
        "pii_policies": str(uuid4()),
        "retention_policies": world.admin.post("/v1/retention_policies", {"name": "support"}).json["id"],
        "lessons": _lesson(world),
        "incidents": _incident(world),
    }


def _incident(world: World) -> str:
    redirect = {"space": world.space, "content": "Records of patient 031-1001 moved to 029-1001."}
    assert world.agent.post("/v1/memories", redirect).status == 202
    return world.officer.get("/v1/incidents").json["data"][0]["id"]


def _lesson(world: World) -> str:
    text = {"title": "Kettles", "when": "When tea is made.", "advice": "Look at the stove first."}
    return world.officer.post("/v1/lessons", text | {"space": world.space, "outcome": "success"}).json["id"]


def _spare_key(world: World) -> str:
    """A key that a test may rotate and revoke."""
    return world.admin.post("/v1/api_keys", {"role": "auditor", "name": "spare"}).json["id"]


def ask(world: World, role: str, method: str, route: str, ids: dict[str, str]):
    kind = route.split("/")[2].split(":")[0]
    path = route.replace("{id}", ids.get(kind, "")).replace("{event_id}", ids.get(kind, "")).replace("{number}", "1")
    path = path.replace("{resource}", "memories").replace("{path}", "0/000") + QUERIES.get(route, "")
    headers = {"If_Match": '"v999-999"'} if method in ("PUT", "PATCH", "DELETE") or route.endswith(":rollback") else {}
    body = BODIES.get(route, {}) if method in ("POST", "PUT", "PATCH") else None
    return world.roles[role](method, path, body, **headers)


def told(answer) -> dict[str, object]:
    return {name: value for name, value in answer.json.items() if name != "trace_id"}


@pytest.mark.parametrize(
    ("method", "route", "act", "allowed"), WITH_IDS, ids=[f"{row[0]} {row[1]}" for row in WITH_IDS]
)
def test_a_foreign_id_answers_like_one_that_never_was(worlds, method, route, act, allowed):
    (here, _), (_, theirs) = worlds
    nobodys = {kind: str(uuid4()) for kind in theirs}
    for role in ROLES:
        foreign, unknown = (ask(here, role, method, route, ids) for ids in (theirs, nobodys))
        expected = 404 if allowed[role] else 403
        assert (role, foreign.status, unknown.status) == (role, expected, expected), foreign.text
        assert told(foreign) == told(unknown)
        assert not any(value in foreign.text for value in theirs.values())


@pytest.mark.parametrize(("method", "route", "act", "allowed"), ROUTES, ids=[f"{row[0]} {row[1]}" for row in ROUTES])
def test_a_role_without_the_right_gets_403_and_one_with_it_does_not(worlds, method, route, act, allowed):
    (here, ids), _ = worlds
    for role in ROLES:
        answer = ask(here, role, method, route, ids)
        assert (role, answer.status == 403) == (role, not allowed[role]), (answer.status, answer.text[:300])
        if answer.status == 403:
            assert answer.problem == "policy-denied"


LOOKS = [row for row in ROUTES if row[0] == "GET"]


@pytest.mark.parametrize(("method", "route", "act", "allowed"), LOOKS, ids=[row[1] for row in LOOKS])
def test_every_look_is_an_event(worlds, method, route, act, allowed):
    from audit.models import Entry, Outbox
    from foundation.kernel.scope import tenant_scope, tenant_transaction

    def events() -> int:
        with tenant_scope(here.tenant_id), tenant_transaction():
            return Entry.objects.filter(act=act).count() + Outbox.objects.count()

    (here, ids), _ = worlds
    here.drain()
    before = events()
    answer = ask(here, "admin", method, route, ids)
    here.drain()
    assert answer.status != 200 or events() == before + 1


@pytest.mark.parametrize(
    "route",
    [
        "/v1/memories",
        "/v1/spaces",
        "/v1/admissions",
        "/v1/legal_holds",
        "/v1/lessons",
        "/v1/retention_policies",
        "/v1/erasure_requests",
        "/v1/rollbacks",
        "/v1/operations",
        "/v1/api_keys",
        "/v1/audit/events?act=memory.admit",
    ],
)
def test_no_list_shows_a_foreign_id(worlds, route):
    (here, mine), (_, theirs) = worlds
    text = here.admin.get(f"{route}{'&' if '?' in route else '?'}limit=200").text
    assert [value for value in theirs.values() if value in text] == []
    assert any(value in text for value in mine.values())


def test_a_credential_reaches_its_spaces_and_no_others(worlds):
    (here, ids), _ = worlds
    elsewhere = here.admin.post("/v1/spaces", {"name": "elsewhere"}).json["id"]
    narrow = here.new_key("reader", [elsewhere])
    reader = here.agent.__class__(narrow)
    assert reader.get(f"/v1/memories/{ids['memories']}").status == 404
    assert reader.post("/v1/memories:search", {"query": "kettle"}).json["data"] == []
    assert reader.post("/v1/memories:search", {"query": "kettle", "spaces": [here.space]}).status == 404


def test_naming_a_foreign_space_in_a_search_is_a_404_for_every_role(worlds):
    (here, _), (there, _) = worlds
    for role in ("reader", "agent", "compliance", "admin"):
        answer = here.roles[role].post("/v1/memories:search", {"query": "kettle", "spaces": [there.space]})
        assert (role, answer.status) == (role, 404)


def test_without_any_filter_of_ours_the_database_still_gives_nothing(worlds, superuser):
    from foundation.kernel.scope import tenant_scope, tenant_transaction

    (here, _), (there, _) = worlds
    tables = [
        name
        for (name,) in superuser.execute(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = 'public'"
        )
    ]
    seen = set()
    with tenant_scope(here.tenant_id), tenant_transaction(), connections["default"].cursor() as cursor:
        for table_name in tables:
            if superuser.execute(
                "SELECT has_table_privilege('memwrit_app', %s, 'SELECT')", [f'"{table_name}"']
            ).fetchone()[0]:
                cursor.execute(f'SELECT DISTINCT tenant_id FROM "{table_name}"')
                seen |= {row[0] for row in cursor.fetchall()}
    assert seen == {here.tenant_id}
    everyone = {row[0] for row in superuser.execute("SELECT DISTINCT tenant_id FROM governance_memcube")}
    assert {here.tenant_id, there.tenant_id} <= everyone  # the rows are there to be seen


def test_a_foreign_key_across_tenants_is_refused(worlds):
    from django.db import IntegrityError

    from foundation.kernel.ids import uuid7
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from governance.models import SubjectLink

    (here, _), (_, theirs) = worlds
    with tenant_scope(here.tenant_id), pytest.raises(IntegrityError), tenant_transaction():
        SubjectLink(memcube_id=theirs["memories"], subject_id=uuid7()).save(force_insert=True)
