"""The generations of a tenant's index: which is asked, which are written, and whether their content is whole.

The generation's row is logged and carries a token; its beacon stands with the content and holds the same token. A
crash that empties PostgreSQL's UNLOGGED tables, or a lost OpenSearch index, takes both. A restored backup has no beacon
of the PostgreSQL engine's either: UNLOGGED content is in no backup.
"""

from collections.abc import Sequence
from uuid import UUID, uuid4

from foundation.kernel.clock import now
from foundation.kernel.rows import execute, select
from foundation.kernel.scope import current_work, tenant_transaction
from foundation.search import models
from foundation.search.engine import engine
from foundation.search.port import Generation, StaleGeneration
from foundation.search.sql import Clause, conjunction

NOTHING_YET = UUID(int=0)
"""The token of a generation whose beacon is kept elsewhere, as long as nothing was ever put: empty is whole."""
_State = models.Generation.State
_LIVE = (_State.ACTIVE.value, _State.BUILDING.value, _State.DRAINING.value)
_IS_LIVE = "state = ANY(%s)"
_WHOLE = """SELECT g.number FROM search_generation g
JOIN search_beacon b ON b.tenant_id = g.tenant_id AND b.id = g.token WHERE {where}"""

_DEMANDED = """SELECT g.number, EXISTS (
SELECT FROM search_beacon b WHERE b.tenant_id = g.tenant_id AND b.id = g.token)
FROM search_generation g WHERE g.tenant_id = %s AND g.number = ANY(%s) AND g.state = ANY(%s)
ORDER BY g.number FOR UPDATE OF g"""

_ASKED = """SELECT g.number, g.embedder, g.dim, EXISTS (
SELECT FROM search_beacon b WHERE b.tenant_id = g.tenant_id AND b.id = g.token)
FROM search_generation g WHERE g.tenant_id = %s AND g.state = %s"""
_SEEN_WHOLE = "search: whole"


def active(embedder: str, dim: int) -> Generation:
    """The generation that is asked; made for `embedder` when the tenant has none. Opens or joins a transaction.

    Another embedder than the setting's may be active: `begin` a new generation to swap.
    """
    with tenant_transaction():
        return asked() or _value(_first(embedder, dim))


def asked() -> Generation | None:
    """The generation that is asked; None for a tenant of which nothing was ever indexed. Inside a transaction, which
    remembers whether its content is whole (`seen_whole`)."""
    work = current_work()
    rows = execute(_ASKED, [work.tenant_id, _State.ACTIVE.value])
    if not rows:
        return None
    ((number, embedder, dim, is_whole),) = rows
    if is_whole:
        work.state[_SEEN_WHOLE] = number
    return Generation(number=number, embedder=embedder, dim=dim)


def seen_whole(number: int) -> bool:
    """Whether this transaction has seen that generation active and whole. False says nothing."""
    return bool(current_work().state.get(_SEEN_WHOLE) == number)


def live() -> list[Generation]:
    """The generations that are written to, the active one first. Opens or joins a transaction."""
    with tenant_transaction():
        return [_value(row) for row in _ordered()]


def written_to() -> list[Generation]:
    """The same, if one of them is active; else none. Inside a transaction."""
    found = _ordered()
    return [_value(row) for row in found] if found and found[0].state == _State.ACTIVE else []


def _ordered() -> list[models.Generation]:
    return select(models.Generation, _IS_LIVE, [list(_LIVE)], last="ORDER BY state, number")


def find(number: int) -> models.Generation | None:
    """The live generation of that number, if there is one (inside a transaction, not locked)."""
    found: models.Generation | None = models.Generation.objects.filter(state__in=_LIVE, number=number).first()
    return found


def rows() -> list[models.Generation]:
    """Every live generation (inside a transaction, not locked)."""
    return list(models.Generation.objects.filter(state__in=_LIVE).order_by("number"))


def lock() -> dict[int, models.Generation]:
    """Every live generation of the tenant, locked until the transaction ends: one writer of an index at a time.

    Whoever waited for the lock sees only the rows it waited for; one that was begun meanwhile must not be missed (a
    removal would leave it what is gone), so the rows are read until there are no more of them.
    """
    locked: dict[int, models.Generation] = {}
    while True:
        rows = models.Generation.objects.select_for_update().filter(state__in=_LIVE).order_by("number")
        found = {row.number: row for row in rows}
        if found.keys() == locked.keys():
            return found
        locked = found


