"""Withdrawing a record: how it is done, whoever asks for it."""

from audit.acts import Act
from audit.services.record import Change
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from governance import lifecycle
from governance.indexing import unindex
from governance.models import MemCube, Space, State


def tombstone(principal: Principal, cube: MemCube) -> Change:
    """Take the locked record out of every read; it is destroyed when its space's grace is over (its `erase_at`), unless
    somebody takes it up again."""
    erase_at = now() + Space.objects.get(id=cube.space_id).delete_grace
    act = Act.MEMORY_WITHDRAW
    change = lifecycle.change(cube, act=act, principal=principal, state=State.WITHDRAWN, erase_at=erase_at)
    unindex([cube.id])
    enqueue("memory.retire", {"ids": [str(cube.id)]}, due=erase_at, queue="forget")
    return change
