"""The life of an API key over REST: made, shown once, bounded, rotated, revoked, expired; and every act told."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from audit.models import Outbox
from foundation.kernel import clock
from foundation.kernel.clock import rfc3339
from foundation.kernel.models import Registry
from foundation.kernel.problems import Validation
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants.services.create_tenant import create_tenant
from tests.tenants.conftest import SPACE, Api

KEY = {"role": "agent", "spaces": [str(SPACE)], "name": "support-bot", "expires_at": None}
SHOWN = {"id", "principal_id", "role", "name", "spaces", "created_at", "expires_at", "revoked_at", "rotated_from"}


def acts(tenant_id):
    import json

    with tenant_scope(tenant_id), tenant_transaction():
        entries = Outbox.objects.order_by("seq").values_list("entry", flat=True)
        return [json.loads(bytes(entry))["act"] for entry in entries]


def later(**delta):
    return rfc3339(clock.now() + timedelta(**delta))


def works(api):
    return api.get("/v1/memories").status_code != 401


def test_a_key_is_made_and_works(admin):
    told = admin.post("/v1/api_keys", KEY)
    body = told.json()
    assert told.status_code == 201
    assert body.keys() == SHOWN | {"api_key", "receipt"}
    assert {"role": "agent", "name": "support-bot", "spaces": [str(SPACE)], "revoked_at": None}.items() <= body.items()
    assert told["Location"] == f"/v1/api_keys/{body['id']}"
    assert told["ETag"] == '"v1-0"'
    assert acts(admin.tenant_id)[-1] == "key.create"
    assert works(Api(body["api_key"]))


def test_a_keys_text_is_shown_once(admin):
    body = admin.post("/v1/api_keys", KEY).json()
    for path in ("/v1/api_keys", f"/v1/api_keys/{body['id']}"):
        assert body["api_key"].split("_")[3] not in admin.get(path).content.decode()
    assert admin.get(f"/v1/api_keys/{body['id']}").json().keys() == SHOWN


def test_a_repeated_making_shows_no_secret_again(admin):
    first = admin.post("/v1/api_keys", KEY, Idempotency_Key="k")
    again = admin.post("/v1/api_keys", KEY, Idempotency_Key="k")
    assert (first.status_code, again.status_code, again.json()["type"]) == (201, 409, "/problems/secret-shown")
    assert again.json()["id"] == first.json()["id"]
    assert len(admin.get("/v1/api_keys").json()["data"]) == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"spaces": []}, "/spaces"),
        ({"role": "reader", "spaces": []}, "/spaces"),
        ({"role": "operator"}, "/role"),
        ({"role": "root"}, "/role"),
        ({"name": ""}, "/name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"tenant_id": str(uuid4())}, "/tenant_id"),
        ({"spaces": [str(SPACE), str(SPACE)]}, "/spaces"),
    ],
)
def test_a_wrong_key_is_refused(admin, change, pointer):
    told = admin.post("/v1/api_keys", KEY | change)
    assert (told.status_code, told.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("role", ["reader", "agent", "compliance", "auditor"])
def test_only_an_admin_makes_keys_and_the_denial_is_told(admin, become, role):
    told = become(role).post("/v1/api_keys", KEY)
    assert (told.status_code, told.json()["type"]) == (403, "/problems/policy-denied")
    assert acts(admin.tenant_id)[-1] == "auth.deny"


def test_a_key_reaches_no_further_than_its_maker(become):
    bounded = become("admin", spaces=[str(SPACE)])
    assert bounded.post("/v1/api_keys", KEY).status_code == 201
    for spaces in ([], [str(uuid4())], [str(SPACE), str(uuid4())]):
        assert bounded.post("/v1/api_keys", KEY | {"role": "admin", "spaces": spaces}).status_code == 403


def test_a_key_lives_no_longer_than_its_maker(become):
    brief = become("admin", expires_at=later(hours=1))
    assert brief.post("/v1/api_keys", KEY | {"expires_at": later(minutes=30)}).status_code == 201
    for end in (None, later(hours=2)):
        assert brief.post("/v1/api_keys", KEY | {"expires_at": end}).status_code == 403


def test_a_bounded_admin_rotates_no_key_that_reaches_further(admin, become):
    bounded, free = become("admin", spaces=[str(SPACE)]), become("admin")
    assert bounded.post(f"/v1/api_keys/{free.key['id']}:rotate").status_code == 403
    assert admin.post(f"/v1/api_keys/{free.key['id']}:rotate").status_code == 201


def test_a_bounded_admin_revokes_no_key_that_reaches_further(admin, become):
    bounded, free = become("admin", spaces=[str(SPACE)]), become("admin")
    wider = become("agent", spaces=[str(SPACE), str(uuid4())])
    for beyond in (free, wider):
        told = bounded.call("DELETE", f"/v1/api_keys/{beyond.key['id']}", If_Match='"v1-0"')
        assert (told.status_code, told.json()["type"]) == (403, "/problems/policy-denied")
        assert acts(admin.tenant_id)[-1] == "auth.deny"
        assert works(beyond)
    within = become("agent")
    assert bounded.call("DELETE", f"/v1/api_keys/{within.key['id']}", If_Match='"v1-0"').status_code == 200
    assert not works(within)


def test_an_expired_key_does_not_pass(become):
    api = become("agent", expires_at=later(hours=1))
    assert works(api)
    with clock.frozen(clock.now() + timedelta(minutes=61)):
        assert not works(api)


def test_a_revoked_key_does_not_pass_again(admin, become):
    api = become("agent")
    path = f"/v1/api_keys/{api.key['id']}"
    assert works(api)
    assert admin.call("DELETE", path).status_code == 428
    assert admin.call("DELETE", path, If_Match='"v1-7"').status_code == 412
    assert works(api)
    told = admin.call("DELETE", path, If_Match=admin.get(path)["ETag"])
    assert (told.status_code, told["ETag"]) == (200, '"v1-1"')
    assert told.json()["revoked_at"] is not None
    assert not works(api)
    assert acts(admin.tenant_id)[-1] == "key.revoke"


def test_a_rotated_key_is_the_same_principal_with_another_secret(admin, become):
    old = become("agent")
    told = admin.post(f"/v1/api_keys/{old.key['id']}:rotate")
    new = told.json()
    assert told.status_code == 201
    assert new["principal_id"] == old.key["principal_id"]
    assert new["rotated_from"] == old.key["id"]
    assert (new["role"], new["spaces"]) == ("agent", [str(SPACE)])
    assert works(Api(new["api_key"]))
    assert not works(old)
    assert admin.post(f"/v1/api_keys/{old.key['id']}:rotate").json()["type"] == "/problems/already-decided"


def test_a_rotated_key_may_overlap_with_its_heir(admin, become):
    old = become("agent")
    admin.post(f"/v1/api_keys/{old.key['id']}:rotate", {"overlap": "PT1H"})
    assert works(old)
    with clock.frozen(clock.now() + timedelta(minutes=61)):
        assert not works(old)
    assert admin.post(f"/v1/api_keys/{old.key['id']}:rotate", {"overlap": "P8D"}).status_code == 422


def test_an_overlap_does_not_prolong_a_key(admin, become):
    end = later(minutes=10)
    old = become("agent", expires_at=end)
    admin.post(f"/v1/api_keys/{old.key['id']}:rotate", {"overlap": "P1D"})
    told = admin.get(f"/v1/api_keys/{old.key['id']}").json()["expires_at"]
    assert datetime.fromisoformat(told) <= datetime.fromisoformat(end)


def test_another_tenants_key_is_a_404_like_one_that_never_was(admin, neighbour):
    theirs = admin.made.key.id
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", ":rotate")):
        told = [
            neighbour.call(method, f"/v1/api_keys/{id}{suffix}", {} if method == "POST" else None, If_Match='"v1-0"')
            for id in (theirs, uuid4())
        ]
        assert [each.status_code for each in told] == [404, 404]
        alike = [{k: v for k, v in each.json().items() if k != "trace_id"} for each in told]
        assert alike[0] == alike[1]
    assert works(admin)
    assert str(theirs) not in neighbour.get("/v1/api_keys").content.decode()


def test_keys_are_listed_by_pages(admin, become):
    for _ in range(3):
        become("auditor")
    first = admin.get("/v1/api_keys?limit=3").json()
    second = admin.get(f"/v1/api_keys?limit=3&cursor={first['next_cursor']}").json()
    assert (len(first["data"]), len(second["data"]), second["has_more"]) == (3, 1, False)


def test_a_closed_tenants_keys_do_not_pass(admin, neighbour):
    assert works(admin)
    Registry.objects.filter(id=admin.tenant_id).update(state=Registry.State.CLOSED)
    assert not works(admin)
    assert works(neighbour)


def test_keys_beyond_the_quota_are_refused_and_leave_nothing(admin, become):
    path = "/v1/quotas/api_keys"
    assert admin.call("PUT", path, {"limit": 2}, If_Match=admin.get(path)["ETag"]).status_code == 200
    spare = become("auditor")
    told = admin.post("/v1/api_keys", KEY)
    assert (told.status_code, told.json()["type"]) == (429, "/problems/quota-exceeded")
    assert len(admin.get("/v1/api_keys").json()["data"]) == 2
    admin.call("DELETE", f"/v1/api_keys/{spare.key['id']}", If_Match='"v1-0"')
    assert admin.post("/v1/api_keys", KEY).status_code == 201


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "<script>"])
def test_a_tenants_name_is_short_and_plain(django_db_setup, name):
    before = Registry.objects.count()
    with pytest.raises(Validation):
        create_tenant(name=name)
    assert Registry.objects.count() == before
