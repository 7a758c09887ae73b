"""The PII policy: what is done with what is found, by entity and by JSON path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from guard.pii.entities import Entity


class Mode(StrEnum):
    """`strict` covers whatever any recogniser suspects; `balanced` wants context or confidence, and is cheaper."""

    STRICT = "strict"
    BALANCED = "balanced"


class Action(StrEnum):
    """What happens to a finding."""

    REDACT = "redact"  # <CARD>: gone
    MASK = "mask"  # all but the last four signs of long numbers
    PSEUDONYMISE = "pseudonymise"  # <PERSON_k3f9x2mq7a>: the same for the same value in one tenant; may be revealed
    HASH = "hash"  # <PERSON:0123456789abcdef>: keyed, never revealed
    KEEP = "keep"
    REJECT = "reject"  # the whole memory is refused


# Where findings overlap, the strictest action of them holds for the whole.
_STRICTNESS = (Action.KEEP, Action.PSEUDONYMISE, Action.HASH, Action.MASK, Action.REDACT, Action.REJECT)


def strictest(actions: Iterable[Action]) -> Action:
    return max(actions, key=_STRICTNESS.index)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy. No entity: every entity; no path: everywhere; a path covers what lies below it.

    `reveal_to` names the roles that are given the values back at reading; only a pseudonym can be revealed.
    """

    action: Action
    entity: Entity | None = None
    path: str | None = None
    reveal_to: tuple[str, ...] = ()

    def matches(self, entity: Entity, path: str) -> bool:
        return self.entity in (None, entity) and (self.path is None or _covers(self.path, path))

    @property
    def rank(self) -> tuple[bool, int, int]:
        """How specific: one that names the entity beats one that does not, then the longer path, then the stricter."""
        depth = 0 if self.path is None else 1 + self.path.rstrip("/").count("/")
        return (self.entity is not None, depth, _STRICTNESS.index(self.action))

    def as_json(self) -> dict[str, Any]:
        entity = self.entity.value if self.entity else None
        return {
            "entity": entity,
            "path": self.path,
            "action": self.action.value,
            "reveal_to": list(self.reveal_to),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Rule:
        """Raises ValueError on an unknown entity or action."""
        entity = body.get("entity")
        return cls(
            Action(body["action"]),
            Entity(entity) if entity else None,
            body.get("path"),
            tuple(body.get("reveal_to", ())),
        )


@dataclass(frozen=True, slots=True)
class PiiPolicy:
    """One version of one tenant's policy, as the redactor applies it."""

    name: str
    version: int
    mode: Mode
    default_action: Action
    rules: tuple[Rule, ...] = ()

    @property
    def ref(self) -> str:
        """`name@version`, as decisions cite it."""
        return f"{self.name}@{self.version}"

    def action(self, entity: Entity, path: str) -> Action:
        """The action for a finding. A secret is redacted (or its memory refused) whatever the policy says."""
        rule = self.rule(entity, path)
        action = rule.action if rule else self.default_action
        if entity is Entity.SECRET and action is not Action.REJECT:
            return Action.REDACT
        return action

    def reveals(self, entity: Entity, path: str, role: str) -> bool:
        """Whether this role is given the value back at reading."""
        rule = self.rule(entity, path)
        return rule is not None and self.action(entity, path) is Action.PSEUDONYMISE and role in rule.reveal_to

    def revealed_to(self, role: str) -> frozenset[Entity]:
        """The kinds of which some value, somewhere, may be given back to this role."""
        named = (rule for rule in self.rules if role in rule.reveal_to)
        return frozenset(entity for rule in named for entity in ([rule.entity] if rule.entity else Entity))

    def rule(self, entity: Entity, path: str) -> Rule | None:
        """The most specific rule that matches, if any."""
        matching = [rule for rule in self.rules if rule.matches(entity, path)]
        return max(matching, key=lambda rule: rule.rank, default=None)

    @property
    def keeps_all(self) -> bool:
        """The policy *keep*: nothing but secrets is looked for, so the models need not run."""
        return self.default_action is Action.KEEP and all(rule.action is Action.KEEP for rule in self.rules)


def _covers(prefix: str, path: str) -> bool:
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")


_REVEALED = (
    Entity.PERSON,
    Entity.LOCATION,
    Entity.ADDRESS,
    Entity.DATE_OF_BIRTH,
    Entity.EMAIL,
    Entity.PHONE,
    Entity.IP_ADDRESS,
    Entity.HANDLE,
    Entity.URL,
)
_GONE = (
    Entity.SECRET,
    Entity.CARD,
    Entity.BANK_ACCOUNT,
    Entity.NATIONAL_ID,
    Entity.PASSPORT,
    Entity.DRIVER_LICENCE,
)
DEFAULT = PiiPolicy(
    "default",
    1,
    Mode.STRICT,
    Action.PSEUDONYMISE,
    (
        *(Rule(Action.PSEUDONYMISE, entity, reveal_to=("agent",)) for entity in _REVEALED),
        *(Rule(Action.REDACT, entity) for entity in _GONE),
    ),
)
KEEP = PiiPolicy("keep", 1, Mode.BALANCED, Action.KEEP)
