"""Witnesses as C2SP specifies them (tlog-witness, tlog-cosignature), Ed25519 only; no Django.

A witness is somebody else who signs a checkpoint after it has seen for itself that the log extends what it signed
before. So a log that shows one history to some and another to others cannot have both cosigned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.notes import DASH, NoteError, b64, good_name, signature_of, split, unb64

COSIGNATURE = b"\x04"
SIZE_TYPE = "text/x.tlog.size"
"""What a witness answers 409 with whose latest checkpoint is another than the request said: its size."""
_TIME, _SIGNATURE = 8, 64


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's name and its key for cosignatures."""

    name: str
    key: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each of its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + COSIGNATURE + self.key.public_bytes_raw()).digest()[:4]

    @property
    def vkey(self) -> str:
        """`name+hash+base64(4 || key)`, the text by which a witness hands its key on."""
        return f"{self.name}+{self.id.hex()}+{b64(COSIGNATURE + self.key.public_bytes_raw())}"

    @classmethod
    def parse(cls, vkey: str) -> Cosigner:
        """Raises `NoteError` unless name, hash and key fit together and it is an Ed25519 cosigner's."""
        parts = vkey.strip().split("+", 2)
        raw = unb64(parts[2]) if len(parts) == 3 else b""
        if len(raw) != 33 or raw[:1] != COSIGNATURE or not good_name(parts[0]):
            raise NoteError("not an Ed25519 cosigner's key")
        found = cls(parts[0], Ed25519PublicKey.from_public_bytes(raw[1:]))
        if found.id.hex() != parts[1].lower():
            raise NoteError("the cosigner key's hash does not fit its key")
        return found


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that held: its line, and when (Unix seconds) the witness says it made it."""

    line: str
    at: int


def request_of(old: int, path: Sequence[bytes], note: str) -> bytes:
    """The body of `add-checkpoint`: what size the witness last signed, the proof that the log extends it, the note."""
    return "".join([f"old {old}\n", *(f"{b64(each)}\n" for each in path), "\n", note]).encode()


def cosigned(note: str, cosigner: Cosigner) -> Cosigned:
    """The newest of the cosigner's signatures under the note, none of which may be false. Raises `NoteError`."""
    text, signatures = split(note)
    mine = [blob for name, blob in signatures if (name, blob[:4]) == (cosigner.name, cosigner.id)]
    found = [_checked(text, blob, cosigner) for blob in mine]
    if not found:
        raise NoteError("the witness did not sign the note")
    return max(found, key=lambda each: each.at)


def with_lines(note: str, lines: str) -> str:
    """The note with further signature lines; raises `NoteError` if they are none."""
    if not lines.endswith("\n"):
        raise NoteError("not signature lines")
    for line in lines[:-1].split("\n"):
        signature_of(line)
    return note + lines


def _checked(text: str, blob: bytes, cosigner: Cosigner) -> Cosigned:
    told, signature = blob[4 : 4 + _TIME], blob[4 + _TIME :]
    at = int.from_bytes(told, "big")
    if len(signature) != _SIGNATURE or at >= 1 << 63:
        raise NoteError("not a cosignature")
    try:
        cosigner.key.verify(signature, f"cosignature/v1\ntime {at}\n{text}".encode())
    except InvalidSignature:
        raise NoteError("the cosignature is not of this key") from None
    return Cosigned(f"{DASH}{cosigner.name} {b64(blob)}\n", at)
