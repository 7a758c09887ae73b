"""Quotas: counted exactly under a lock, per day or altogether, undone with what was undone."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import QuotaExceeded
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants.models import Resource
from tenants.selectors import used
from tenants.services.count_usage import count
from tenants.services.set_quota import set_quota


def bound(tenant, ceiling, resource=Resource.MEMORIES):
    set_quota(Principal.system(tenant), resource=resource, ceiling=ceiling, if_match="*")


def use(tenant, n=1, resource=Resource.MEMORIES):
    with tenant_transaction():
        count(Principal.system(tenant), resource, n)


def total(resource=Resource.MEMORIES):
    with tenant_transaction():
        return used(resource)


def test_use_is_counted_without_a_quota(tenant):
    for n in (1, 5, -2):
        use(tenant, n)
    assert total() == 4


def test_use_stops_at_the_quota(tenant):
    bound(tenant, 3)
    use(tenant, 2)
    with pytest.raises(QuotaExceeded) as told:
        use(tenant, 2)
    assert told.value.extra == {"resource": "memories", "limit": 3}
    use(tenant, 1)
    assert total() == 3


def test_what_was_used_before_a_quota_counts(tenant):
    use(tenant, 5)
    bound(tenant, 4)
    with pytest.raises(QuotaExceeded):
        use(tenant)
    use(tenant, -2)
    use(tenant)


def test_a_lifted_quota_bounds_nothing(tenant):
    bound(tenant, 0)
    bound(tenant, None)
    use(tenant, 100)
    assert total() == 100


def test_what_is_undone_was_not_used(tenant):
    with pytest.raises(ZeroDivisionError), tenant_transaction():
        count(Principal.system(tenant), Resource.MEMORIES)
        _ = 1 / 0
    assert total() == 0


def test_a_daily_resource_begins_anew(tenant):
    bound(tenant, 1, Resource.WRITES_PER_DAY)
    use(tenant, 1, Resource.WRITES_PER_DAY)
    with pytest.raises(QuotaExceeded):
        use(tenant, 1, Resource.WRITES_PER_DAY)
    with clock.frozen(clock.now() + timedelta(days=1)):
        use(tenant, 1, Resource.WRITES_PER_DAY)
        assert total(Resource.WRITES_PER_DAY) == 1


@pytest.mark.parametrize("ceiling", [5, None])
def test_many_at_once_are_counted_exactly(tenant, ceiling):
    bound(tenant, ceiling)
    start, refused = threading.Barrier(8), []

    def go():
        start.wait()
        try:
            with tenant_scope(tenant):
                use(tenant)
        except QuotaExceeded:
            refused.append(1)
        connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert total() == (ceiling or 8)
    assert len(refused) == 8 - total()


def test_a_neighbours_use_is_its_own(tenant, other_tenant):
    bound(tenant, 1)
    with tenant_scope(other_tenant):
        use(other_tenant, 10)
    use(tenant)
    assert total() == 1


def test_quotas_are_read_and_set_over_rest(admin, become):
    path = "/v1/quotas/memories"
    unset = admin.get(path)
    assert (unset.json(), unset["ETag"]) == (
        {"resource": "memories", "window": "total", "limit": None, "version": 0},
        '"v0-0"',
    )
    told = admin.call("PUT", path, {"limit": 10}, If_Match=unset["ETag"])
    assert (told.status_code, told["ETag"], told.json()["limit"]) == (200, '"v1-0"', 10)
    assert admin.call("PUT", path, {"limit": 11}, If_Match=unset["ETag"]).status_code == 412
    assert admin.call("PUT", path, {"limit": 11}).status_code == 428
    assert admin.call("PUT", path, {"limit": -1}, If_Match="*").status_code == 422
    assert admin.call("PUT", path, {}, If_Match="*").status_code == 422
    assert admin.call("PUT", "/v1/quotas/wishes", {"limit": 1}, If_Match="*").status_code == 404
    assert become("auditor").get(path).json()["limit"] == 10
    assert become("auditor").call("PUT", path, {"limit": 1}, If_Match="*").status_code == 403
    assert become("compliance").get(path).status_code == 403


def test_usage_is_shown_beside_its_limit(admin, become):
    become("auditor")
    found = {row["resource"]: row for row in admin.get("/v1/usage").json()["data"]}
    assert found["api_keys"] == {"resource": "api_keys", "window": "total", "used": 2, "limit": None}
    assert found.keys() == {resource.value for resource in Resource}
