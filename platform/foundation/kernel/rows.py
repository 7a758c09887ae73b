"""Rows by statements that are put together once: what a hot path reads and writes many times a second.

Django puts every query together anew, which costs the processor more than the query itself (measured: 1.2 of 2 ms).
Here a statement's text is made once for a table and a condition; its rows are the models' own. The tenant in scope is
in every condition, as the models' manager has it, and row-level security says it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections, models

from foundation.kernel.scope import current_work

FEW = 16
"""Rows up to which an insert has a text of its own by their number; more are the models' own to insert."""
MOST_ROWS = 2000
"""Rows of one such insert: a statement takes 65,535 parameters, so up to 32 columns."""
MOST_VALUES = 50
"""Values of one statement for several models: the driver remembers how it read a statement's text up to as many, and
takes as long to read a longer one anew as two statements take."""
MOST_ASKED = 5000
"""Ids that one statement is asked about."""
Converter = Callable[[Any, Any, Any], Any]


def select(
    model: type[models.Model],
    where: str,
    values: Sequence[Any] = (),
    *,
    without: tuple[str, ...] = (),
    last: str = "",
) -> list[Any]:
    """The tenant's rows of `model` that meet `where`, as instances; the fields `without` are deferred. `last` is what
    follows the condition (ORDER BY, LIMIT, FOR UPDATE). All text is ours alone: what a caller brought is a value."""
    work = current_work()
    statement, names, converters = _selection(model, where, without, last)
    found = execute(statement, [work.tenant_id, *values])
    if converters:
        return [model.from_db(work.using, names, _converted(row, converters, connections[work.using])) for row in found]
    return [model.from_db(work.using, names, row) for row in found]


def first(model: type[models.Model], where: str, values: Sequence[Any] = (), *, last: str = "") -> Any | None:
    """As `select`: the first row, or None."""
    return next(iter(select(model, where, values, last=f"{last} LIMIT 1")), None)


def insert(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> None:
    """Insert rows of one model. What the database fills in by itself is not read back."""
    if 0 < len(rows) <= FEW:
        _insert_few([rows], ignore_conflicts)
    elif rows:
        made = type(rows[0]).objects  # type: ignore[attr-defined]
        made.bulk_create(rows, batch_size=MOST_ROWS, ignore_conflicts=ignore_conflicts)


def insert_together(*groups: Sequence[models.Model]) -> None:
    """Insert rows of several models, a group each, by as few statements as pays; a foreign key between rows of one
    statement is checked at its end."""
    for together in _batches([rows for rows in groups if rows]):
        if len(together) == 1:
            insert(together[0])
        else:
            _insert_few(together)


def _batches(groups: Iterable[Sequence[models.Model]]) -> Iterator[list[Sequence[models.Model]]]:
    batch: list[Sequence[models.Model]] = []
    values = 0
    for rows in groups:
        added = len(rows) * len(rows[0]._meta.concrete_fields)
        if batch and values + added > MOST_VALUES:
            yield batch
            batch, values = [], 0
        batch, values = [*batch, rows], values + added
    if batch:
        yield batch


def _insert_few(groups: Sequence[Sequence[models.Model]], ignore_conflicts: bool = False) -> None:
    work = current_work()
    connection = connections[work.using]
    counted = tuple((type(rows[0]), len(rows)) for rows in groups)
    statement, fields = _insertion(counted, work.using, ignore_conflicts)
    every = [(row, of) for rows, of in zip(groups, fields, strict=True) for row in rows]
    execute(
        statement, [field.get_db_prep_save(field.pre_save(row, True), connection) for row, of in every for field in of]
    )
    for row, _ in every:
        row._state.adding, row._state.db = False, work.using


def in_parts(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    """The ids in lists short enough for one statement each."""
    every = list(ids)
    for start in range(0, len(every), MOST_ASKED):
        yield every[start : start + MOST_ASKED]


def execute(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement in the open tenant transaction; its rows, if it has any. The tenant is the caller's to name."""
    cursor = current_work().cursor
    cursor.execute(statement, values)
    # Not `cursor.description`, which describes every column anew.
    return cursor.fetchall() if cursor.pgresult.nfields else []


@cache
def _selection(
    model: type[models.Model], where: str, without: tuple[str, ...], last: str
) -> tuple[str, list[str], list[tuple[int, Converter]]]:
    fields = [field for field in model._meta.concrete_fields if field.attname not in without]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    condition = f"tenant_id = %s AND ({where})" if where else "tenant_id = %s"
    statement = f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {condition} {last}'  # noqa: S608 — our text alone
    return statement, [field.attname for field in fields], _converters(fields)


def _converters(fields: Sequence[models.Field[Any, Any]]) -> list[tuple[int, Converter]]:
    """By position, for the few kinds of field whose values are not what the driver hands out."""
    return [
        (at, converter)
        for at, field in enumerate(fields)
        for converter in field.get_db_converters(connections["default"])
    ]


def _converted(row: Sequence[Any], converters: Sequence[tuple[int, Converter]], connection: Any) -> list[Any]:
    changed = list(row)
    for at, converter in converters:
        changed[at] = converter(changed[at], None, connection)
    return changed


@cache
def _insertion(
    counted: tuple[tuple[type[models.Model], int], ...], using: str, ignore_conflicts: bool
) -> tuple[str, list[list[Any]]]:
    fields = [[field for field in model._meta.concrete_fields if not field.db_returning] for model, _ in counted]
    ending = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    *before, last = [_one(model, of, using, count) + ending for (model, count), of in zip(counted, fields, strict=True)]
    named = ", ".join(f"part{number} AS ({each})" for number, each in enumerate(before))
    return f"WITH {named} {last}" if before else last, fields


def _one(model: type[models.Model], fields: Sequence[Any], using: str, count: int) -> str:
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(count * [f"({', '.join(_placeholder(field, using) for field in fields)})"])
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {places}'  # noqa: S608 — our text alone


def _placeholder(field: Any, using: str) -> str:
    made: str = field.get_placeholder(None, None, connections[using]) if hasattr(field, "get_placeholder") else "%s"
    return made
