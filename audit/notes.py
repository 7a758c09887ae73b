"""Signed notes and checkpoints as C2SP specifies them (signed-note, tlog-checkpoint, tlog-proof), Ed25519 only.

A note is text ending in a newline, an empty line, and signature lines `— <name> base64(key id || signature)`. A
checkpoint is a note whose text is `<origin>\\n<size>\\n<base64 root>\\n` and optional extension lines. Whoever opens a
note names the keys it trusts; nothing in an unopened note means anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
DASH = "— "
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_LIMIT = 64 * 1024


class NoteError(ValueError):
    """The note is malformed, or no trusted key signed it."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A trusted key: its name, its id (the first four bytes that stand in every signature) and the key itself."""

    name: str
    key: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.key.public_bytes_raw()).digest()[:4]

    @property
    def vkey(self) -> str:
        """`name+hash+base64(type || key)`, the text by which a key is handed on."""
        return f"{self.name}+{self.id.hex()}+{b64(ED25519 + self.key.public_bytes_raw())}"

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Raises `NoteError` unless name, hash and key fit together."""
        name, plus, rest = vkey.strip().partition("+")
        digest, second, encoded = rest.partition("+")
        raw = unb64(encoded)
        if not name or not plus or not second or len(raw) != 33 or raw[:1] != ED25519 or not good_name(name):
            raise NoteError("not an Ed25519 verifier key")
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        if verifier.id.hex() != digest.lower():
            raise NoteError("the verifier key's hash does not fit its key")
        return verifier

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raises `NoteError`."""
        try:
            self.key.verify(signature, message)
        except InvalidSignature:
            raise NoteError("the signature is not of this key") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under a name."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.key.public_key())

    def sign(self, text: str) -> str:
        """The signed note over `text`, which must end in a newline."""
        _check_text(text)
        signature = self.verifier.id + self.key.sign(text.encode())
        return f"{text}\n{DASH}{self.name} {b64(signature)}\n"


def open_note(note: str, trusted: Iterable[Verifier]) -> str:
    """The note's text, if a trusted key signed it and no trusted key's signature is false; else `NoteError`."""
    text, signatures = split(note)
    known = {(verifier.name, verifier.id): verifier for verifier in trusted}
    signed = False
    for name, blob in signatures:
        verifier = known.get((name, blob[:4]))
        if verifier is not None:
            verifier.verify(text.encode(), blob[4:])
            signed = True
    if not signed:
        raise NoteError("no trusted key signed the note")
    return text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which log, how many leaves, their root; `extensions` are further lines `name value`."""

    origin: str
    size: int
    root: bytes
    extensions: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        lines = [self.origin, str(self.size), b64(self.root), *(f"{k} {v}" for k, v in self.extensions.items())]
        return "".join(line + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Raises `NoteError` for anything but the specification's form."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteError("not a checkpoint")
        origin, size, root, *rest = lines
        digest = unb64(root)
        if len(digest) != 32:
            raise NoteError("the root is not 32 bytes")
        extensions = dict(line.partition(" ")[::2] for line in rest)
        if len(extensions) != len(rest):
            raise NoteError("an extension line stands twice")
        return cls(origin, _decimal(size), digest, extensions)


def open_checkpoint(note: str, trusted: Iterable[Verifier], origin: str | None = None) -> Checkpoint:
    """The checkpoint in a note signed by a trusted key; `origin`, where given, must be its log."""
    checkpoint = Checkpoint.parse(open_note(note, trusted))
    if origin is not None and checkpoint.origin != origin:
        raise NoteError("the checkpoint is of another log")
    return checkpoint


@dataclass(frozen=True, slots=True)
class Proof:
    """A tlog-proof: an entry's place, its audit path, the signed checkpoint; `extra` bytes are not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def text(self) -> str:
        extra = [] if self.extra is None else [f"extra {b64(self.extra)}"]
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *(b64(item) for item in self.hashes), ""]
        return "".join(line + "\n" for line in lines) + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Raises `NoteError`."""
        head, gap, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not gap or lines.pop(0) != PROOF_HEADER or not lines:
            raise NoteError("not a tlog-proof")
        extra = unb64(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
        if not lines or not lines[0].startswith("index "):
            raise NoteError("the tlog-proof has no index")
        index = _decimal(lines.pop(0)[6:])
        return cls(index, tuple(unb64(line) for line in lines), checkpoint, extra)


def b64(data: bytes) -> str:
    """Standard base64 (RFC 4648 §4), padded."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The inverse, strict: one text for one byte string, else `NoteError`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
    if b64(data) != text:
        raise NoteError("base64 with stray bits")
    return data


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A note's text and its signatures as (name, key id || signature), none of them checked; raises `NoteError`."""
    text, gap, lines = note.rpartition("\n\n")
    if len(note) > _LIMIT or not gap or not lines.endswith("\n"):
        raise NoteError("not a signed note")
    _check_text(text + "\n")
    return text + "\n", [signature_of(line) for line in lines[:-1].split("\n")]


def signature_of(line: str) -> tuple[str, bytes]:
    """The name and the bytes of one signature line; raises `NoteError`."""
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space or not good_name(name):
        raise NoteError("not a signature line")
    blob = unb64(encoded)
    if len(blob) < 5:
        raise NoteError("the signature is too short")
    return name, blob


def good_name(name: str) -> bool:
    """Whether a key may be called so."""
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(char < " " and char != "\n" for char in text):
        raise NoteError("a note's text ends in a newline and has no control characters")


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or (text != "0" and text.startswith("0")) or len(text) > 19:
        raise NoteError("not a plain decimal number")
    return int(text)