def demand(numbers: Sequence[int]) -> set[int]:
    """Lock these generations until the transaction ends, for who writes to them and to no other; returns which of them
    were seen whole. What is begun meanwhile is not asked for here, and so needs no second look (`lock`).

    Raises `StaleGeneration` if one of them is not live.
    """
    found = dict(execute(_DEMANDED, [current_work().tenant_id, list(numbers), list(_LIVE)]))
    if found.keys() != set(numbers):
        raise StaleGeneration
    return {number for number, is_whole in found.items() if is_whole}


def whole(numbers: Sequence[int]) -> set[int]:
    """Those of `numbers` that are live and have all their content."""
    where = conjunction([Clause("state = ANY(%s)", [list(_LIVE)]), Clause("number = ANY(%s)", [list(numbers)])], "g")
    return {number for (number,) in execute(_WHOLE.format(where=where.sql), where.values)}


def begin(embedder: str, dim: int, *, least: int = 1) -> Generation:
    """A new, empty generation, under a key of its own: written from now on, asked after `activate`. `least`: numbers
    below it are not taken (their keys are gone)."""
    with tenant_transaction():
        lock()
        return _value(_make(max(next_number(), least), embedder, dim, _State.BUILDING))


def next_number() -> int:
    """The number after the highest there was (inside a transaction)."""
    highest = models.Generation.objects.order_by("-number").values_list("number", flat=True).first()
    return (highest or 0) + 1


def activate(generation: Generation, *, drain: bool = False) -> Generation | None:
    """Ask `generation` from now on; returns the one it replaces, if that is another.

    The old one is retired, no longer written nor asked: `scrub` and destroy its key. With `drain` it is still written,
    and answers whoever made a plan before, until `retire`.
    """
    with tenant_transaction():
        rows = lock()
        old = next((row for row in rows.values() if row.state == _State.ACTIVE), None)
        if old and old.number == generation.number:
            return None
        if old:
            models.Generation.objects.filter(id=old.id).update(state=_State.DRAINING if drain else _State.RETIRED)
        models.Generation.objects.filter(number=generation.number).update(state=_State.ACTIVE)
        return _value(old) if old else None


def retire(number: int) -> None:
    """Write and ask this generation no more, unless it is the active one (idempotent)."""
    with tenant_transaction():
        lock()
        models.Generation.objects.filter(number=number).exclude(state=_State.ACTIVE).update(state=_State.RETIRED)


def numbered(number: int) -> Generation:
    """The generation of that number, live or not. Opens or joins a transaction."""
    with tenant_transaction():
        return _value(models.Generation.objects.get(number=number))


def owe() -> None:
    """Note that the live generations' keys have been used for something that is erased now (inside a transaction). One
    that is begun at the same time is among them, or was begun after the removal."""
    lock()
    models.Generation.objects.filter(state__in=_LIVE, owed_since=None).update(owed_since=now())


def mark_whole(row: models.Generation) -> None:
    """Give the generation a new token and its beacon, once its content stands (in the same transaction)."""
    models.Beacon.objects.filter(id=row.token).delete()
    row.token = uuid4()
    row.save(update_fields=["token"])
    models.Beacon(id=row.token).save(force_insert=True)


def _first(embedder: str, dim: int) -> models.Generation:
    """The first generation, made once however many ask at the same time: a unique key settles it."""
    made = _new(1, embedder, dim, _State.ACTIVE)
    models.Generation.objects.bulk_create([made], ignore_conflicts=True)
    found: models.Generation = models.Generation.objects.get(state=_State.ACTIVE)
    if found.id == made.id:
        _light(made)
    return found


def _make(number: int, embedder: str, dim: int, state: models.Generation.State) -> models.Generation:
    made = _new(number, embedder, dim, state)
    made.save(force_insert=True)
    _light(made)
    return made


def _new(number: int, embedder: str, dim: int, state: models.Generation.State) -> models.Generation:
    token = uuid4() if engine().beacons_here else NOTHING_YET
    return models.Generation(number=number, embedder=embedder, dim=dim, state=state, token=token)


def _light(row: models.Generation) -> None:
    if row.token != NOTHING_YET:
        models.Beacon(id=row.token).save(force_insert=True)


def _value(row: models.Generation) -> Generation:
    return Generation(number=row.number, embedder=row.embedder, dim=row.dim)
