"""The generations of a tenant's index: which is asked, which are written, and whether their content is whole.

The generation's row is logged and carries a token; its beacon stands with the content and holds the same token. A
crash that empties PostgreSQL's UNLOGGED tables, or a lost OpenSearch index, takes both. A restored backup has no beacon
of the PostgreSQL engine's either: UNLOGGED content is in no backup.
"""

from collections.abc import Sequence
from uuid import UUID, uuid4

from foundation.kernel.rows import first
from foundation.kernel.scope import tenant_transaction
from foundation.search import models
from foundation.search.engine import engine
from foundation.search.port import Generation
from foundation.search.sql import Clause, conjunction, execute

NOTHING_YET = UUID(int=0)
"""The token of a generation whose beacon is kept elsewhere, as long as nothing was ever put: empty is whole."""
_LIVE = (models.Generation.State.ACTIVE.value, models.Generation.State.BUILDING.value)
_WHOLE = """SELECT g.number FROM search_generation g
JOIN search_beacon b ON b.tenant_id = g.tenant_id AND b.id = g.token WHERE {where}"""


def active(embedder: str, dim: int) -> Generation:
    """The generation that is asked; made for `embedder` when the tenant has none. Opens or joins a transaction.

    Another embedder than the setting's may be active: `begin` a new generation to swap.
    """
    with tenant_transaction():
        found = first(models.Generation, "state = %s", [models.Generation.State.ACTIVE.value])
        return _value(found or _first(embedder, dim))


def live() -> list[Generation]:
    """The generations that are written to, the active one first."""
    with tenant_transaction():
        return [_value(row) for row in models.Generation.objects.filter(state__in=_LIVE).order_by("state", "number")]


def find(number: int) -> models.Generation | None:
    """The live generation of that number, if there is one (inside a transaction, not locked)."""
    found: models.Generation | None = models.Generation.objects.filter(state__in=_LIVE, number=number).first()
    return found


def rows() -> list[models.Generation]:
    """Every live generation (inside a transaction, not locked)."""
    return list(models.Generation.objects.filter(state__in=_LIVE).order_by("number"))


def lock() -> dict[int, models.Generation]:
    """Every live generation of the tenant, locked until the transaction ends: one writer of an index at a time."""
    rows = models.Generation.objects.select_for_update().filter(state__in=_LIVE).order_by("number")
    return {row.number: row for row in rows}


def whole(numbers: Sequence[int]) -> set[int]:
    """Those of `numbers` that are live and have all their content."""
    where = conjunction([Clause("state = ANY(%s)", [list(_LIVE)]), Clause("number = ANY(%s)", [list(numbers)])], "g")
    return {number for (number,) in execute(_WHOLE.format(where=where.sql), where.values)}


def begin(embedder: str, dim: int) -> Generation:
    """A new, empty generation, under a key of its own: written from now on, asked after `activate`."""
    with tenant_transaction():
        numbers = models.Generation.objects.select_for_update().order_by("-number").values_list("number", flat=True)
        return _value(_make(next(iter(numbers), 0) + 1, embedder, dim, models.Generation.State.BUILDING))


def activate(generation: Generation) -> Generation | None:
    """Ask `generation` from now on; returns the one it replaces, which is no longer written: `purge` and destroy it."""
    with tenant_transaction():
        rows = lock()
        old = next((row for row in rows.values() if row.state == models.Generation.State.ACTIVE), None)
        if old and old.number == generation.number:
            return None
        if old:
            models.Generation.objects.filter(id=old.id).update(state=models.Generation.State.RETIRED)
        models.Generation.objects.filter(number=generation.number).update(state=models.Generation.State.ACTIVE)
        return _value(old) if old else None


def mark_whole(row: models.Generation) -> None:
    """Give the generation a new token and its beacon, once its content stands (in the same transaction)."""
    models.Beacon.objects.filter(id=row.token).delete()
    row.token = uuid4()
    row.save(update_fields=["token"])
    models.Beacon(id=row.token).save(force_insert=True)


def _first(embedder: str, dim: int) -> models.Generation:
    """The first generation, made once however many ask at the same time: a unique key settles it."""
    made = _new(1, embedder, dim, models.Generation.State.ACTIVE)
    models.Generation.objects.bulk_create([made], ignore_conflicts=True)
    found: models.Generation = models.Generation.objects.get(state=models.Generation.State.ACTIVE)
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
