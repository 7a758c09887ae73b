"""docs/permissions.md, the URL configuration and the roles say the same; and what api.md promises of each role holds."""

import re
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import PolicyDenied
from foundation.rest.views import PUBLIC, Endpoint
from tenants.policy import may
from tenants.roles import ACTS, CREDENTIAL_ROLES

TABLE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
CONSOLE = "/console/"
WITHOUT_ENDPOINT = {("GET", "/healthz"), ("GET", "/readyz")}


def table():
    rows = [[cell.strip(" `") for cell in line.strip("|\n ").split("|")] for line in TABLE.open() if line[0] == "|"]
    head, _, *body = rows
    return [dict(zip(head, row, strict=True)) for row in body]


def routes(resolver=None, prefix="/"):
    """Every (method, route, act) that is routed, parameters as `{name}`."""
    for each in (resolver or get_resolver("memwrit.urls")).url_patterns:
        at = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(each.pattern))
        if at == CONSOLE:  # pages declare their acts too: tests/console/test_pages.py
            continue
        if isinstance(each, URLResolver):
            yield from routes(each, at)
        elif isinstance(each, URLPattern):
            view = getattr(each.callback, "cls", None)
            acts = view.acts if view and issubclass(view, Endpoint) else {"GET": PUBLIC}
            yield from ((method, at, str(act)) for method, act in acts.items())


def test_every_route_is_in_the_table_and_every_row_is_routed():
    told = {(row["method"], row["route"], row["act"]) for row in table()}
    assert told == set(routes())
    assert len(told) == len(table())


def test_only_the_health_doors_are_no_endpoints():
    def walk(resolver, prefix="/"):
        for each in resolver.url_patterns:
            if prefix + str(each.pattern) == CONSOLE:
                continue
            if isinstance(each, URLResolver):
                yield from walk(each, prefix + str(each.pattern))
            elif not issubclass(getattr(each.callback, "cls", object), Endpoint):
                yield "GET", prefix + str(each.pattern)

    assert set(walk(get_resolver("memwrit.urls"))) == WITHOUT_ENDPOINT


@pytest.mark.parametrize("row", table(), ids=lambda row: f"{row['method']} {row['route']}")
def test_the_roles_of_a_route_are_those_of_its_act(row):
    allowed = {role.value for role in CREDENTIAL_ROLES if row[role.value] == "yes"}
    assert {row[role.value] for role in CREDENTIAL_ROLES} <= {"yes", "no"}
    if row["act"] == PUBLIC:
        assert allowed == {role.value for role in CREDENTIAL_ROLES}
    else:
        assert allowed == {role.value for role in ACTS[row["act"]]} - {"operator"}


def acts_of(role):
    return {act for act, roles in ACTS.items() if role in roles}


def test_the_roles_are_those_the_contract_describes():
    reader, agent, compliance = acts_of(Role.READER), acts_of(Role.AGENT), acts_of(Role.COMPLIANCE)
    auditor, admin = acts_of(Role.AUDITOR), acts_of(Role.ADMIN)
    assert reader == {"memory.read", "memory.list", "memory.search", "space.read", "lesson.read"}
    assert agent - reader == {"memory.admit", "memory.revise", "memory.relabel", "memory.withdraw", "memory.feedback", "guard.check"}  # fmt: skip
    assert reader < compliance
    assert {"decision.review", "memory.rollback", "erasure.execute", "hold.place", "memory.reveal", "subject.export", "audit.read"} < compliance  # fmt: skip
    assert not compliance & {"memory.admit", "guard.check", "key.create", "config.change", "policy.read"}
    assert auditor == {"audit.read", "retrieval.read", "certificate.read", "policy.read"}
    assert admin == set(ACTS) - {"memory.reveal", "tenant.create", "tenant.close"}


def test_only_admins_make_keys():
    assert ACTS["key.create"] - {Role.OPERATOR} == {Role.ADMIN}


def test_the_platform_sets_tenants_up_and_touches_no_memory_of_theirs():
    about = {act.partition(".")[0] for act in acts_of(Role.OPERATOR)}
    assert about == {"tenant", "person", "key", "space", "quota", "config"}
    for undoing in ("rollback.execute", "memory.rollback", "erasure.execute"):
        assert ACTS[undoing] == {Role.COMPLIANCE, Role.ADMIN}


def test_what_the_table_does_not_name_is_allowed_to_nobody(tenant):
    for role in Role:
        with pytest.raises(PolicyDenied):
            may(Principal(tenant, tenant, PrincipalKind.SERVICE, role), "memory.sell")
