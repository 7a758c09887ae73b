"""What each role may do: one table, read by the policy door and written out for people in `docs/permissions.md`.

An act that is not here is allowed to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.kernel.principal import Role

POLICY = "roles@1"
"""Names this table in audit events; a changed table is a new number."""

CREDENTIAL_ROLES = (Role.READER, Role.AGENT, Role.COMPLIANCE, Role.AUDITOR, Role.ADMIN)
BOUND_TO_SPACES = frozenset({Role.READER, Role.AGENT})
"""Roles whose credentials must name at least one space."""

_ADMIN = frozenset({Role.ADMIN})
_STEWARDS = _ADMIN | {Role.COMPLIANCE}
_READERS = _STEWARDS | {Role.READER, Role.AGENT}
_WRITERS = _ADMIN | {Role.AGENT}
_WITNESSES = _STEWARDS | {Role.AUDITOR}
_OVERSEERS = _ADMIN | {Role.AUDITOR}
_INSTALLERS = _ADMIN | {Role.OPERATOR}

ACTS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        # memories
        "memory.read": _READERS,
        "memory.list": _READERS,
        "memory.search": _READERS,
        "memory.admit": _WRITERS,
        "memory.revise": _WRITERS,
        "memory.relabel": _WRITERS,
        "memory.withdraw": _WRITERS,
        "memory.feedback": _WRITERS,
        "memory.rollback": _STEWARDS,
        "memory.freeze": _STEWARDS,
        "memory.reveal": frozenset({Role.COMPLIANCE}),
        "guard.check": _WRITERS,
        "lesson.read": _READERS,
        "lesson.write": _STEWARDS,
        "lesson.promote": _STEWARDS,
        "lesson.retire": _STEWARDS,
        # spaces
        "space.read": _READERS,
        "space.create": _INSTALLERS,
        "space.update": _ADMIN,
        "space.delete": _ADMIN,
        # reviews
        "review.read": _STEWARDS,
        "decision.review": _STEWARDS,
        "incident.review": _STEWARDS,
        # undoing and forgetting
        "rollback.read": _STEWARDS,
        "rollback.plan": _STEWARDS,
        "rollback.approve": _STEWARDS,
        "rollback.execute": _STEWARDS,
        "erasure.read": _STEWARDS,
        "erasure.request": _STEWARDS,
        "erasure.approve": _STEWARDS,
        "erasure.execute": _STEWARDS,
        "certificate.read": _WITNESSES,
        "hold.read": _STEWARDS,
        "hold.place": _STEWARDS,
        "hold.release": _STEWARDS,
        "subject.read": _STEWARDS,
        "subject.export": _STEWARDS,
        "operation.read": _STEWARDS,
        # the record
        "audit.read": _WITNESSES,
        "retrieval.read": _WITNESSES,
        # policies and quotas
        "policy.read": _OVERSEERS,
        "config.change": _INSTALLERS,
        "quota.change": _INSTALLERS,
        "usage.read": _ADMIN,
        # credentials
        "key.read": _ADMIN,
        "key.create": _INSTALLERS,
        "key.rotate": _INSTALLERS,
        "key.revoke": _INSTALLERS,
        "person.read": _ADMIN,
        "person.create": _INSTALLERS,
        "person.change": _INSTALLERS,
        "tenant.create": frozenset({Role.OPERATOR}),
        "tenant.close": frozenset({Role.OPERATOR}),
    }
)

APPROVALS = frozenset({"rollback.approve", "erasure.approve"})
"""Acts that nobody does on a request of their own."""
