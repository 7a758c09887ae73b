"""`memwrit backup --to DIR [--keep N]`: both databases, in a new folder of DIR. Taken while everything runs.

Not in it, because restoring them would undo what they are for: the epoch keys (KMS), the pins, the erasure ledger and
the keyring's copies. They are the installation's own, and have to outlive its databases (docs/backups.md).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from foundation.kernel.clock import now, rfc3339
from memwrit import dumps
from memwrit.commands.telling import Refused, tell

# The keyring's comes last: every version in the first dump has its key in the second.
DUMPS = {"memwrit.dump": "DATABASE_BACKUP_URL", "keyring.dump": "KEYRING_BACKUP_URL"}
MANIFEST = "manifest.json"
_NAME = re.compile(r"\d{8}T\d{6}Z")


def run(arguments: argparse.Namespace) -> int:
    """0 once the backup stands whole; a folder without a manifest is the rest of one that was cut off."""
    at = now()
    folder = Path(arguments.to) / at.strftime("%Y%m%dT%H%M%SZ")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise Refused(f"{folder} cannot be made: {error.strerror}") from None
    for name, setting in DUMPS.items():
        dumps.dump(url(setting), folder / name)
    files, made_at = {name: _measured(folder / name) for name in DUMPS}, str(rfc3339(at))
    _write(folder / MANIFEST, json.dumps({"made_at": made_at, "files": files}, indent=1).encode())
    removed = _prune(Path(arguments.to), arguments.keep) if arguments.keep > 0 else []
    tell(arguments, {"backup": str(folder), "made_at": made_at, "removed": str(len(removed))} | _sizes(files))
    return 0


def _prune(home: Path, keep: int) -> list[Path]:
    """Remove whole backups but the `keep` latest, and what was cut off before these; nothing else that lies there."""
    ours = sorted(path for path in home.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())
    kept = [path for path in ours if (path / MANIFEST).exists()][-keep:]
    gone = [path for path in ours if path < kept[0]]
    for path in gone:
        shutil.rmtree(path)
    return gone


def url(setting: str) -> str:
    """A database's URL as the environment has it (`NAME`, or a file by `NAME_FILE`), or `Refused`."""
    from memwrit import environment

    if found := environment.text(setting):
        return found
    raise Refused(f"{setting} is not set")


def _measured(path: Path) -> dict[str, str | int]:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _sizes(files: dict[str, dict[str, str | int]]) -> dict[str, str]:
    return {name: f"{told['bytes']} bytes" for name, told in files.items()}


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
