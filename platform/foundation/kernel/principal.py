"""Who acts: the value that authentication makes and every service takes first."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class PrincipalKind(StrEnum):
    PERSON = "person"
    AGENT = "agent"
    SERVICE = "service"
    SYSTEM = "system"


class Role(StrEnum):
    ADMIN = "admin"
    COMPLIANCE = "compliance"
    AGENT = "agent"
    AUDITOR = "auditor"
    READER = "reader"
    OPERATOR = "operator"  # the platform's own acts; never given to a credential


SYSTEM_ID = UUID(int=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """One authenticated actor in one tenant. `spaces` empty means every space (never for agent or reader)."""

    id: UUID
    tenant_id: UUID
    kind: PrincipalKind
    role: Role
    spaces: frozenset[UUID] = field(default_factory=frozenset)
    name: str = ""
    key_id: UUID | None = None

    @classmethod
    def system(cls, tenant_id: UUID) -> "Principal":
        """The platform itself, acting for a tenant."""
        return cls(SYSTEM_ID, tenant_id, PrincipalKind.SYSTEM, Role.OPERATOR, name="system")
