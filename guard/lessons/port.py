"""What lessons ask of whoever keeps the memories: the guard has no memory tables of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from foundation.kernel.principal import Principal
from guard.types import Path, Ref


@dataclass(frozen=True, slots=True)
class Witness:
    """A record that a lesson cites, as far as the lesson inherits from it."""

    ref: Ref
    space_id: UUID
    labels: tuple[str, ...]
    subjects: tuple[UUID, ...]
    path: Path


class Records(Protocol):
    """The keeper of memories, for the tenant in scope. Every call is made outside any transaction."""

    def pii_policy(self, principal: Principal, space_id: UUID, act: str) -> UUID | None:
        """The PII policy of a space the principal may do `act` in; raises `NotFound` or `PolicyDenied`."""

    def witnesses(self, principal: Principal, refs: Sequence[Ref]) -> list[Witness]:
        """Those of the records that exist and that the principal may read, in order."""

    def readable(self, principal: Principal, ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of the records that the principal may read now."""

    def benign(self) -> Iterator[Path]:
        """The paths of records lately admitted and still served, newest first, no source having more than its share."""


def records() -> Records:
    """The adapter in force: `settings.GUARD_RECORDS`, the dotted path of what makes one."""
    return _made(settings.GUARD_RECORDS)


@cache
def _made(path: str) -> Records:
    adapter: Records = import_string(path)()
    return adapter
