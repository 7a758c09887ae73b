"""A retention policy: which records are kept at least how long, and at most how long."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from governance.retention.ages import Age


class Kept(Protocol):
    """What a policy looks at of a record."""

    space_id: UUID
    kind: str
    labels: Any
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy. No kind: every kind; no label: whatever its labels; no space: wherever the policy is named.

    Ages count from when the record was made; a revision does not make it younger.
    """

    minimum: Age | None = None
    maximum: Age | None = None
    kind: str | None = None
    label: str | None = None
    space: UUID | None = None

    def covers(self, record: Kept) -> bool:
        return (
            self.kind in (None, record.kind)
            and self.space in (None, record.space_id)
            and (self.label is None or self.label in record.labels)
        )

    @property
    def selector(self) -> tuple[str | None, str | None, UUID | None]:
        return self.kind, self.label, self.space

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "label": self.label,
            "space": str(self.space) if self.space else None,
            "minimum": str(self.minimum) if self.minimum else None,
            "maximum": str(self.maximum) if self.maximum else None,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Rule:
        """Raises ValueError on what is no age or no id."""
        minimum, maximum = (body.get(name) for name in ("minimum", "maximum"))
        return cls(
            Age.parse(minimum) if minimum else None,
            Age.parse(maximum) if maximum else None,
            body.get("kind"),
            body.get("label"),
            UUID(str(body["space"])) if body.get("space") else None,
        )


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """A version of a policy. Every rule that covers a record holds for it: the longest minimum, the shortest maximum;
    where the two meet, the minimum. So a further rule never takes away what another one keeps."""

    id: UUID
    name: str
    version: int
    rules: tuple[Rule, ...] = ()

    def covering(self, record: Kept) -> Iterator[Rule]:
        return (rule for rule in self.rules if rule.covers(record))

    def kept_until(self, record: Kept) -> datetime | None:
        """When the record's minimum has passed; None where it has none."""
        ends = (rule.minimum.after(record.created_at) for rule in self.covering(record) if rule.minimum)
        return max(ends, default=None)

    def over_at(self, record: Kept) -> datetime | None:
        """When the record's maximum is reached; None where it has none."""
        ends = (rule.maximum.after(record.created_at) for rule in self.covering(record) if rule.maximum)
        return min(ends, default=None)

    def within(self, space_id: UUID) -> tuple[Rule, ...]:
        """The rules that may cover something in this space."""
        return tuple(rule for rule in self.rules if rule.space in (None, space_id))


def said(rules: Collection[Rule]) -> dict[str, str]:
    """What rules say, one line each by what it is said of: two versions differ where these do."""
    return {_about(rule): _ages(rule) for rule in rules}


def _about(rule: Rule) -> str:
    parts = [rule.kind or "every kind"]
    parts += [f"labelled {rule.label}"] if rule.label else []
    parts += [f"in space {rule.space}"] if rule.space else []
    return ", ".join(parts)


def _ages(rule: Rule) -> str:
    parts = [f"at least {rule.minimum}"] if rule.minimum else []
    parts += [f"at most {rule.maximum}"] if rule.maximum else []
    return ", ".join(parts)
