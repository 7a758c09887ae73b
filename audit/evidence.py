"""Evidence and its verification: what `memwrit verify` reads, and what it must show. Imports no Django.

- inclusion: `{"event_id", "entry", "leaf_hash", "index", "tree_size", "hashes", "checkpoint"}` as
  `/v1/audit/proofs/{event_id}` answers, or a tlog-proof whose `extra` is the entry.
- consistency: `{"from", "to", "hashes", "checkpoint"}`, and the older checkpoint.
- certificate: `{"certificate": {…}, "signature": base64, "key": vkey, "endorsement": base64, "proofs": [inclusion …]}`.
  The signature (Ed25519) is over the canonical JSON (RFC 8785) of `certificate`. `key` must be a key that was given,
  and then vouches for the log key that `certificate.log_key` names, or be endorsed by a key that was given. Every proof
  must hold, in the log of `certificate.tenant_id`, and every id in `certificate.events` must have one.
- export: lines of JSON, the last of them signed as a certificate is, without proofs; its `certificate` holds the number
  and the SHA-256 of all lines before it.
- bundle: `{"proofs": [inclusion …], "consistency": [{…, "old": checkpoint}], "certificates": [certificate …]}`.

Everything raises `Refused` where the evidence is false, and `CannotTell` where it is not enough.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from audit import event, merkle
from audit.merkle import ProofError
from audit.notes import Checkpoint, NoteError, Proof, Verifier, b64, open_checkpoint, unb64
from audit.sources import CannotTell
from foundation.kernel.canonical import NotCanonical, canonical

Facts = dict[str, Any]
Keys = list[Verifier]
EXPORT = "memwrit.subject-export"


class Refused(Exception):
    """The evidence was had, and is false."""


def endorsed_text(vkey: str) -> bytes:
    """What the log's key signs to vouch for another key."""
    return f"memwrit key endorsement\n{vkey}\n".encode()


def verify_checkpoint(note: str, keys: Keys) -> Checkpoint:
    """The checkpoint in a note; raises `Refused`."""
    try:
        return open_checkpoint(note, keys)
    except NoteError as error:
        raise Refused(f"checkpoint: {error}") from None


def verify_inclusion(proof: Mapping[str, Any], keys: Keys) -> Facts:
    """One proof object; raises `Refused`."""
    checkpoint = verify_checkpoint(_text(proof, "checkpoint"), keys)
    entry = _bytes(proof, "entry")
    leaf = merkle.leaf_hash(entry)
    index, size = _number(proof, "index"), _number(proof, "tree_size")
    if size != checkpoint.size:
        raise Refused("the proof is for another size than its checkpoint's")
    if leaf != _bytes(proof, "leaf_hash"):
        raise Refused("the leaf hash is not the entry's")
    _holds(lambda: merkle.verify_inclusion(leaf, index, size, _hashes(proof), checkpoint.root))
    found = read_event(entry)
    if str(found.id) != proof.get("event_id") or checkpoint.origin != f"memwrit/{found.tenant}":
        raise Refused("the entry is another event, or of another log")
    return {"event_id": str(found.id), "act": found.act.value, "index": index, **head_of(checkpoint)}


def verify_consistency(proof: Mapping[str, Any], old_note: str, keys: Keys) -> Facts:
    """That the proof's checkpoint extends the older one; raises `Refused`."""
    old, new = verify_checkpoint(old_note, keys), verify_checkpoint(_text(proof, "checkpoint"), keys)
    if old.origin != new.origin:
        raise Refused("the checkpoints are of two logs")
    if (_number(proof, "from"), _number(proof, "to")) != (old.size, new.size):
        raise Refused("the proof is not between these two checkpoints")
    _holds(lambda: merkle.verify_consistency(old.size, new.size, _hashes(proof), old.root, new.root))
    return {"from": old.size, **head_of(new)}


def verify_certificate(file: Mapping[str, Any], keys: Keys) -> Facts:
    """An erasure certificate and all its proofs; raises `Refused`."""
    body, given = _signed(file, keys)
    if body.get("type") == EXPORT:
        raise Refused("this is the end of an export, not a certificate of erasure")
    try:
        logs = [*keys, Verifier.parse(_text(body, "log_key"))] if given else keys
    except NoteError as error:
        raise Refused(f"certificate: {error}") from None
    proven = [verify_inclusion(_object(proof), logs) for proof in _list(file, "proofs")]
    if not proven:
        raise Refused("the certificate has no proof that it is in the log")
    if any(fact["origin"] != f"memwrit/{body.get('tenant_id')}" for fact in proven):
        raise Refused("a proof is of another tenant's log")
    missing = set(map(str, _list(body, "events"))) - {fact["event_id"] for fact in proven}
    if missing:
        raise Refused(f"{len(missing)} events of the certificate are not proven")
    return {"certificate": body.get("id"), "assurance": body.get("assurance"), "proofs": len(proven)}


