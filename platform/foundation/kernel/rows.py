"""Rows by statements that are put together once: what a hot path reads and writes many times a second.

Django puts every query together anew, which costs the processor more than the query itself (measured: 1.2 of 2 ms).
Here a statement's text is made once for a table and a condition; its rows are the models' own. The tenant in scope is
in every condition, as the models' manager has it, and row-level security says it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from psycopg.adapt import PyFormat, Transformer

from foundation.kernel.scope import current_work

FEW = 4
"""Rows up to which an insert has a text of its own by their number; more are sent column by column."""
MOST_ROWS = 2000
"""Rows of one such insert."""
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
    if len(rows) > FEW:
        for start in range(0, len(rows), MOST_ROWS):
            _insert_many(rows[start : start + MOST_ROWS], ignore_conflicts)
    elif rows:
        _insert_few([rows], ignore_conflicts)


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
    _mark_written([row for row, _ in every], work.using)


def _insert_many(rows: Sequence[models.Model], ignore_conflicts: bool) -> None:
    """A column is one value, however many rows there are: the statement stays short, and its plan is kept."""
    work = current_work()
    connection = connections[work.using]
    statement, fields = _unnesting(type(rows[0]), work.using, ignore_conflicts)
    columns = [[field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows] for field in fields]
    execute(
        statement,
        [
            _literals(column, connection.connection) if isinstance(field, ArrayField) else column
            for field, column in zip(fields, columns, strict=True)
        ],
    )
    _mark_written(rows, work.using)


def _literals(lists: Sequence[list[Any] | None], connection: Any) -> list[str | None]:
    """Lists as PostgreSQL writes them: it would take an array of arrays apart to its last element."""
    transformer = Transformer(connection)
    return [
        None if each is None else bytes(transformer.get_dumper(each, PyFormat.TEXT).dump(each) or b"{}").decode()
        for each in lists
    ]


def _mark_written(rows: Iterable[models.Model], using: str) -> None:
    for row in rows:
        row._state.adding, row._state.db = False, using


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
    fields = [_inserted(model) for model, _ in counted]
    ending = _ending(ignore_conflicts)
    *before, last = [_one(model, of, using, count) + ending for (model, count), of in zip(counted, fields, strict=True)]
    named = ", ".join(f"part{number} AS ({each})" for number, each in enumerate(before))
    return f"WITH {named} {last}" if before else last, fields


@cache
def _unnesting(model: type[models.Model], using: str, ignore_conflicts: bool) -> tuple[str, list[Any]]:
    fields = _inserted(model)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    kinds = [_kind(field, using) for field in fields]
    sent = ", ".join(f"%s::{'text' if kind.endswith('[]') else kind}[]" for kind in kinds)
    read = ", ".join(
        _placeholder(field, using).replace("%s", f'"{field.column}"::{kind}')
        for field, kind in zip(fields, kinds, strict=True)
    )
    statement = f'INSERT INTO "{model._meta.db_table}" ({columns}) SELECT {read} FROM unnest({sent}) sent ({columns})'  # noqa: S608 — our text alone
    return statement + _ending(ignore_conflicts), fields


def _kind(field: Any, using: str) -> str:
    """The column's type without its length: a cast to `varchar(64)` would cut off what an insert refuses."""
    return re.sub(r"\(.*?\)", "", str(field.db_type(connections[using])))


def _inserted(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.db_returning]


def _ending(ignore_conflicts: bool) -> str:
    return " ON CONFLICT DO NOTHING" if ignore_conflicts else ""


def _one(model: type[models.Model], fields: Sequence[Any], using: str, count: int) -> str:
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(count * [f"({', '.join(_placeholder(field, using) for field in fields)})"])
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {places}'  # noqa: S608 — our text alone


def _placeholder(field: Any, using: str) -> str:
    made: str = field.get_placeholder(None, None, connections[using]) if hasattr(field, "get_placeholder") else "%s"
    return made
