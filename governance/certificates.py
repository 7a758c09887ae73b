"""Certificates of erasure: what was done, how certain that is, and what is not covered. Never above the evidence."""

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.canonical import canonical
from foundation.kernel.clock import now, rfc3339
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant
from foundation.keyring import keys
from foundation.keyring.signing import signing_key
from governance.models import Certificate, ErasureItem, ErasureRequest

NOT_COVERED = (
    "copies that clients made of what they read",
    "remnants on storage media that keep overwritten blocks, such as SSDs",
    "the pseudonymised search index of earlier backups, until it is re-keyed",
)


def issue(request: ErasureRequest, items: Sequence[ErasureItem], destruction: keys.Destruction) -> Certificate:
    """Sign and keep a certificate for what the request has destroyed so far (inside a transaction)."""
    certificate_id = uuid7()
    body = canonical(_body(certificate_id, request, items, destruction))
    principal = Principal.system(current_tenant())
    event = record(principal, Act.CERTIFICATE_ISSUE, target=Target("certificate", certificate_id, None))
    signature = signing_key("certificate").sign(body)
    certificate = Certificate(
        id=certificate_id, request_id=request.id, body=body, signature=signature, issued_event_id=event.id
    )
    certificate.save(force_insert=True)
    return certificate


def _body(
    certificate_id: UUID, request: ErasureRequest, items: Sequence[ErasureItem], destruction: keys.Destruction
) -> dict[str, Any]:
    steps = Counter(item.step for item in items)
    return {
        "v": 1,
        "type": "memwrit.erasure",
        "id": str(certificate_id),
        "tenant": str(request.tenant_id),
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
        "exempted": 0,
        "records": sorted(str(item.memcube_id) for item in items if item.step == ErasureItem.Step.PURGED),
        "key_destruction": [_evidence(shard) for shard in destruction.shards],
        "assurance": destruction.assurance,
        "index_assurance": request.index_assurance,
        "backup_horizon": None,
        "probe": {"result": "nothing found", "stores": ["records", "versions", "index"]},
        "not_covered": list(NOT_COVERED),
    }


def _evidence(shard: Any) -> dict[str, Any]:
    return {
        "shard": shard.shard,
        "old_epoch": shard.old_epoch,
        "new_epoch": shard.new_epoch,
        "survivors": shard.survivors,
        "destroyed_at": rfc3339(shard.destroyed_at),
    }
