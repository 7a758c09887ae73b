"""Keys in chosen shards, threads that work for a tenant, and the adversary who kept everything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

from django.db import connections

from foundation.kernel.problems import Integrity
from foundation.kernel.scope import current_tenant, tenant_scope
from foundation.keyring import file_kms, keys, steps, wrapping
from foundation.keyring.rows import Row
from foundation.keyring.sealing import Sealer

Secrets = dict[UUID, bytes]


def in_shard(shard: int) -> UUID:
    """A subject whose keys lie in `shard`."""
    while keys.shard_of(subject := uuid4()) != shard:
        pass
    return subject


def made(count: int, *, shard: int = 0) -> Secrets:
    """`count` keys of one subject in `shard`."""
    subject = in_shard(shard)
    return keys.create_many([keys.NewKey("version", subjects=(subject,)) for _ in range(count)])


def opened_anew(ids) -> Secrets:
    """What opens with nothing remembered."""
    keys.opened.clear()
    return keys.open_many(ids)


def stored(superuser, tenant: UUID | None = None) -> list[Row]:
    """Every key row of the tenant, as a superuser sees and copies it."""
    found = superuser.execute(
        "SELECT id, shard, purpose, epoch, subjects, wrapped FROM keyring_key WHERE tenant_id = %s",
        [tenant or current_tenant()],
    ).fetchall()
    return [Row(i, s, p, e, tuple(subjects), bytes(w)) for i, s, p, e, subjects, w in found]


def adversary(copies: list[Row], folder: Path, tenant: UUID | None = None) -> Secrets:
    """What one who kept old rows opens with every epoch key that now lives in any file of the KMS."""
    tenant = tenant or current_tenant()
    found = file_kms._read(folder / f"{tenant}.epochs")
    live = [key for shard in found.values() for key in shard.live.values()]
    return {row.id: secret for row in copies for key in live if (secret := _opened(row, key, tenant))}


def _opened(row: Row, key: bytes, tenant: UUID) -> bytes | None:
    try:
        return Sealer(key).open(file_kms._place(tenant, row.shard, row.epoch) + wrapping.context(row), row.wrapped)
    except Integrity:
        return None


def in_thread(act: Callable[[], Any]) -> Callable[[], Any]:
    """Begin `act` in a thread of the same tenant; the result, or the exception, when called."""
    tenant, outcome = current_tenant(), []

    def run() -> None:
        try:
            with tenant_scope(tenant):
                outcome.append(act())
        except BaseException as error:
            outcome.append(error)
        finally:
            connections.close_all()

    def result() -> Any:
        thread.join(60)
        assert outcome, "a thread hangs"
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    thread = Thread(target=run, daemon=True)
    thread.start()
    return result


@contextmanager
def at_steps(act: Callable[[str], Any]) -> Iterator[None]:
    """Call `act` whenever a step is reached."""
    original, steps.reached = steps.reached, act
    try:
        yield
    finally:
        steps.reached = original
