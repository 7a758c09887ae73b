"""What the search index owes after a commit: run by the worker, in the tenant's scope, and safe to repeat."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from foundation.kernel.outbox import handles
from foundation.search.port import REMOVE, SCRUB, Collection, Key

Refs = Sequence[dict[str, Any]]


@handles(REMOVE)
def remove(refs: Refs) -> None:
    from foundation.search.engine import engine

    keys = {
        Key(Collection(kind), UUID(record), version, rev) for ref in refs for kind, record, version, rev in ref["keys"]
    }
    engine().settle(sorted(keys, key=lambda key: (key.id, key.version, key.rev)))


@handles(SCRUB)
def scrub(refs: Refs) -> None:
    """Once for however many asked."""
    from foundation.search.engine import engine

    engine().scrub()
