"""The pseudonym vault: what stands behind a token, each spelling sealed under a key of its own.

An admission deposits what the PII pass replaced by pseudonyms, and nothing else: what is redacted, masked, hashed or
secret has no way back. A value is kept as long as a version uses it and every subject who owns its identifier is
remembered; then its key is destroyed. Whoever submits it later starts anew: old tokens stay tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError

from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Unavailable
from foundation.kernel.rows import byteas, execute_binary, insert, insert_together, texts, uuids
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed, seal
from guard.models import PseudonymOwner, PseudonymReveal, PseudonymUse, PseudonymValue
from guard.pii.entities import Entity
from guard.pii.port import Original

_ENTRUSTED = """SELECT u.holder_id, v.id, encode(v.lookup, 'hex'), encode(v.identifier, 'hex'), v.entity, v.sealed
FROM guard_pseudonymuse u JOIN guard_pseudonymvalue v ON v.tenant_id = u.tenant_id AND v.id = u.value_id
WHERE u.tenant_id = %s AND u.holder_id = ANY(%s::uuid[]) AND v.entity = ANY(%s::text[]) AND v.doomed_at IS NULL"""
_KNOWN = """SELECT encode(lookup, 'hex'), id FROM guard_pseudonymvalue
WHERE tenant_id = %s AND lookup = ANY(%s::bytea[])"""
UNOWNED = frozenset({Entity.LOCATION})
"""A city is nobody's: it dies with the last version that names it, not with everyone who was ever there."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one new version's spans replaced, in the order of its spans, and whom its record is about."""

    holder_id: UUID
    subjects: tuple[UUID, ...]
    shard_of: UUID
    originals: Sequence[Original] = field(repr=False)


class Entrusted(NamedTuple):
    """One value that a version uses, still sealed. `lookup` is how the version's spans name it. A tuple, for a page of
    memories has hundreds."""

    holder_id: UUID
    value_id: UUID
    lookup: str
    identifier: str
    entity: str
    sealed: bytes

    def open(self, secret: bytes) -> str:
        """The value; raises `Integrity` if the row was changed or moved."""
        return open_sealed(secret, _aad(self.value_id, self.entity, self.lookup, self.identifier), self.sealed).decode()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One spelling of a batch. `fresh`: the vault did not know it, so a key is to be made under `id`."""

    id: UUID
    original: Original = field(repr=False)
    lookup: str
    identifier: str
    first: Holding
    fresh: bool

    @property
    def entity(self) -> Entity:
        return entity_of(self.original.token or "")

    def row(self, secret: bytes) -> PseudonymValue:
        sealed = seal(secret, _aad(self.id, self.entity, self.lookup, self.identifier), _bytes(self.original))
        lookup, identifier = bytes.fromhex(self.lookup), bytes.fromhex(self.identifier)
        return PseudonymValue(id=self.id, lookup=lookup, identifier=identifier, entity=self.entity.value, sealed=sealed)


@dataclass(frozen=True, slots=True)
class Deposit:
    """The values of a batch of admissions on their way into the vault: make `new_keys`, then `insert`."""

    holdings: tuple[Holding, ...] = ()
    references: Mapping[UUID, tuple[str | None, ...]] = field(default_factory=dict)
    entries: Mapping[str, _Entry] = field(default_factory=dict, repr=False)

    @property
    def new_keys(self) -> list[keys.NewKey]:
        """Keys to be made together with those of the versions, before the data transaction."""
        fresh = [entry for entry in self.entries.values() if entry.fresh]
        return [keys.NewKey("pseudonym", each.id, each.first.shard_of, each.first.subjects) for each in fresh]

    def references_of(self, holder_id: UUID) -> tuple[str | None, ...]:
        """For each span of the version, how its value is found; None for what is not in the vault."""
        return self.references.get(holder_id, ())

    def insert(self, secrets: Mapping[UUID, bytes]) -> None:
        """Write the values, their uses and owners (in the data transaction). Of two admissions of one new value the
        first wins, and the other's key is swept. Raises `Unavailable` if a known value was forgotten meanwhile."""
        if not self.entries:
            return
        fresh = sorted((each for each in self.entries.values() if each.fresh), key=lambda each: each.lookup)
        insert([each.row(secrets[each.id]) for each in fresh], ignore_conflicts=True)
        ids = {each.lookup: each.id for each in self.entries.values()}
        if fresh:
            ids |= known(each.lookup for each in fresh)
        self._link(ids)
        # The uses' foreign keys now lock the values' rows: an erasure waits until this transaction ends.
        if known(ids) != ids:
            raise _forgotten()

    def _link(self, ids: Mapping[str, UUID]) -> None:
        used = {(ids[ref], each.holder_id) for each in self.holdings for ref in self.references[each.holder_id] if ref}
        owned = {
            (ids[ref], subject)
            for each in self.holdings
            for ref in self.references[each.holder_id]
            if ref and self.entries[ref].entity not in UNOWNED
            for subject in each.subjects
        }
        uses = [PseudonymUse(value_id=value, holder_id=holder) for value, holder in sorted(used)]
        owners = [PseudonymOwner(value_id=value, subject_id=subject) for value, subject in sorted(owned)]
        try:
            insert_together(uses, unless_there=owners)
        except IntegrityError as gone:  # its row is not even there any more; the transaction is undone
            raise _forgotten() from gone


