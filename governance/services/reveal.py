"""Reveal one value to one person: the door for who is not given values at reading. For a reason, audited, slowly."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from audit.acts import Act
from audit.event import Event
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Erased, FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest.throttles import Rate
from foundation.telemetry import Name
from governance import lifecycle, opening, revealing
from governance.measured import changes
from governance.models import MemCube
from governance.opening import Row
from governance.revealing import Revelation, personal, token_at
from governance.sealed import Payload, Span, seal_text
from governance.selectors import reach_cube
from guard.models import PseudonymReveal
from guard.pii.document import flatten
from guard.pii.policy import Action
from tenants import attempts
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Revealed:
    """One value with the place it stands in."""

    memory_id: UUID
    version: int
    span: Span
    token: str
    value: str = field(repr=False)
    receipt: dict[str, Any]


@changes(Name.REVEAL)
def reveal(principal: Principal, *, memory_id: UUID, token: str, reason: str) -> Revealed:
    """The value behind a token that stands in a span of the memory's current version.

    Raises `RateLimited`, `Validation` for a token that stands in none or has no way back, `Erased` when the value was
    forgotten, or what reaching the record raises.
    """
    row, held = _reach(principal, memory_id)
    _spend(principal)
    secrets = keys.open_many([row.version.id, *held.key_ids])
    if row.version.id not in secrets:
        raise Erased
    payload = opening.payload_of(row, secrets[row.version.id])
    span = _span(payload, token)
    value = held.values(row.version.id, secrets).get(span.get("value", ""))
    if value is None:
        raise Erased("The value behind this token was forgotten.")
    event = _tell(principal, row, span, reason, secrets[row.version.id])
    return Revealed(memory_id, row.version.number, span, token, value, receipt(event))


def _reach(principal: Principal, memory_id: UUID) -> tuple[Row, Revelation]:
    with tenant_transaction(snapshot=True):
        cube = reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_REVEAL)
        (row,) = opening.rows([(cube.id, None)]) or _gone()
        return row, revealing.whole([row.version])


def _gone() -> list[Row]:
    raise Erased


def _spend(principal: Principal) -> None:
    """Every attempt counts, the vain ones too: tokens cannot be tried out."""
    burst, per_minute = settings.REVEAL_RATE
    told = "Values are revealed one at a time, and slowly."
    attempts.spend("reveal", str(principal.id), Rate(burst, per_minute / 60), told=told)


def _span(payload: Payload, token: str) -> Span:
    """The first span in which the token stands; a span that has a way back before one that has none."""
    texts = flatten(personal(payload))
    found = [span for span in payload.redactions if token_at(texts, span) == token.strip("<>")]
    if not found:
        raise Validation(errors=[FieldError("/token", "unknown", "It stands in no redaction of this memory.")])
    reversible = [span for span in found if span["action"] == Action.PSEUDONYMISE]
    if not reversible:
        raise Validation(errors=[FieldError("/token", "irreversible", "Nothing keeps the way back.")])
    return next((span for span in reversible if "value" in span), reversible[0])


def _tell(principal: Principal, row: Row, span: Span, reason: str, secret: bytes) -> Event:
    """Write down who was shown what kind of value, and why, before it is answered. The reason may name a person, so it
    dies with the version."""
    with tenant_transaction():
        cube = reach_cube(principal, lifecycle.lock(row.cube.id), Act.MEMORY_REVEAL)
        target = Target("memory", cube.id, row.version.number)
        detail = {"entity": span["type"], "revealed": 1}
        event = record(principal, Act.MEMORY_REVEAL, target=target, policy=POLICY, detail=detail)
        why = seal_text(secret, f"reveal:{event.id}:reason", reason)
        told = PseudonymReveal(id=event.id, holder_id=row.version.id, principal_id=principal.id, sealed_reason=why)
        told.save(force_insert=True)
    return event
