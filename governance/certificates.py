"""Certificates of erasure: what was done, how certain that is, and what is not covered. Never above the evidence."""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.event import Event
from audit.selectors import inclusion
from audit.services.certify import certify
from audit.services.record import Target, record
from foundation.kernel.canonical import canonical
from foundation.kernel.clock import now, rfc3339
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from foundation.keyring.kms import Assurance
from foundation.search.models import Generation, Swap
from governance.models import Certificate, ErasureItem, ErasureRequest
from governance.retention.keeping import Keeping

INDEX_KEY = "the pseudonymised search index of earlier backups, until it is re-keyed"
NOT_COVERED = (
    "copies that clients made of what they read",
    "remnants on storage media that keep overwritten blocks, such as SSDs",
    INDEX_KEY,
)


def issue(
    request: ErasureRequest,
    items: Sequence[ErasureItem],
    destruction: keys.Destruction,
    destroyed: Event,
    *,
    values_held: int = 0,
    exempted: Collection[Keeping] = (),
) -> Certificate:
    """Sign and keep a certificate for what the request has destroyed so far (inside a transaction). `destroyed` is the
    event that tells of the keys' destruction; `values_held` counts the subject's identifiers that a hold on another
    record keeps; `exempted` tells the minima that keep records back."""
    certificate_id = uuid7()
    principal = Principal.system(current_tenant())
    event = record(principal, Act.CERTIFICATE_ISSUE, target=Target("certificate", certificate_id, None))
    event_ids = [destroyed.id, event.id]
    body = _body(certificate_id, request, items, destruction, event_ids)
    body |= {"identifiers_held": values_held, "exemptions": _exemptions(exempted)}
    return _signed(certificate_id, request, body, event_ids)


def rekeyed(swap: Swap, destruction: keys.Destruction, destroyed: Event) -> int:
    """The index key under which what was erased stood is gone: give every erasure that was done before the new
    generation began a certificate that says so, in the place of its last one. Idempotent; returns how many there were.

    `destruction` is the evidence, and nothing above it is claimed.
    """
    if destruction.assurance == Assurance.A0:
        return 0
    with tenant_transaction():
        waiting = list(_waiting_for(swap).values_list("id", flat=True))
    return sum(_renew(request_id, swap, destruction, destroyed) for request_id in waiting)


def _waiting_for(swap: Swap) -> Any:
    """Erasures whose records were never written to the new generation (inside a transaction)."""
    ended = (ErasureRequest.State.DONE, ErasureRequest.State.PARTIAL)
    requests = ErasureRequest.objects.filter(state__in=ended, index_assurance=Assurance.A0.name)
    before = requests.filter(finished_at__lte=swap.begun_at)
    owed_again = Generation.objects.filter(number=swap.new).values_list("owed_since", flat=True).first()
    return before.filter(finished_at__lt=owed_again) if owed_again else before


def _renew(request_id: UUID, swap: Swap, destruction: keys.Destruction, destroyed: Event) -> bool:
    certificate_id, principal = uuid7(), Principal.system(current_tenant())
    with tenant_transaction():
        request = ErasureRequest.objects.select_for_update().get(id=request_id)
        last = Certificate.objects.filter(id=request.certificate_id).first()
        if last is None or request.index_assurance != Assurance.A0.name:
            return False
        event = record(principal, Act.CERTIFICATE_ISSUE, target=Target("certificate", certificate_id, None))
        event_ids = [*last.event_ids, destroyed.id, event.id]
        body = _renewed(last, certificate_id, swap, destruction, event_ids)
        request.index_assurance, request.certificate_id = destruction.assurance, certificate_id
        request.save(force_update=True)
        _signed(certificate_id, request, body, event_ids)
    return True


def _renewed(
    last: Certificate, certificate_id: UUID, swap: Swap, destruction: keys.Destruction, event_ids: Sequence[UUID]
) -> dict[str, Any]:
    """All that the last certificate said, and what is true of the index by now."""
    body: dict[str, Any] = json.loads(bytes(last.signed))["certificate"]
    complete = destruction.assurance >= Assurance.A2
    return body | {
        "id": str(certificate_id),
        "supersedes": str(last.id),
        "issued_at": rfc3339(now()),
        "index_assurance": destruction.assurance,
        "index_key_destruction": [_evidence(shard) for shard in destruction.shards],
        "index_generation": {"destroyed": swap.old, "present": swap.new},
        "not_covered": [line for line in body["not_covered"] if not (complete and line == INDEX_KEY)],
        "events": [str(event_id) for event_id in event_ids],
    }


def _signed(
    certificate_id: UUID, request: ErasureRequest, body: dict[str, Any], event_ids: Sequence[UUID]
) -> Certificate:
    signed = certify(body, [])
    certificate = Certificate(
        id=certificate_id, request_id=request.id, signed=canonical(signed), event_ids=list(event_ids)
    )
    certificate.save(force_insert=True)
    return certificate


def file_of(certificate: Certificate) -> dict[str, Any]:
    """The certificate with the log's proofs (inside a transaction); raises `NotSequenced` until there are some."""
    signed: dict[str, Any] = json.loads(bytes(certificate.signed))
    return signed | {"proofs": [inclusion(event_id).body() for event_id in certificate.event_ids]}


def _body(
    certificate_id: UUID,
    request: ErasureRequest,
    items: Sequence[ErasureItem],
    destruction: keys.Destruction,
    event_ids: Sequence[UUID],
) -> dict[str, Any]:
    steps = Counter(item.step for item in items)
    return {
        "v": 1,
        "type": "memwrit.erasure",
        "id": str(certificate_id),
        "tenant_id": str(request.tenant_id),
        "request": str(request.id),
        "basis": request.basis,
        "requested_at": rfc3339(request.created_at),
        "issued_at": rfc3339(now()),
        "subject_commitment": request.subject_commitment
        and base64.b64encode(bytes(request.subject_commitment)).decode(),
        "counts": dict(request.counts),
        "erased": steps[ErasureItem.Step.PURGED],
        "held": steps[ErasureItem.Step.HELD],
        "awaiting_deadline": steps[ErasureItem.Step.PLANNED] + steps[ErasureItem.Step.FROZEN],
        "exempted": steps[ErasureItem.Step.RETAINED],
        "records": sorted(str(item.memcube_id) for item in items if item.step == ErasureItem.Step.PURGED),
        "key_destruction": [_evidence(shard) for shard in destruction.shards],
        "assurance": destruction.assurance,
        # By then no process holds one of the keys open any more; reads are refused from the freeze on.
        "caches_end_at": rfc3339(destruction.caches_end_at),
        "index_assurance": request.index_assurance,
        "backup_horizon": None,
        "probe": {"result": "nothing found", "stores": ["records", "versions", "index", "vault"]},
        "not_covered": list(NOT_COVERED),
        "events": [str(event_id) for event_id in event_ids],
    }


def _exemptions(exempted: Collection[Keeping]) -> list[dict[str, Any]]:
    """By which version of which policy how many records are kept, and until when the last of them is."""
    found: dict[tuple[str, int], list[datetime]] = defaultdict(list)
    for each in exempted:
        found[str(each.policy_id), each.version].append(each.until)
    return [
        {"policy": policy, "version": version, "records": len(ends), "until": rfc3339(max(ends))}
        for (policy, version), ends in sorted(found.items())
    ]


def _evidence(shard: Any) -> dict[str, Any]:
    return {
        "shard": shard.shard,
        "old_epoch": shard.old_epoch,
        "new_epoch": shard.new_epoch,
        "survivors": shard.survivors,
        "destroyed_at": rfc3339(shard.destroyed_at),
    }
