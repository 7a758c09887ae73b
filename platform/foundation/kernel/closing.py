"""A transaction's last statement, which is one however many parts of the platform add to it.

What is written beside a change and read by nobody before its end (that a request's key is done with, the events, the
message to the worker) goes to the database together. A part says what it writes, what it wants told, and what it makes
of that: it raises where the change must not be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from foundation.kernel.rows import execute
from foundation.kernel.scope import UnitOfWork, current_work

BUFFER = "closing"
_all = chain.from_iterable


def _nothing(*_: Any) -> None:
    """What is told needs no check."""


@dataclass(frozen=True, slots=True)
class Part:
    """`check` is called with what the expressions `tells` come to once all is written; it may raise.

    `writes` (with `values`) is an INSERT or UPDATE; `{}` in `tells` (with the values `about`) is what it returned. The
    parts see what stood before the statement, whatever they write. Their texts are ours alone, and the same each time.
    """

    tells: tuple[str, ...] = ()
    check: Callable[..., None] = _nothing
    writes: str = ""
    values: Sequence[Any] = ()
    about: Sequence[Any] = ()


def close_with(part: Part) -> None:
    """Add `part` to the open unit of work's last statement; a savepoint that rolls back takes it along."""
    work = current_work()
    if not work.state.setdefault("closes", False):
        work.state["closes"] = True
        work.at_last(_close)
    work.buffer(BUFFER).append(part)


def _close(work: UnitOfWork) -> None:
    parts: list[Part] = work.buffer(BUFFER)
    if not parts:
        return
    statement = _statement(tuple((part.writes, part.tells) for part in parts))
    (told,) = execute(statement, [*_all(part.values for part in parts), *_all(part.about for part in parts)])
    for part in parts:
        part.check(*told[: len(part.tells)])
        told = told[len(part.tells) :]


@lru_cache(maxsize=512)
def _statement(parts: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    written = [f"part{number} AS ({writes})" for number, (writes, _) in enumerate(parts) if writes]
    asked = [each.format(f"part{number}") for number, (_, tells) in enumerate(parts) for each in tells]
    return f"{'WITH ' if written else ''}{', '.join(written)} SELECT {', '.join(asked) or 'true'}"
