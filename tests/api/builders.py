"""A tenant with a credential of every role, and a client that speaks JSON."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import UUID

from django.test import Client

from foundation.kernel.scope import tenant_scope
from tenants.services.create_tenant import create_tenant
from tests.governance.builders import drain

ROLES = ("reader", "agent", "compliance", "auditor", "admin")
_numbers = itertools.count()


class Answer:
    """A response: status, headers, and the JSON body where there is one."""

    def __init__(self, response: Any) -> None:
        self.status, self.headers = response.status_code, response.headers
        sent = b"".join(response.streaming_content) if response.streaming else response.content
        self.text = sent.decode(errors="replace")
        self.type = response.headers.get("Content-Type", "")

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        assert self.type == "application/problem+json", (self.status, self.text[:300])
        return self.json["type"].removeprefix("/problems/")


class Api:
    """One credential's view of the API."""

    def __init__(self, key: str) -> None:
        self.key, self._client = key, Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        data = body if isinstance(body, bytes) else (b"" if body is None else json.dumps(body).encode())
        return Answer(self._client.generic(method, path, data, content_type="application/json", headers=sent))

    def get(self, path: str, **headers: str) -> Answer:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self("POST", path, {} if body is None else body, **headers)


class World:
    """One tenant: an admin, a space, and a credential of every role that reaches the space."""

    def __init__(self, name: str) -> None:
        made = create_tenant(name=f"{name} {next(_numbers)}")
        self.tenant_id: UUID = made.key.tenant_id
        self.admin = Api(made.api_key)
        self.space = self.admin.post("/v1/spaces", {"name": "support"}).json["id"]
        self.roles = {role: Api(self.new_key(role)) for role in ROLES if role != "admin"} | {"admin": self.admin}
        self.agent, self.officer = self.roles["agent"], self.roles["compliance"]

    def new_key(self, role: str, spaces: list[str] | None = None) -> str:
        bound = [self.space] if spaces is None and role in ("agent", "reader") else spaces or []
        made = self.admin.post("/v1/api_keys", {"role": role, "name": f"{role} key", "spaces": bound})
        assert made.status == 201, made.text
        return made.json["api_key"]

    def memory(self, content: str = "The red kettle stands on the stove.", **fields: Any) -> dict[str, Any]:
        """An admitted and indexed memory's body."""
        answer = self.agent.post("/v1/memories", {"space": self.space, "content": content, **fields})
        assert answer.status == 201, answer.text
        self.drain()
        return answer.json

    def drain(self) -> None:
        with tenant_scope(self.tenant_id):
            drain()
