"""What the audit pages check themselves, with the verifier that `memwrit verify` is made of.

The server checks what it shows; whoever does not trust the server downloads the evidence and checks it elsewhere, with
a key that was given out of band. Functions that look into the log work inside `tenant_transaction`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from audit import selectors
from audit.evidence import Refused, verify_checkpoint, verify_consistency, verify_inclusion
from audit.notes import Checkpoint, NoteError, b64
from audit.origin import log_verifier, own_checkpoint
from audit.services.export import export
from audit.sources import CannotTell, Source
from audit.verifier import verify_full
from foundation.kernel.problems import Conflict, FieldError, NotSequenced, Validation
from foundation.kernel.scope import current_tenant, tenant_transaction

MOST_ENTRIES = 50_000
"""Beyond it a whole log is verified elsewhere: a page would take minutes."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What came out: `facts` where it holds, `refused` why it does not; neither: the event is not sequenced yet."""

    facts: Mapping[str, Any] | None = None
    refused: str = ""


def vkey() -> str:
    """The public key that checkpoints are signed with."""
    return log_verifier().vkey


def included(event_id: UUID) -> Proven:
    """Whether the event is under the published checkpoint, checked. Raises `NotFound`."""
    try:
        proof = selectors.inclusion(event_id).body()
    except NotSequenced:
        return Proven()
    try:
        return Proven(facts=verify_inclusion(proof, [log_verifier()]))
    except Refused as error:
        return Proven(refused=str(error))


def head() -> tuple[str, Checkpoint, datetime | None]:
    """The published checkpoint: its note, what it says, when it was signed. Raises `NotSequenced`, `Integrity`."""
    note = selectors.published(fresh=True).note
    checkpoint = verify_checkpoint(note, [log_verifier()])
    at = checkpoint.extensions.get("at", "")
    return note, checkpoint, datetime.fromtimestamp(int(at) / 1000, UTC) if at.isdigit() else None


def extends(old_note: str) -> tuple[dict[str, Any], Proven]:
    """The proof that today's log extends an older checkpoint that somebody kept, and whether it holds.

    Raises `Validation` for a note that is no checkpoint of this log, signed by its key.
    """
    try:
        old = own_checkpoint(old_note, current_tenant())
    except NoteError:
        raise _wrong("Not a checkpoint with the signature of this tenant's log.") from None
    if old.size < 1:
        raise _wrong("The checkpoint of an empty log: every log extends it.")
    standing = selectors.published(fresh=True).size
    if standing < old.size:
        return {}, Proven(refused=f"the log was rolled back from {old.size} to {standing}")
    size, hashes, note = selectors.consistency(old.size)
    proof = {"from": old.size, "to": size, "hashes": [b64(item) for item in hashes], "checkpoint": note}
    try:
        return proof, Proven(facts=verify_consistency(proof, old_note, [log_verifier()]))
    except Refused as error:
        return proof, Proven(refused=str(error))


def whole() -> Proven:
    """The whole log from its entries, as `memwrit verify full` does it. Raises `Conflict` where it is too long.

    Not inside `tenant_transaction`. What is written to disk meanwhile are leaves: opaque ids and hashes.
    """
    with tenant_transaction():
        if selectors.published(fresh=True).size > MOST_ENTRIES:
            raise Conflict("The log is too long for a page: run memwrit verify full.")
    with tempfile.TemporaryDirectory(prefix="memwrit-log-") as folder:
        export(Path(folder))
        try:
            return Proven(facts=verify_full(Source(folder), [log_verifier()]))
        except (Refused, CannotTell) as error:
            return Proven(refused=str(error))


def _wrong(words: str) -> Validation:
    return Validation(errors=[FieldError("/checkpoint", "invalid", words)])
