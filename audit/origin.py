"""Who signs a log and what it is called."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from audit import generations
from audit.notes import Checkpoint, Signer, Verifier, open_checkpoint
from foundation.keyring.signing import signing_key, verify_key

DIRECTORY = UUID(int=0)
"""The directory log's tenant: its leaves are the tenants' checkpoints."""
KEY_NAME = "memwrit"
CERTIFICATE_NAME = "memwrit-certificate"
RECEIPT_NAME = "memwrit-receipt"
MANIFEST = "manifest"
"""The checkpoint's extension line that carries the manifest's root."""


def origin(tenant: UUID, generation: int = 0) -> str:
    """The first line of a tenant's checkpoints: of the current generation, unless another one is named."""
    number = generation or generations.current(tenant)
    return f"memwrit/{tenant}" if number == 1 else f"memwrit/{tenant}/{number}"


def log_signer() -> Signer:
    """The key that signs checkpoints; only the sequencer's process needs it."""
    return Signer(KEY_NAME, signing_key("audit"))


def log_verifier() -> Verifier:
    """Its public half."""
    return Verifier(KEY_NAME, verify_key("audit"))


def receipt_signer() -> Signer:
    return Signer(RECEIPT_NAME, signing_key("receipt"))


def certificate_signer() -> Signer:
    return Signer(CERTIFICATE_NAME, signing_key("certificate"))


def own_checkpoint(note: str, tenant: UUID, generation: int = 0) -> Checkpoint:
    """Open a checkpoint of this installation's log of `tenant`; raises `NoteError`."""
    return opened(note, origin(tenant, generation), log_verifier().vkey)


@lru_cache(maxsize=4096)
def opened(note: str, named: str, vkey: str) -> Checkpoint:
    """The checkpoint in a note of the log `named`, signed by that key; raises `NoteError`. The same bytes are opened
    once under the same key."""
    return open_checkpoint(note, [Verifier.parse(vkey)], named)
