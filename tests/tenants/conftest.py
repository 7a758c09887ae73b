"""A tenant with its first admin, and callers of the API by role."""

import json
from uuid import uuid4

import pytest

SPACE = uuid4()


class Api:
    """The API as one credential sees it."""

    def __init__(self, api_key):
        from django.test import Client

        self.api_key, self.client = api_key, Client(raise_request_exception=False)

    def call(self, method, path, body=None, **headers):
        headers = {"Authorization": f"Bearer {self.api_key}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        data = json.dumps(body) if body is not None else ""
        return self.client.generic(method, path, data, content_type="application/json", headers=headers)

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.call("POST", path, {} if body is None else body, **headers)


@pytest.fixture
def admin(django_db_setup):
    from tenants.services.create_tenant import create_tenant

    made = create_tenant(name="Acme")
    api = Api(made.api_key)
    api.made, api.tenant_id = made, made.key.tenant_id
    return api


@pytest.fixture
def become(admin):
    """`become("agent")`: the API as a new key of that role."""

    def make(role, **fields):
        spaces = [str(SPACE)] if role in ("agent", "reader") else []
        told = admin.post("/v1/api_keys", {"role": role, "name": role, "spaces": spaces} | fields)
        assert told.status_code == 201, told.content
        api = Api(told.json()["api_key"])
        api.key = told.json()
        return api

    return make


@pytest.fixture
def neighbour(django_db_setup):
    from tenants.services.create_tenant import create_tenant

    return Api(create_tenant(name="Neighbour").api_key)