def verify_export(text: str, keys: Keys) -> Facts:
    """The export of a subject: that its end is signed, and that nothing before it was changed, added or left out;
    raises `Refused`."""
    lines = text.split("\n")
    if len(lines) < 3 or lines.pop():
        raise Refused("the export has no end")
    body, _ = _signed(read_object(lines.pop()), keys)
    sent = "".join(f"{line}\n" for line in lines)
    if body.get("type") != EXPORT or body.get("lines") != len(lines):
        raise Refused("the export is not whole")
    if hashlib.sha256(sent.encode()).hexdigest() != body.get("sha256"):
        raise Refused("a line of the export is not what was signed")
    head = read_object(lines[0])
    if any(head.get(name) != body.get(name) for name in ("type", "id", "tenant_id", "subject")):
        raise Refused("the export's head and end are of two exports")
    return {"export": body.get("id"), "records": body.get("records"), "versions": body.get("versions")}


def _signed(file: Mapping[str, Any], keys: Keys) -> tuple[dict[str, Any], bool]:
    """What a file's `certificate` says, and whether the key that signed it was given itself; raises `Refused`."""
    body, vkey = file.get("certificate"), _text(file, "key")
    if not isinstance(body, dict):
        raise Refused("there is no certificate in the file")
    try:
        signer = Verifier.parse(vkey)
        given = _vouched(signer, file, keys)
        signer.verify(canonical(body), _bytes(file, "signature"))
    except (NoteError, NotCanonical) as error:
        raise Refused(f"certificate: {error}") from None
    return body, given


def verify_bundle(file: Mapping[str, Any], keys: Keys) -> Facts:
    """Everything in a bundle; raises `Refused` at the first thing that is false, and for an empty one."""
    proofs = [verify_inclusion(_object(one), keys) for one in _list(file, "proofs")]
    steps = [verify_consistency(_object(one), _text(_object(one), "old"), keys) for one in _list(file, "consistency")]
    certificates = [verify_certificate(_object(one), keys) for one in _list(file, "certificates")]
    if not proofs + steps + certificates:
        raise Refused("the bundle is empty")
    return {"proofs": len(proofs), "consistency": len(steps), "certificates": len(certificates)}


# --- reading ---


def read_proof(text: str) -> Mapping[str, Any]:
    """A proof object, from JSON or from a tlog-proof that carries its entry."""
    if not text.startswith("c2sp.org/"):
        return read_object(text)
    try:
        proof = Proof.parse(text)
        if proof.extra is None:
            raise CannotTell("the tlog-proof carries no entry")
        size = Checkpoint.parse(proof.checkpoint.rpartition("\n\n")[0] + "\n").size
    except NoteError as error:
        raise Refused(f"tlog-proof: {error}") from None
    return {
        "event_id": str(read_event(proof.extra).id),
        "entry": b64(proof.extra),
        "leaf_hash": b64(merkle.leaf_hash(proof.extra)),
        "index": proof.index,
        "tree_size": size,
        "hashes": [b64(item) for item in proof.hashes],
        "checkpoint": proof.checkpoint,
    }


def read_object(text: str) -> Mapping[str, Any]:
    """A JSON object without doubled names, which two readers could read differently."""
    try:
        return _object(json.loads(text, object_pairs_hook=_unique))
    except (ValueError, RecursionError):
        raise Refused("the evidence is not JSON") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _vouched(signer: Verifier, file: Mapping[str, Any], keys: Keys) -> bool:
    """Whether the key was given itself; else it must be endorsed by one that was."""
    if any(signer.vkey == key.vkey for key in keys):
        return True
    endorsement = _bytes(file, "endorsement")
    for key in keys:
        with suppress(NoteError):
            key.verify(endorsed_text(signer.vkey), endorsement)
            return False
    raise Refused("the certificate's key is not one that was given, nor endorsed by one")


def read_event(entry: bytes) -> event.Event:
    try:
        return event.parse(entry)
    except event.EventError as error:
        raise Refused(f"entry: {error}") from None


def _holds(check: Callable[[], None]) -> None:
    try:
        check()
    except ProofError as error:
        raise Refused(f"proof: {error}") from None


def head_of(checkpoint: Checkpoint) -> Facts:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": b64(checkpoint.root)}


def _hashes(proof: Mapping[str, Any]) -> list[bytes]:
    return [_bytes({"hash": item}, "hash") for item in _list(proof, "hashes")]


def _bytes(data: Mapping[str, Any], name: str) -> bytes:
    try:
        return unb64(_text(data, name))
    except NoteError:
        raise Refused(f"{name} is not base64") from None


def _text(data: Mapping[str, Any], name: str) -> str:
    return _typed(data.get(name), str, name)  # type: ignore[no-any-return]


def _number(data: Mapping[str, Any], name: str) -> int:
    return _typed(data.get(name), int, name)  # type: ignore[no-any-return]


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    return _typed(data.get(name, []), list, name)  # type: ignore[no-any-return]


def _object(value: Any) -> Mapping[str, Any]:
    return _typed(value, dict, "the evidence")  # type: ignore[no-any-return]


def _typed(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Refused(f"{name} is missing or of the wrong type")
    return value
