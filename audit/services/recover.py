"""Begin a log anew where its database was put back: visibly, under a new origin, over what the database still has."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import connections, transaction

from audit import generations
from audit.acts import Act
from audit.merkle import EMPTY_ROOT
from audit.notes import Checkpoint, NoteError
from audit.origin import DIRECTORY, log_signer, origin, own_checkpoint
from audit.pin import Pin, pins, watch
from audit.sequencer import checks
from audit.sequencer.rows import HeadRow, Rows
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import InProgress, Integrity
from foundation.kernel.scope import tenant_scope, tenant_transaction

log = logging.getLogger(__name__)
ALIAS = "sequencer"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of one log: `abandoned` entries were in it before and are not in its database any more."""

    tenant: UUID
    generation: int
    size: int
    abandoned: int


def recover(tenant: UUID) -> Recovery:
    """Begin the tenant's log anew at its database's head, lift its quarantine, and record that in it. Only while no
    process of the installation runs.

    Everything is checked first as the sequencer checks it: what the database has must be a log that was signed.
    Raises `Integrity` where it is not, `InProgress` where a sequencer leads. May be repeated after a crash.
    """
    me = uuid4()
    with transaction.atomic(using=ALIAS, durable=True), connections[ALIAS].cursor() as cursor:
        rows = Rows(cursor)
        if not rows.lead(me):
            raise InProgress("A sequencer is at work: stop every process first.")
        heads, overgrown = rows.standing([tenant])
        done = _begin(rows, tenant, heads.get(tenant), overgrown=tenant in overgrown)
        rows.lift(tenant)
        rows.resign(me)
    if tenant != DIRECTORY:
        _tell(done)
    return done


def behind(tenant: UUID) -> bool:
    """Whether the log cannot go on: its pin is ahead of its database, beside it, or of another generation."""
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        rows = Rows(cursor)
        head = rows.standing([tenant])[0].get(tenant)
        try:
            if head:
                checks.checkpoint(head)
            pin = pins().read(tenant)
            checks.pinned(head, pin, lambda level, number: rows.tile(tenant, level, number))
        except (checks.Fault, Integrity):
            return True
    return False


def _begin(rows: Rows, tenant: UUID, head: HeadRow | None, *, overgrown: bool) -> Recovery:
    number = generations.current(tenant)
    old = _checked(rows, tenant, head, number) if head else None
    if old and overgrown:
        raise Integrity("The database's log has entries beyond its head.")
    size = head.size if head else 0
    abandoned = _pinned_size(tenant) - size
    note = log_signer().sign(_anew(tenant, number + 1, old).text())
    new = HeadRow(tenant, size, old.root if old else EMPTY_ROOT, note)
    generations.advance(tenant, number + 1)
    pins().begin_anew(tenant, Pin(new.size, new.root, note), aside=number)
    watch.forget()
    if head is not None and not rows.set_heads([(head, new)]):
        raise InProgress("The head moved: a sequencer is at work.")
    log.warning("the log of %s begins anew at %d as its generation %d", tenant, size, number + 1)
    return Recovery(tenant, number + 1, size, max(0, abandoned))


def _anew(tenant: UUID, number: int, old: Checkpoint | None) -> Checkpoint:
    if old is None:
        return Checkpoint(origin(tenant, number), 0, EMPTY_ROOT)
    return Checkpoint(origin(tenant, number), old.size, old.root, old.extensions)


def _checked(rows: Rows, tenant: UUID, head: HeadRow, number: int) -> Checkpoint:
    """The head's checkpoint, its tree hashed anew. In an older database, or after a crash, its generation is older."""
    found = next((each for at in range(number, 0, -1) if (each := _opened(head, tenant, at))), None)
    if found is None or (found.size, found.root) != (head.size, head.root):
        raise Integrity("The database's head was not signed by this installation: nothing is begun over it.")
    try:
        checks.edge(head.size, head.root, lambda level, at: rows.tile(tenant, level, at))
    except checks.Fault as fault:
        raise Integrity("The database's log does not hash to its head.") from fault
    return found


def _opened(head: HeadRow, tenant: UUID, generation: int) -> Checkpoint | None:
    try:
        return own_checkpoint(head.note, tenant, generation)
    except NoteError:
        return None


def _pinned_size(tenant: UUID) -> int:
    try:
        pin = pins().read(tenant)
    except Integrity:
        return 0  # a pin of an older generation, or spoilt: what it was stays beside it
    return pin.size if pin else 0


def _tell(done: Recovery) -> None:
    with tenant_scope(done.tenant), tenant_transaction():
        detail = {"generation": done.generation, "size": done.size, "abandoned": done.abandoned}
        record(Principal.system(done.tenant), Act.LOG_RECOVER, target=Target("log", done.tenant), detail=detail)
