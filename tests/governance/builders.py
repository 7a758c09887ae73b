"""Builders: a submission, an admitted memory, the work that follows."""

from __future__ import annotations

from typing import Any

from audit.services.sequence import run_once
from foundation.kernel import outbox
from foundation.kernel.principal import Principal
from governance.models import Space
from governance.opening import Shown
from governance.sealed import Provenance
from governance.services.admit import admit
from governance.submissions import Submission


def submission(space: Space, content: str = "The red kettle stands on the stove.", **fields: Any) -> Submission:
    source = {
        name: fields.pop(name)
        for name in ("source", "source_type", "actor", "session", "position", "speaker")
        if name in fields
    }
    return Submission(space.id, content, Provenance(**{"source": "chat:1", **source}), **fields)


def admitted(
    principal: Principal, space: Space, content: str = "The red kettle stands on the stove.", **fields: Any
) -> Shown:
    """An admitted memory, indexed."""
    shown = admit(principal, submission=submission(space, content, **fields))
    drain()
    return shown


def drain() -> None:
    """Do all work that is due, and sequence the log."""
    while outbox.run_due():
        pass
    while run_once():
        pass
