"""Rows by statements that are put together once: what a hot path reads and writes many times a second.

Django puts every query together anew, which costs the processor more than the query itself (measured: 1.2 of 2 ms).
Here a statement's text is made once for a table and a condition; its rows are the models' own. The tenant in scope is
in every condition, as the models' manager has it, and row-level security says it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from django.db.models.base import ModelState
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format

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
_PLAIN = {models.UUIDField, models.CharField, models.BinaryField, models.DurationField, models.BooleanField}
"""Kinds of field whose values the driver takes as they are."""
Converter = Callable[[Any, Any, Any], Any]
M = TypeVar("M", bound=models.Model)


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
    found: Iterable[Sequence[Any]] = execute(statement, [work.tenant_id, *values])
    if converters:
        found = (_converted(row, converters, connections[work.using]) for row in found)
    return [loaded(model, names, row, work.using) for row in found]


def first(model: type[models.Model], where: str, values: Sequence[Any] = (), *, last: str = "") -> Any | None:
    """As `select`: the first row, or None."""
    return next(iter(select(model, where, values, last=f"{last} LIMIT 1")), None)


def loaded(model: type[M], names: Sequence[str], values: Iterable[Any], using: str) -> M:
    """The instance that `Model.from_db` makes of a row; what is not among `names` is deferred. It goes by no field and
    sends no signal (no model here waits for one), and so takes a third of the time."""
    row, state = model.__new__(model), ModelState()
    state.adding, state.db = False, using
    row.__dict__.update(zip(names, values, strict=True), _state=state)
    return row


def insert(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> None:
    """Insert rows of one model. What the database fills in by itself is not read back."""
    for statement, values in insertions(rows, ignore_conflicts=ignore_conflicts):
        execute(statement, values)
    _mark_written(rows)


def insertions(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> Iterator[tuple[str, list[Any]]]:
    """The statements by which `insert` inserts these rows, with their values, for who sends them otherwise."""
    if rows and len(rows) <= FEW:
        yield _listed([(rows, ignore_conflicts)])
        return
    for start in range(0, len(rows), MOST_ROWS):
        yield _unnested(rows[start : start + MOST_ROWS], ignore_conflicts)


def insert_together(*groups: Sequence[models.Model], unless_there: Sequence[models.Model] = ()) -> None:
    """Insert rows of several models, a group each, by as few statements as pays; a foreign key between rows of one
    statement is checked at its end. Of the last group, `unless_there`, what stands already stays as it is."""
    for together in _batches([rows for rows in (*groups, unless_there) if rows]):
        if len(together) == 1:
            insert(together[0], ignore_conflicts=together[0] is unless_there)
        else:
            execute(*_listed([(rows, rows is unless_there) for rows in together]))
            for rows in together:
                _mark_written(rows)


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


def _listed(groups: Sequence[tuple[Sequence[models.Model], bool]]) -> tuple[str, list[Any]]:
    """Of each group, whether conflicts are ignored."""
    using = current_work().using
    connection = connections[using]
    counted = tuple((type(rows[0]), len(rows), ignored) for rows, ignored in groups)
    statement, fields = _insertion(counted, using)
    return statement, [
        getattr(row, name) if field is None else field.get_db_prep_save(field.pre_save(row, True), connection)
        for (rows, _), of in zip(groups, fields, strict=True)
        for row in rows
        for name, field in of
    ]


def _unnested(rows: Sequence[models.Model], ignore_conflicts: bool) -> tuple[str, list[Any]]:
    """A column is one value, however many rows there are: the statement stays short, and its plan is kept."""
    using = current_work().using
    connection = connections[using]
    statement, fields = _unnesting(type(rows[0]), using, ignore_conflicts)
    columns = [[field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows] for field in fields]
    return statement, [
        _literals(column, connection.connection) if isinstance(field, ArrayField) else column
        for field, column in zip(fields, columns, strict=True)
    ]


def _literals(lists: Sequence[list[Any] | None], connection: Any) -> list[str | None]:
    """Lists as PostgreSQL writes them: it would take an array of arrays apart to its last element."""
    transformer = Transformer(connection)
    return [
        None if each is None else bytes(transformer.get_dumper(each, PyFormat.TEXT).dump(each) or b"{}").decode()
        for each in lists
    ]


def _mark_written(rows: Sequence[models.Model]) -> None:
    using = current_work().using
    for row in rows:
        row._state.adding, row._state.db = False, using


def in_parts(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    """The ids in lists short enough for one statement each."""
    every = list(ids)
    for start in range(0, len(every), MOST_ASKED):
        yield every[start : start + MOST_ASKED]


def uuids(ids: Iterable[UUID]) -> str:
    """The ids as PostgreSQL writes a `uuid[]`: the driver goes by every element of a list, and takes four times as
    long."""
    return "{" + ",".join([each.hex for each in ids]) + "}"


def byteas(values: Iterable[bytes]) -> str:
    """As `uuids`, for a `bytea[]`."""
    return "{" + ",".join([f'"\\\\x{each.hex()}"' for each in values]) + "}"


def texts(values: Iterable[str]) -> str:
    """As `uuids`, for a `text[]`."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join([f'"{value}"' for value in escaped]) + "}"


def integers(numbers: Iterable[int | None]) -> str:
    """As `uuids`, for an array of integers of whatever size."""
    return "{" + ",".join(["NULL" if each is None else str(each) for each in numbers]) + "}"


def execute(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement in the open tenant transaction; its rows, if it has any. The tenant is the caller's to name."""
    cursor = current_work().cursor
    cursor.execute(statement, values)
    # Not `cursor.description`, which describes every column anew.
    return cursor.fetchall() if cursor.pgresult.nfields else []


def execute_binary(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """As `execute`, the answer in PostgreSQL's binary form: a `bytea` is sent as it is, not in hexadecimal digits, and
    ids and times are read in a fraction of the time. Not for `jsonb`, which Django reads as text."""
    driver = current_work().cursor.cursor
    driver.format = Format.BINARY
    try:
        return execute(statement, values)
    finally:
        driver.format = Format.TEXT


@contextmanager
def pipelined() -> Iterator[None]:
    """Inside the block statements that are `sent` do not wait for each other, nor the caller for them: what he does
    before he reads their rows goes on beside the database's work. Nothing is to be `execute`d meanwhile."""
    connection = connections[current_work().using]
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def sent(statement: str, values: Sequence[Any]) -> Callable[[], list[tuple[Any, ...]]]:
    """Send one query in the open tenant transaction; what is returned reads its rows, once, in that transaction."""
    cursor = connections[current_work().using].cursor()
    cursor.execute(statement, values)
    return cast(Callable[[], list[tuple[Any, ...]]], cursor.fetchall)


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
    counted: tuple[tuple[type[models.Model], int, bool], ...], using: str
) -> tuple[str, list[list[tuple[str, Any]]]]:
    """The text and, for each model, its columns: by the field that converts the value, or by None where none does."""
    fields = [_inserted(model) for model, *_ in counted]
    *before, last = [
        _one(model, of, using, count) + _ending(ignored)
        for (model, count, ignored), of in zip(counted, fields, strict=True)
    ]
    named = ", ".join(f"part{number} AS ({each})" for number, each in enumerate(before))
    columns = [[(field.attname, None if _is_plain(field) else field) for field in of] for of in fields]
    return f"WITH {named} {last}" if before else last, columns


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


def _is_plain(field: Any) -> bool:
    dated = type(field) is models.DateTimeField and not (field.auto_now or field.auto_now_add)
    return dated or type(field) in _PLAIN


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
