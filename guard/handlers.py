"""What the guard owes after a change: run by `memwrit tick`, in the tenant's scope, and safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from foundation.kernel.outbox import handles

Refs = Sequence[dict[str, Any]]


def _ids(refs: Refs) -> list[UUID]:
    """Every id named, each once, in order: `{"id": …}` or `{"ids": […]}`."""
    named = (each for ref in refs for each in (ref.get("ids") or [ref["id"]]))
    return [UUID(each) for each in dict.fromkeys(named)]


@handles("lesson.learn")
def learn(refs: Refs) -> None:
    from guard.lessons.learn import learn as run

    run(_ids(refs))


@handles("lesson.review")
def review(refs: Refs) -> None:
    from guard.lessons.learn import review as run

    for ref in refs:
        run(UUID(ref["admission"]), approved=ref["approved"])


@handles("lesson.replay")
def replay(refs: Refs) -> None:
    from guard.lessons.replay import replay as run

    run(_ids(refs))


@handles("lesson.index")
def index(refs: Refs) -> None:
    from guard.lessons.indexing import reindex

    reindex(_ids(refs))


@handles("lesson.erase")
def erase(refs: Refs) -> None:
    from guard.lessons.erasing import erase as run

    run(_ids(refs))
