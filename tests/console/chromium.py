"""Debian's Chromium: found, or brought where this is root's machine and apt is there."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

LONGEST = 240


class NoBrowser(RuntimeError):
    """There is no browser here and none could be brought; the message says why."""


def executable() -> str:
    """The path of Chromium; raises `NoBrowser`."""
    if os.environ.get("MEMWRIT_WITHOUT_BROWSER"):
        raise NoBrowser("MEMWRIT_WITHOUT_BROWSER is set")
    with (Path(tempfile.gettempdir()) / "memwrit-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test process brings it, the others wait
        return _found() or _brought()


def _found() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def _brought() -> str:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser("no chromium on the path, and it takes root and apt to bring one")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    for command in (["apt-get", "update"], install):
        try:
            subprocess.run(command, check=True, env=environment, capture_output=True, timeout=LONGEST)
        except (subprocess.SubprocessError, OSError) as error:
            raise NoBrowser(f"{' '.join(command[:2])} failed: {type(error).__name__}") from None
    found = _found()
    if found is None:
        raise NoBrowser("apt installed no chromium")
    return found
