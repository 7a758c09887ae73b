"""A tenant with people: the console's tests stand in it. Everything is made by the real services."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any
from uuid import UUID

from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance.models import Space
from governance.services.spaces import create_space
from tenants.models import Person, Session
from tenants.services.begin_session import acting, begin_session
from tenants.services.create_person import create_person
from tenants.services.create_tenant import create_tenant
from tests.builders import principal as made_principal
from tests.console.watching import BROWSER
from tests.governance.builders import admitted, drain

PASSWORD = "correct horse battery staple"
ROLES = ("admin", "compliance", "auditor", "reader", "agent")
_numbers = itertools.count()


class House:
    """One tenant. People are made when they are first asked for; their addresses are `<role>@example.org`."""

    def __init__(self, name: str = "House") -> None:
        made = create_tenant(name=f"{name} {next(_numbers)}")
        self.tenant_id: UUID = made.key.tenant_id
        self.api_key: str = made.api_key
        self._people: dict[str, Person] = {}

    def scope(self) -> AbstractContextManager[UUID]:
        return tenant_scope(self.tenant_id)

    @cached_property
    def space(self) -> Space:
        with self.scope():
            return create_space(Principal.system(self.tenant_id), name="support")

    def person(self, role: str, **given: Any) -> Person:
        """The person of a role; with `given` (name, email, password …) a further one."""
        if role in self._people and not given:
            return self._people[role]
        bound = role in ("reader", "agent")
        fields = {
            "email": f"{role}@example.org",
            "name": f"{role} person",
            "password": PASSWORD,
            "spaces": [self.space.id] if bound else [],
        } | given
        with self.scope():
            person = create_person(Principal.system(self.tenant_id), role=Role(role), **fields)
        if not given:
            self._people[role] = person
        return person

    def principal(self, role: str) -> Principal:
        """The principal that the person of a role acts as: for calling services as the console does."""
        person = self.person(role)
        with self.scope(), tenant_transaction():
            return acting(person)

    def session(self, role: str, browser: str = BROWSER) -> str:
        """A new session's cookie text, for the person of a role."""
        person = self.person(role)
        with self.scope():
            return begin_session(person, via=Session.Via.PASSWORD, browser=browser).text()

    def memory(self, content: str = "The red kettle stands on the stove.", **fields: Any) -> Any:
        """An admitted, indexed memory in the space, written by an agent."""
        with self.scope():
            agent = made_principal(self.tenant_id, Role.AGENT, spaces=frozenset({self.space.id}))
            return admitted(agent, self.space, content, **fields)

    def drain(self) -> None:
        """Do all work that is due, and sequence the log."""
        with self.scope():
            drain()