def _forgotten() -> Unavailable:
    return Unavailable("A value was forgotten meanwhile.", retry_after=1)


def prepare(holdings: Iterable[Holding]) -> Deposit:
    """Which of the values the vault knows already, and new ids for the others. Outside any transaction."""
    wanted = tuple(each for each in holdings if any(original.value for original in each.originals))
    if not wanted:
        return Deposit()
    mac = keys.named("lookup")
    references = {each.holder_id: tuple(_lookup(mac, original) for original in each.originals) for each in wanted}
    with tenant_transaction():
        ids = known(ref for refs in references.values() for ref in refs if ref)
    entries: dict[str, _Entry] = {}
    for each in wanted:
        for ref, original in zip(references[each.holder_id], each.originals, strict=True):
            if ref and ref not in entries:
                entries[ref] = _Entry(
                    ids.get(ref) or uuid7(), original, ref, _identifier(mac, original), each, ref not in ids
                )
    return Deposit(wanted, references, entries)


def known(lookups: Iterable[str]) -> dict[str, UUID]:
    """The ids of the values that stand under these hashes (inside a transaction)."""
    wanted = byteas(bytes.fromhex(each) for each in set(lookups))
    return dict(execute_binary(_KNOWN, [current_tenant(), wanted]))


def entrusted(holders: Collection[UUID], entities: Collection[Entity] = tuple(Entity)) -> list[Entrusted]:
    """The values of these kinds that the versions use (inside a transaction)."""
    return [Entrusted(*row) for row in execute_binary(_ENTRUSTED, [current_tenant(), uuids(holders), texts(entities)])]


def owned_by(values: Sequence[Entrusted], subject_id: UUID, *, or_unowned: Collection[UUID] = ()) -> list[Entrusted]:
    """Those whose identifier the subject alone owns, in any spelling; in the holders `or_unowned`, what nobody owns too
    (inside a transaction)."""
    owners: dict[str, set[UUID]] = defaultdict(set)
    identifiers = {bytes.fromhex(each.identifier) for each in values}
    rows = PseudonymOwner.objects.filter(value__identifier__in=list(identifiers))
    for identifier, owner in rows.values_list("value__identifier", "subject_id"):
        owners[bytes(identifier).hex()].add(owner)
    return [
        each
        for each in values
        if owners[each.identifier] == {subject_id} or (not owners[each.identifier] and each.holder_id in or_unowned)
    ]


def carry(source_id: UUID, holder_id: UUID) -> None:
    """Let a version that takes up another's text use its values too (inside a transaction)."""
    values = PseudonymUse.objects.filter(holder_id=source_id).order_by("value_id").values_list("value_id", flat=True)
    PseudonymUse.objects.bulk_create([PseudonymUse(value_id=each, holder_id=holder_id) for each in values])


@dataclass(frozen=True, slots=True)
class Doomed:
    """Values whose keys must die now, and how many a legal hold on another record keeps."""

    ids: tuple[UUID, ...]
    kept: int = 0


def doom(
    holders: Collection[UUID],
    subject_id: UUID | None = None,
    *,
    held: Callable[[Collection[UUID]], Collection[UUID]] = lambda _: (),
) -> Doomed:
    """Take the versions' values out of use, and out of the vault what dies with them: what nobody else uses, and every
    spelling of what the subject owns, unless `held` (given holders, tells those under hold) keeps one.

    Needs the eraser's credentials. Idempotent: values doomed before, whose rows still stand, are told again.
    """
    with tenant_transaction(using="eraser"):
        owned = _owned(subject_id)
        used = PseudonymUse.objects.filter(holder_id__in=list(holders)).values_list("value_id", flat=True)
        rows = _locked(owned | set(used))
        others = _others(rows, holders)
        kept = _kept(owned & others.keys(), others, held)
        dead = [row for row in rows.values() if row.id not in kept and (row.id in owned or row.id not in others)]
        PseudonymUse.objects.filter(holder_id__in=list(holders)).delete()
        _unlink([row.id for row in dead])
        _unname(dead)
        standing = PseudonymValue.objects.exclude(doomed_at=None).order_by("id").values_list("id", flat=True)
        return Doomed(tuple(standing), len(kept))


