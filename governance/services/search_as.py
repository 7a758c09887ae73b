"""Search as somebody else would: "what would this agent see?", asked by who answers for it.

It never widens what the asker may see. The spaces are those that both reach, a record must be readable to both, and
values are put back for the asker alone. The look is the asker's: one event says as whom, the search's own what was
shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from governance import names, revealing
from governance.models import Space
from governance.opening import Place
from governance.revealing import Policies
from governance.services.search import Answer, Question, search
from governance.weighing import Found
from tenants.models import ApiKey, PrincipalRecord
from tenants.policy import Resource, may, reachable_spaces
from tenants.roles import BOUND_TO_SPACES, POLICY

ASKING = "review.read"
"""The act that lets somebody look through another's eyes: whoever reviews what agents write."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Whose eyes: a role and its spaces; `principal_id` and `name` where it is a credential's."""

    role: Role
    spaces: frozenset[UUID]
    principal_id: UUID | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer, and of each hit how many values the other would be given where the asker sees tokens."""

    answer: Answer
    given: Mapping[Place, int]


def standpoints(principal: Principal) -> list[Standpoint]:
    """The agents and readers with a valid key to some space the asker reaches, by name (inside a transaction)."""
    may(principal, ASKING)
    rows = ApiKey.objects.filter(role__in=BOUND_TO_SPACES, revoked_at=None).exclude(expires_at__lte=now())
    rows = rows.exclude(principal_id__in=PrincipalRecord.objects.exclude(disabled_at=None).values("id"))
    found = {(row.principal_id, row.role, frozenset(row.spaces)) for row in rows}
    called = names.principals(principal_id for principal_id, _, _ in found)
    told = [Standpoint(Role(role), spaces, each, called.get(each, "")) for each, role, spaces in found]
    reach = reachable_spaces(principal)
    shared = [each for each in told if reach is None or each.spaces & reach]
    return sorted(shared, key=lambda each: (each.name.casefold(), str(each.principal_id), sorted(each.spaces)))


def search_as(principal: Principal, *, standpoint: Standpoint, question: Question) -> Seen:
    """What would be found from that standpoint, as far as the asker may see it. Raises `Validation` where the two
    reach no space in common, or the standpoint is none that is bound to spaces."""
    may(principal, ASKING)
    asker = _asker(principal, standpoint)
    for space_id in question.spaces:
        may(asker, Act.MEMORY_SEARCH, Resource(space_id=space_id))
    with tenant_transaction():
        record(
            principal,
            Act.MEMORY_SEARCH,
            target=Target("principal", standpoint.principal_id) if standpoint.principal_id else None,
            outcome="as",
            policy=POLICY,
            detail={"role": asker.role, "spaces": sorted(asker.spaces)},
        )
    answer = search(principal, question=replace(question, context=0), through=asker)
    with tenant_transaction():
        policies = revealing.policies_of(each.memory.cube.space_id for each in answer.found)
    return Seen(answer, {each.memory.place: _given(asker, each, policies) for each in answer.found})


def _asker(principal: Principal, standpoint: Standpoint) -> Principal:
    """The asker in the other's role, in the spaces both reach."""
    reach = reachable_spaces(principal)
    with tenant_transaction():
        living = set(Space.objects.filter(id__in=standpoint.spaces, deleted_at=None).values_list("id", flat=True))
    shared = frozenset(living if reach is None else living & reach)
    if standpoint.role not in BOUND_TO_SPACES or not shared:
        raise Validation(errors=[FieldError("/as", "out-of-reach", "You share no space with this standpoint.")])
    return Principal(principal.id, principal.tenant_id, PrincipalKind.PERSON, standpoint.role, shared, principal.name)


def _given(asker: Principal, found: Found, policies: Policies) -> int:
    """How many values stand behind the hit's tokens that the policy gives back to the asker's role."""
    policy = policies[found.memory.cube.space_id]
    spans = (span for span in found.memory.payload.redactions if span.get("value"))
    return sum(revealing.reveals(policy, span, asker.role.value) for span in spans)
