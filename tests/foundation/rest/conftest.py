"""A client of the probe endpoints, for a role of the test's tenant."""

import json

import pytest
from django.test import Client


class Caller:
    """Sends requests as one role of one tenant; `raw` sends a body as it is."""

    def __init__(self, tenant, role="admin"):
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {tenant} {role}"} if tenant else {}

    def get(self, path, **headers):
        return self.client.get(path, headers=self.headers | headers)

    def post(self, path, body=None, **headers):
        return self.raw(path, json.dumps(body if body is not None else {"name": "x"}), **headers)

    def raw(self, path, data, *, content_type="application/json", method="post", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(self.client, method)(path, data, content_type=content_type, headers=self.headers | headers)


@pytest.fixture(autouse=True)
def probes(settings):
    from foundation.rest import throttles
    from tests.foundation.rest import probe

    settings.ROOT_URLCONF = "tests.foundation.rest.probe"
    settings.MEMWRIT_POLICY = "tests.foundation.rest.probe.policy"
    settings.MEMWRIT_DENIAL = "tests.foundation.rest.probe.deny"
    settings.MEMWRIT_LOOK = "tests.foundation.rest.probe.look"
    probe.denials.clear()
    probe.looks.clear()
    throttles.credentials._buckets.clear()
    throttles.strangers._buckets.clear()


@pytest.fixture
def caller(tenant):
    return Caller(tenant)


@pytest.fixture
def reader(tenant):
    return Caller(tenant, "reader")


@pytest.fixture
def stranger(django_db_setup):
    return Caller(None)


@pytest.fixture
def neighbour(other_tenant):
    return Caller(other_tenant)
