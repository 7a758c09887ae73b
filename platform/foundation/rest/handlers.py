"""Work owed by the idempotency keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foundation.kernel.outbox import handles
from foundation.rest import idempotency


@handles(idempotency.FORGET)
def forget_days(refs: Sequence[dict[str, Any]]) -> None:
    for day in sorted({ref["day"] for ref in refs}):
        idempotency.forget_day(day)
