"""What a person may teach: their words cleared of personal data and of orders, their pattern put as patterns are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, Unavailable, Validation
from foundation.keyring import keys
from guard.lessons.pattern import Family, Pattern, distil, named, outline
from guard.lessons.port import Witness, records
from guard.lessons.wording import Body
from guard.pii.policy import Action, Mode, PiiPolicy
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable
from guard.services.judge import judge
from guard.types import Candidate, Decision, Effect, Evidence, Path, Ref, Shape, ValueKind
from tenants.policy import ACL

POLICY = PiiPolicy("lesson", 1, Mode.STRICT, Action.REDACT)
"""A lesson is about a kind of thing, never about someone: whatever is found of a person is gone for good."""
PARTS = ("title", "when", "advice")


@dataclass(frozen=True, slots=True)
class Told:
    """A pattern as a person states it: names in clear, which are hashed before anything is kept."""

    effect: Effect = Effect.NONE
    functions: tuple[str, ...] = ()
    slots: tuple[ValueKind, ...] = ()
    shape: Shape | None = None

    def pattern(self, key: bytes) -> Pattern:
        return Pattern(self.shape, self.effect, named(self.functions, key), tuple(sorted(set(self.slots))))


def cleared(body: Body) -> Body:
    """The text without personal data. Raises `Unavailable` where that cannot be vouched for, `Validation` for orders
    to the model, hidden characters and the like: what agents are told to heed must not be a way to command them."""
    document = {f"/{part}": text for part, text in body.to_dict().items()}
    try:
        texts = redactor().redact(document, POLICY, key=keys.named("pseudonym")).texts
    except PiiUnavailable:
        raise Unavailable("The text could not be cleared of personal data.", retry_after=10) from None
    clean = Body(*(texts[f"/{part}"] for part in PARTS))
    errors = [FieldError(f"/{part}", "directive", "A lesson may not give orders.") for part in _orders(clean)]
    if errors:
        raise Validation(errors=errors)
    return clean


def cited(principal: Principal, space_id: UUID, refs: Sequence[Ref]) -> list[Witness]:
    """The records cited, all readable and in the lesson's space; raises `Validation`: nothing tells which exist."""
    found = {witness.ref: witness for witness in records().witnesses(principal, refs)} if refs else {}
    errors = [
        FieldError(f"/evidence/{place}", "unknown", "There is no such record in this space.")
        for place, ref in enumerate(refs)
        if ref not in found or found[ref].space_id != space_id
    ]
    if errors:
        raise Validation(errors=errors)
    return [found[ref] for ref in refs]


def labels_of(given: Collection[str], witnesses: Iterable[Witness]) -> list[str]:
    """The labels a lesson carries: those of all its evidence. Whom one record shuts out, the lesson shuts out: of the
    `acl:` labels only those are left that every restricted one names; if none is, it is the admin's alone."""
    every = [frozenset(given), *(frozenset(witness.labels) for witness in witnesses)]
    bounds = [acl for labels in every if (acl := frozenset(each for each in labels if each.startswith(ACL)))]
    allowed = frozenset.intersection(*bounds) or frozenset({f"{ACL}admin"}) if bounds else frozenset()
    return sorted({each for labels in every for each in labels if not each.startswith(ACL)} | allowed)


def pattern_from(told: Told | None, paths: Sequence[Path], family: Family) -> Pattern:
    """The pattern as it was stated, else what the evidence shows of one, else an empty one."""
    key = keys.named("lookup")
    if told is not None:
        return told.pattern(key)
    acting = next((path for path in paths if path.functions), None)
    if acting is not None:
        return outline(acting, key)
    shown = (distil(path, family, key) for path in paths[:1])
    return next((pattern for pattern in shown if pattern), Pattern())


def _orders(body: Body) -> list[str]:
    return [part for part, text in body.to_dict().items() if _refused(text)]


def _refused(text: str) -> bool:
    verdict = judge(Candidate(content=text, source="lesson", source_type="document"), Evidence())
    return verdict.decision is Decision.REJECT or "encoded-directive" in verdict.reasons


def described(fields: dict[str, Any]) -> Body:
    return Body(*(fields[part] for part in PARTS))
