"""What forms of several pages offer: roles and spaces."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_transaction
from governance import selectors
from tenants.roles import CREDENTIAL_ROLES

MEANING = {
    Role.ADMIN: "sets up: people, keys, spaces, policies; sees everything but revealed values",
    Role.COMPLIANCE: "decides: reviews, rollbacks, erasures, holds; may reveal a value with a reason",
    Role.AUDITOR: "looks: the log, retrievals, certificates, policies",
    Role.AGENT: "writes and searches memories in its spaces",
    Role.READER: "searches memories in its spaces",
}


def roles() -> list[tuple[str, str]]:
    """Every role of credentials, with what it is for."""
    return [(role.value, f"{role.value} – {MEANING[role]}") for role in CREDENTIAL_ROLES]


def spaces(principal: Principal) -> list[tuple[str, str]]:
    """The spaces that the principal reaches."""
    with tenant_transaction():
        return [(str(space.id), space.name) for space in selectors.spaces(principal)]


def ids(given: Iterable[str]) -> list[UUID]:
    return [UUID(each) for each in given]


def names(principal: Principal) -> dict[UUID, str]:
    """Names of spaces by id, for tables."""
    return {UUID(id): name for id, name in spaces(principal)}
