"""`memwrit verify`: the offline verifier. It imports no Django and trusts nothing but the keys it is given.

Exit code 0: verified. 1: refused, saying what. 2: could not tell (no such file, no answer, evidence missing).

- `checkpoint`: a signed note (c2sp.org/tlog-checkpoint), and that the witnesses named with it have cosigned it.
- `inclusion`, `consistency`, `certificate`, `bundle`, `export`: the files of `audit.evidence`.
- `full`: a folder or URL in tlog-tiles layout: `checkpoint`, `tile/entries/…`, and `tile/<level>/…`, which is compared
  where it is there. The root and the manifest are made anew from the entries.
- `watch`: a checkpoint's place, looked at again and again; alarms at a fork, a roll-back or silence.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from audit import manifest, merkle, tiles
from audit.cosignatures import Cosigner, cosigned
from audit.evidence import (
    Facts,
    Keys,
    Refused,
    head_of,
    read_event,
    read_object,
    read_proof,
    verify_bundle,
    verify_certificate,
    verify_checkpoint,
    verify_consistency,
    verify_export,
    verify_inclusion,
)
from audit.merkle import ProofError
from audit.notes import Checkpoint, NoteError, Verifier, b64
from audit.sources import CannotTell, Source

VERIFIED, REFUSED, UNKNOWN = 0, 1, 2
DIRECTORY_ORIGIN = "memwrit/00000000-0000-0000-0000-000000000000"


def verify_full(source: Source, keys: Keys) -> Facts:
    """A whole log, from its entries; raises `Refused`."""
    checkpoint = verify_checkpoint(source.checkpoint(), keys)
    entries = list(_progress(_entries(source, checkpoint.size), checkpoint.size))
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    if merkle.root(leaves) != checkpoint.root:
        raise Refused("the entries do not hash to the signed root")
    compared = _compare_tiles(source, checkpoint.size, leaves)
    facts = {**head_of(checkpoint), "tiles": compared}
    if _log_of(checkpoint) == DIRECTORY_ORIGIN:
        for entry in entries:
            verify_checkpoint(entry.decode(errors="replace"), keys)
        return facts
    return {**facts, "memories": _replay(entries, checkpoint)}


def _log_of(checkpoint: Checkpoint) -> str:
    """Whose log it is, whichever of its generations: one that was begun anew has a number at its origin's end."""
    return "/".join(checkpoint.origin.split("/")[:2])


def _replay(entries: Sequence[bytes], checkpoint: Checkpoint) -> int:
    events = [read_event(entry) for entry in entries]
    if len({one.id for one in events}) != len(events):
        raise Refused("an event stands twice in the log")
    if any(f"memwrit/{one.tenant}" != _log_of(checkpoint) for one in events):
        raise Refused("an event of another tenant stands in the log")
    changes = [change for one in events for change in one.changes]
    try:
        root = manifest.of_changes(changes).root()
    except manifest.ManifestError as error:
        raise Refused(f"manifest: {error}") from None
    if events and checkpoint.extensions.get("manifest") != b64(root):
        raise Refused("the manifest's root is not what the entries amount to")
    return len({change.id for change in changes})


