"""Whom PostgreSQL runs as. It refuses root, so root lends it an unprivileged account; others run it as themselves."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CANDIDATES = ("memwrit", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group; `lent` when they are not the caller's own."""

    uid: int
    gid: int
    lent: bool

    def popen(self) -> dict[str, Any]:
        """Arguments for `subprocess` that start a child as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}

    def can_enter(self, folder: Path) -> bool:
        """Whether the account can reach `folder`, asked of the system itself (modes alone do not know of ACLs)."""
        if not self.lent:
            return os.access(folder, os.X_OK)
        asked = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        return subprocess.run(asked, check=False, capture_output=True, cwd="/", **self.popen()).returncode == 0

    def give(self, path: Path) -> None:
        """Make the account the owner of `path`."""
        if self.lent:
            os.chown(path, self.uid, self.gid)


def choose(database: Path) -> Account:
    """The owner of an existing database folder, else the first unprivileged account there is; for root only."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), lent=False)
    if database.exists() and database.stat().st_uid != 0:
        found = database.stat()
        return Account(found.st_uid, found.st_gid, lent=True)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, lent=True)
    raise RuntimeError("root cannot run PostgreSQL, and there is no account 'memwrit' or 'nobody' to run it as")
