"""What orders that are planned first have in common: how long a plan holds, and when it may go on."""

from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.problems import AlreadyDecided, NotFound, PlanExpired
from governance.models import ErasureRequest
from governance.rollbacks.models import Rollback

PLAN_LIFE = timedelta(hours=24)
Order = TypeVar("Order", ErasureRequest, Rollback)


def lock_plan(model: type[Order], order_id: UUID, states: tuple[str, ...]) -> Order:
    """The order, locked, if it is in one of `states` and has not expired. Raises `NotFound`, `AlreadyDecided`,
    `PlanExpired`."""
    order: Order | None = model.objects.select_for_update().filter(id=order_id).first()
    if order is None:
        raise NotFound
    if order.state not in states:
        raise AlreadyDecided
    if order.expires_at <= now():
        raise PlanExpired
    return order
