"""The one policy door: `may(principal, act, resource)`. Roles, spaces and labels decide; the default is no.

What a credential does not reach answers 404, exactly as what never was; what it reaches without the right, 403.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from foundation.kernel.principal import Principal, Role
from foundation.kernel.problems import NotFound, PolicyDenied
from tenants.roles import ACTS, APPROVALS, BOUND_TO_SPACES

ACL = "acl:"


class OutOfReach(NotFound):
    """A 404 that is a denial: to the client like any other, to the audit log not."""

    denial = True


@dataclass(frozen=True, slots=True)
class Resource:
    """What policy needs to know of a thing: its space (None: it is the tenant's), its labels, who asked for it."""

    space_id: UUID | None
    labels: tuple[str, ...] = ()
    requested_by: UUID | None = None


def may(principal: Principal, act: str, resource: Resource | None = None) -> None:
    """Return if `principal` may do `act` (on `resource`); raise `OutOfReach` (404) or `PolicyDenied` (403)."""
    if resource is not None:
        _reach(principal, resource)
    if principal.role not in ACTS.get(str(act), frozenset()):
        raise PolicyDenied("This credential's role does not allow it.")
    if resource is not None and act in APPROVALS and resource.requested_by == principal.id:
        raise PolicyDenied("Nobody approves a request of their own.")


def _reach(principal: Principal, resource: Resource) -> None:
    if not isinstance(resource, Resource):  # a row handed in as it is would look as if it had no space
        raise TypeError("policy decides on a Resource")
    spaces = reachable_spaces(principal)
    if spaces is not None and resource.space_id is not None and resource.space_id not in spaces:
        raise OutOfReach
    if not labels_allow(principal, resource.labels):
        raise OutOfReach


def require_reach(principal: Principal, *reaches: Collection[UUID]) -> None:
    """Raise `PolicyDenied` for a principal who does not wholly reach what somebody else reaches (none: all spaces)."""
    if principal.spaces and not all(each and set(each) <= principal.spaces for each in reaches):
        raise PolicyDenied("Nobody gives or takes more reach than he has.")


def require_whole(principal: Principal) -> None:
    """Raise `PolicyDenied` for a principal bound to spaces: the act concerns all of the tenant's."""
    require_reach(principal, ())


def reachable_spaces(principal: Principal) -> frozenset[UUID] | None:
    """The spaces a principal reaches; None means all. A space-bound role without spaces reaches nothing."""
    if principal.spaces or principal.role in BOUND_TO_SPACES:
        return principal.spaces
    return None


def acl_label(principal: Principal) -> str | None:
    """The label that opens a restricted record to this principal; None: restrictions do not concern it (admin)."""
    return None if principal.role in (Role.ADMIN, Role.OPERATOR) else f"{ACL}{principal.role.value}"


def labels_allow(principal: Principal, labels: Iterable[str]) -> bool:
    """Whether `labels` let the principal see: `acl:<role>` labels restrict a record to the roles they name."""
    named, own = {label for label in labels if label.startswith(ACL)}, acl_label(principal)
    return not named or own is None or own in named