def purge(ids: Collection[UUID], holders: Collection[UUID] = ()) -> None:
    """Delete doomed values, whose keys are gone, and what was said of the holders. By the eraser's role."""
    with tenant_transaction(using="eraser"):
        PseudonymReveal.objects.filter(holder_id__in=list(holders)).delete()
        _unlink(ids)
        PseudonymValue.objects.filter(id__in=list(ids)).exclude(doomed_at=None).delete()


def remains(holders: Collection[UUID], subject_id: UUID | None) -> bool:
    """Whether the vault still has anything of these versions or of the subject (inside a transaction)."""
    used = PseudonymUse.objects.filter(holder_id__in=list(holders)).exists()
    said = PseudonymReveal.objects.filter(holder_id__in=list(holders)).exists()
    return used or said or (subject_id is not None and PseudonymOwner.objects.filter(subject_id=subject_id).exists())


def known_keys(ids: Collection[UUID]) -> set[UUID]:
    """Those of the key ids that a value stands for (inside a transaction)."""
    return set(PseudonymValue.objects.filter(id__in=list(ids)).values_list("id", flat=True))


def entity_of(token: str) -> Entity:
    """The kind that a token `<PERSON_k3f9x2mq7a>` names."""
    return Entity(token.strip("<>").rpartition("_")[0])


def _owned(subject_id: UUID | None) -> set[UUID]:
    """Every spelling of every identifier that the subject owns."""
    if subject_id is None:
        return set()
    own = PseudonymOwner.objects.filter(subject_id=subject_id)
    identifiers = {bytes(each) for each in own.values_list("value__identifier", flat=True)}
    return set(PseudonymValue.objects.filter(identifier__in=list(identifiers)).values_list("id", flat=True))


def _locked(ids: Collection[UUID]) -> dict[UUID, PseudonymValue]:
    """Lock the rows: an admission that took up one of them has committed by now, or will see that it is gone."""
    rows = PseudonymValue.objects.select_for_update().filter(id__in=list(ids), doomed_at=None).order_by("id")
    return {row.id: row for row in rows}


def _others(rows: Collection[UUID], holders: Collection[UUID]) -> dict[UUID, set[UUID]]:
    uses = PseudonymUse.objects.filter(value_id__in=list(rows)).exclude(holder_id__in=list(holders))
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for value_id, holder_id in uses.values_list("value_id", "holder_id"):
        found[value_id].add(holder_id)
    return dict(found)


def _kept(
    owned: Collection[UUID],
    others: Mapping[UUID, set[UUID]],
    held: Callable[[Collection[UUID]], Collection[UUID]],
) -> set[UUID]:
    if not owned:
        return set()
    under_hold = set(held({holder for value in owned for holder in others[value]}))
    return {value for value in owned if others[value] & under_hold}


def _unlink(ids: Collection[UUID]) -> None:
    PseudonymUse.objects.filter(value_id__in=list(ids)).delete()
    PseudonymOwner.objects.filter(value_id__in=list(ids)).delete()


def _unname(dead: Sequence[PseudonymValue]) -> None:
    """From here on the value is unknown: whoever admits it makes a new row and key, whatever becomes of this one."""
    for row in dead:
        row.lookup, row.identifier, row.sealed, row.doomed_at = os.urandom(16), os.urandom(16), b"", now()
    PseudonymValue.objects.bulk_update(dead, ["lookup", "identifier", "sealed", "doomed_at"])


def _lookup(mac: bytes, original: Original) -> str | None:
    return _hash(mac, "spelling", original.token, original.value) if original.value else None


def _identifier(mac: bytes, original: Original) -> str:
    return _hash(mac, "identifier", original.token)


def _hash(mac: bytes, *parts: str | None) -> str:
    message = "\0".join(("pseudonym", *(part or "" for part in parts)))
    return hmac.digest(mac, message.encode("utf-8", "surrogatepass"), hashlib.sha256)[:16].hex()


def _bytes(original: Original) -> bytes:
    return (original.value or "").encode()


def _aad(value_id: UUID, entity: str, lookup: str, identifier: str) -> bytes:
    """Ids, a closed word and hex digits: no part can hold the colon between them."""
    return f"pseudonym:{current_tenant()}:{value_id}:{entity}:{lookup}:{identifier}".encode()
