"""What a PII policy would do to what was admitted lately: counts, and never a word of any memory."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import PiiBlocked
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance import lifecycle, opening, revealing
from governance.models import Admission
from governance.opening import Memory
from governance.sealed import Payload, Span
from governance.selectors import reach_space, readable
from guard.pii.document import NAME, flatten
from guard.pii.entities import Entity
from guard.pii.policy import PiiPolicy
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable, Redaction
from guard.pii.restoring import restored_offsets, restored_path
from tenants.policy import may
from tenants.roles import POLICY

NOT_FOUND = "none"
"""What happens to what the pass does not find."""

Place = tuple[str, int, int]
"""A stretch of the text as it was submitted: path, start, end."""


@dataclass(slots=True)
class Simulation:
    """Counts. `transitions`: (entity, action now, action then) → how many places. `irreversible`: places that the draft
    would treat otherwise, whose value is gone. `unread`: memories the pass did not finish, so they would be held."""

    examined: int = 0
    changed: int = 0
    rejected: int = 0
    unread: int = 0
    irreversible: int = 0
    transitions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    receipt: dict[str, Any] = field(default_factory=dict)

    def add(self, memory: Memory, values: dict[str, str], outcome: Any, draft: PiiPolicy) -> None:
        """Count one memory, of which `outcome` is what the pass made of it under the draft."""
        self.examined += 1
        if isinstance(outcome, PiiBlocked):
            self.rejected += 1
        elif isinstance(outcome, PiiUnavailable):
            self.unread += 1
        else:
            found = Counter(_transitions(memory.payload, values, outcome))
            self.transitions += found
            self.changed += any(now != then for _, now, then in found)
            self.irreversible += _irreversible(memory.payload, values, draft)


def simulate_policy(
    principal: Principal, *, draft: PiiPolicy, policy_id: UUID | None = None, space_id: UUID | None, limit: int
) -> Simulation:
    """Put the newest `limit` admissions within reach, as they were submitted as far as that is known, through the PII
    pass under `draft`. Nothing is kept, and nothing but counts leaves."""
    memories, values = _recent(principal, space_id, limit)
    texts = [
        flatten(revealing.personal(revealing.with_values(each.payload, values[each.version.id]))) for each in memories
    ]
    outcomes = redactor().redact_many(texts, draft, key=keys.named("pseudonym")) if texts else []
    told = Simulation()
    for memory, outcome in zip(memories, outcomes, strict=True):
        told.add(memory, values[memory.version.id], outcome, draft)
    with tenant_transaction():
        target = Target("pii_policy", policy_id) if policy_id else None
        event = record(principal, Act.POLICY_READ, target=target, policy=POLICY, detail={"simulated": told.examined})
    told.receipt = receipt(event)
    return told


def _recent(principal: Principal, space_id: UUID | None, limit: int) -> tuple[list[Memory], dict[UUID, dict[str, str]]]:
    if space_id is None:
        may(principal, Act.POLICY_READ)
    else:
        reach_space(principal, space_id, Act.POLICY_READ)
    with tenant_transaction(snapshot=True):
        found = opening.rows(_places(principal, space_id, limit))
        whole = revealing.whole(row.version for row in found)
    memories = opening.unseal_existing(found, whole)
    secrets = keys.open_many(whole.key_ids)
    return memories, {row.version.id: whole.values(row.version.id, secrets) for row in found}


def _places(principal: Principal, space_id: UUID | None, limit: int) -> list[tuple[UUID, int]]:
    served = readable(principal).filter(state__in=lifecycle.SERVED)
    served = served.filter(space_id=space_id) if space_id else served
    admitted = Admission.objects.filter(state__in=(Admission.State.ADMITTED, Admission.State.APPROVED))
    newest = admitted.filter(memcube_id__in=served.values("id")).order_by("-id")[:limit]
    return [(cube_id, number) for cube_id, number in newest.values_list("memcube_id", "version")]


def _transitions(payload: Payload, values: dict[str, str], then: Redaction) -> list[tuple[str, str, str]]:
    """For each place that is or would be covered: its entity, what was done, what would be done. What is gone is not
    found again and is left out."""
    would = [((old.path, old.start, old.end), span) for old, span in zip(then.originals, then.spans, strict=True)]
    told, met = [], set()
    for place, span in _now(payload, values):
        overlapping = [number for number, (other, _) in enumerate(would) if _overlap(place, other)]
        met.update(overlapping)
        if span.get("value") in values:
            after = would[overlapping[0]][1].action.value if overlapping else NOT_FOUND
            told.append((span["type"], span["action"], after))
    new = (span for number, (_, span) in enumerate(would) if number not in met)
    return told + [(span.type.value, NOT_FOUND, span.action.value) for span in new]


def _now(payload: Payload, values: dict[str, str]) -> list[tuple[Place, Span]]:
    """The stored spans with where they stand in the text as it was submitted."""
    placed = revealing.placed_in(payload, values)
    by_path: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(payload.redactions, key=lambda span: int(span["start"])):
        by_path[span["path"]].append(span)
    return [
        ((restored_path(path, placed), start, end), span)
        for path, spans in by_path.items()
        for span, (start, end) in zip(spans, _offsets(spans, values), strict=True)
    ]


def _offsets(spans: Sequence[Span], values: dict[str, str]) -> list[tuple[int, int]]:
    stored = [(span["start"], span["end"]) for span in spans]
    return restored_offsets(stored, [values.get(span.get("value", "")) for span in spans])


def _irreversible(payload: Payload, values: dict[str, str], draft: PiiPolicy) -> int:
    gone = (span for span in payload.redactions if span.get("value") not in values)
    return sum(_action(draft, span) != span["action"] for span in gone)


def _action(draft: PiiPolicy, span: Span) -> str:
    return draft.action(Entity(span["type"]), str(span["path"]).removesuffix(NAME)).value


def _overlap(one: Place, other: Place) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]