def _entries(source: Source, size: int) -> Iterable[bytes]:
    for number in range(-(-size // tiles.WIDTH)):
        width = tiles.width_at(tiles.ENTRIES, number, size)
        bundle = _tile(source, tiles.Tile(tiles.ENTRIES, number, width))
        if bundle is None:
            raise CannotTell(f"the entries from {number * tiles.WIDTH} on are missing")
        try:
            found = tiles.open_bundle(bundle)
        except tiles.TileError as error:
            raise Refused(f"entries: {error}") from None
        if len(found) < width:
            raise Refused("an entry bundle has too few entries")
        yield from found[:width]


def _compare_tiles(source: Source, size: int, leaves: Sequence[bytes]) -> int:
    """Hold every hash tile that is there against the entries' own; returns how many were."""
    edge = tiles.Edge(0, {})
    edge.append(leaves)
    compared = 0
    for tile in tiles.tiles_of(size):
        data = _tile(source, tile)
        if data is not None:
            compared += 1
            if data[: tile.width * 32] != b"".join(edge.changed[tile.level, tile.number]):
                raise Refused(f"tile {tile.path()} is not what the entries hash to")
    return compared


def _tile(source: Source, tile: tiles.Tile) -> bytes | None:
    found = source.find(f"tile/{tile.path()}")
    if found is None and tile.width < tiles.WIDTH:  # the full tile may have taken its place
        found = source.find(f"tile/{tiles.Tile(tile.level, tile.number).path()}")
    return found


def watch(source: Source, keys: Keys, state: Path, *, silence: float = 0.0) -> Facts:
    """One look: the checkpoint must equal or extend the one kept in `state`, and replaces it; raises `Refused`.

    `silence`: seconds after which a checkpoint that was not signed anew is an alarm (0: never).
    """
    note = source.checkpoint()
    new = verify_checkpoint(note, keys)
    if state.exists():
        old_note = state.read_text(encoding="utf-8")
        old = verify_checkpoint(old_note, keys)
        if old.origin != new.origin:
            raise Refused(f"this is another log than the one watched: {new.origin}")
        if new.size < old.size:
            raise Refused(f"the log was rolled back from {old.size} to {new.size}")
        if new.size == old.size and new.root != old.root:
            raise Refused(f"the log forked at size {new.size}")
        if new.size > old.size > 0:
            verify_consistency(_extension(source, old, new, note), old_note, keys)
    signed_at = new.extensions.get("at", "")
    if silence and not (signed_at.isdigit() and time.time() - int(signed_at) / 1000 < silence):
        raise Refused("the log has been silent for too long")
    draft = state.with_name(state.name + ".new")
    draft.write_text(note, encoding="utf-8")
    draft.replace(state)
    return head_of(new)


def _extension(source: Source, old: Checkpoint, new: Checkpoint, note: str) -> Facts:
    """The consistency proof between two sizes, made from the source's tiles."""

    def fetch(level: int, number: int) -> bytes:
        found = _tile(source, tiles.Tile(level, number, tiles.width_at(level, number, new.size)))
        if found is None:
            raise CannotTell("the tiles between the two checkpoints are missing")
        return found

    try:
        path = merkle.consistency_path(old.size, new.size, tiles.nodes(fetch))
    except (ProofError, tiles.TileError) as error:
        raise Refused(f"tiles: {error}") from None
    return {"from": old.size, "to": new.size, "hashes": [b64(item) for item in path], "checkpoint": note}


# --- reading evidence ---


def read_keys(given: Iterable[str]) -> Keys:
    """Keys as vkeys, or as files that hold them: one a line, or the JSON of `/.well-known/memwrit-keys.json`."""
    keys: Keys = []
    for one in given:
        path = Path(one)
        text = one
        with suppress(OSError):
            text = path.read_text(encoding="utf-8") if path.is_file() else one
        try:
            vkeys = [key["vkey"] for key in json.loads(text)["keys"]] if text.lstrip()[:1] == "{" else text.split("\n")
            keys += [Verifier.parse(vkey) for vkey in vkeys if vkey.strip()]
        except (NoteError, ValueError, KeyError, TypeError) as error:
            raise CannotTell(f"not a verifier key: {error}") from None
    return keys


def _progress(items: Iterable[bytes], total: int) -> Iterable[bytes]:
    if total < 10_000 or not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, unit="entry")  # type: ignore[no-any-return]


# --- the command ---


def main(argv: Sequence[str] | None = None) -> int:
    """Run `memwrit verify`; returns the exit code."""
    asked = _parser().parse_args(argv)
    try:
        facts = _COMMANDS[asked.command](asked, Source(asked.place), read_keys(asked.key))
    except Refused as error:
        return _tell(asked, REFUSED, "refused", {"reason": str(error)})
    except CannotTell as error:
        return _tell(asked, UNKNOWN, "could not tell", {"reason": str(error)})
    return _tell(asked, VERIFIED, "verified", facts)


def _watch(asked: argparse.Namespace, source: Source, keys: Keys) -> Facts:
    while True:
        facts = watch(source, keys, Path(asked.state), silence=asked.silence)
        if asked.once:
            return facts
        _tell(asked, VERIFIED, "verified", facts)
        time.sleep(asked.interval)


def _checkpoint(asked: argparse.Namespace, source: Source, keys: Keys) -> Facts:
    note = source.checkpoint()
    facts = head_of(verify_checkpoint(note, keys))
    try:
        cosigners = [Cosigner.parse(vkey) for vkey in asked.witness]
    except NoteError as error:
        raise CannotTell(f"not a witness's key: {error}") from None
    try:
        at = {each.name: cosigned(note, each).at for each in cosigners}
    except NoteError as error:
        raise Refused(f"cosignature: {error}") from None
    return {**facts, "cosigned": at} if at else facts


def _consistency(asked: argparse.Namespace, source: Source, keys: Keys) -> Facts:
    if not asked.old:
        raise CannotTell("a consistency proof is verified against the older checkpoint: name it with --old")
    return verify_consistency(read_object(source.text()), Source(asked.old).checkpoint(), keys)


_COMMANDS: dict[str, Callable[[argparse.Namespace, Source, Keys], Facts]] = {
    "checkpoint": _checkpoint,
    "inclusion": lambda asked, source, keys: verify_inclusion(read_proof(source.text()), keys),
    "consistency": _consistency,
    "certificate": lambda asked, source, keys: verify_certificate(read_object(source.text()), keys),
    "bundle": lambda asked, source, keys: verify_bundle(read_object(source.text()), keys),
    "export": lambda asked, source, keys: verify_export(source.text(), keys),
    "full": lambda asked, source, keys: verify_full(source, keys),
    "watch": _watch,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memwrit verify", description="Verify evidence offline.")
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument("place", metavar="PATH_OR_URL", help="API keys for a URL come from MEMWRIT_TOKEN")
    parser.add_argument("--key", action="append", required=True, metavar="VKEY", help="or a file of them; repeatable")
    parser.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="checkpoint: who must have cosigned; repeatable"
    )
    parser.add_argument("--old", metavar="CHECKPOINT", help="consistency: the older checkpoint")
    parser.add_argument("--state", default="memwrit-watch.checkpoint", help="watch: where the last one is kept")
    parser.add_argument("--interval", type=float, default=30.0, help="watch: seconds between looks")
    parser.add_argument("--silence", type=float, default=0.0, help="watch: seconds of silence that are an alarm")
    parser.add_argument("--once", action="store_true", help="watch: look once")
    parser.add_argument("--json", action="store_true")
    return parser


def _tell(asked: argparse.Namespace, code: int, verdict: str, facts: Facts) -> int:
    if asked.json:
        print(json.dumps({"command": asked.command, "verdict": verdict, **facts}), flush=True)
    else:
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        print(f"{asked.command} {verdict}: {told}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
