"""Receipts: the signed promise, handed out after COMMIT, that an event will be in the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from audit.event import Event
from audit.notes import b64
from audit.origin import origin, receipt_signer
from foundation.kernel.canonical import canonical
from foundation.kernel.clock import rfc3339

WITHIN = timedelta(seconds=60)


def receipt(event: Event) -> dict[str, Any]:
    """`{event_id, leaf_hash, origin, promise_by, signature}`. The signature (Ed25519, the receipt key) is over the
    canonical JSON of the other four. Call it after COMMIT only: before, the promise may be false."""
    at = datetime.fromtimestamp(event.ts // 1000, UTC) + WITHIN
    promise = {
        "event_id": str(event.id),
        "leaf_hash": b64(event.leaf_hash()),
        "origin": origin(event.tenant),
        "promise_by": rfc3339(at),
    }
    return {**promise, "signature": b64(receipt_signer().key.sign(canonical(promise)))}
