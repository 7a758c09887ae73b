"""Which settings a command works with: those it was given, or those of the embedded data directory."""

from __future__ import annotations

import atexit
import os
from pathlib import Path

from memwrit.embedded.folders import DataDirectoryError, InUse
from memwrit.embedded.postgres import Cluster

# What each process is given beside the settings everyone shares (security.md §1).
WEB = frozenset({"DATABASE_URL", "KEYRING_DATABASE_URL"})
TICK = WEB | {"DATABASE_SEQUENCER_URL", "DATABASE_RELAY_URL", "DATABASE_ERASER_URL", "KEYRING_ERASER_URL"}
WORKER = WEB | {"DATABASE_ERASER_URL", "KEYRING_ERASER_URL"}
OWNERS = frozenset({"DATABASE_OWNER_URL", "KEYRING_OWNER_URL"})
BACKUPS = frozenset({"DATABASE_BACKUP_URL", "KEYRING_BACKUP_URL"})
ALL = TICK | OWNERS | BACKUPS


def data_directory(given: str | None = None) -> Path:
    """`--data`, else MEMWRIT_DATA, else `.memwrit` beside the checkout (or in the working directory)."""
    chosen = given or os.environ.get("MEMWRIT_DATA")
    if chosen:
        return Path(chosen)
    checkout = Path(__file__).resolve().parents[3]
    return (checkout if (checkout / "manage.py").exists() else Path.cwd()) / ".memwrit"


def external() -> bool:
    """Whether a PostgreSQL was given, so that none is to be started."""
    return bool(os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"))


def environment(settings: dict[str, str], allowed: frozenset[str]) -> dict[str, str]:
    """This process's environment with `settings`, and of the database URLs only those `allowed`."""
    hidden = {name for url in ALL - allowed for name in (url, f"{url}_FILE")}
    everything = os.environ | settings | {"DJANGO_SETTINGS_MODULE": "memwrit.settings"}
    # A setting given as a file still counts, unless the same one is set here: both would be refused.
    hidden |= {f"{name}_FILE" for name in settings}
    return {name: value for name, value in everything.items() if name not in hidden}


def attach(given: str | None, allowed: frozenset[str] = ALL) -> bool:
    """Put the settings into this process's environment: of the running cluster, or of one started for its life.

    Returns whether it was started here, so that nobody has seen to its tables. It ends with the process, after all
    that was registered later: what a process still writes at its exit finds its database.
    """
    if external():
        return False
    cluster = Cluster(data_directory(given))
    try:
        settings, started = cluster.start(), True
        atexit.register(cluster.stop)
    except InUse:
        settings, started = cluster.settings(), False
    wanted = environment(settings, allowed)
    os.environ.clear()
    os.environ.update(wanted)
    return started


def settings_of(given: str | None) -> dict[str, str]:
    """The settings of an embedded server that is running or was; raises `DataDirectoryError` where there is none."""
    path = data_directory(given)
    if not (path / "keys" / "roles.json").exists():
        raise DataDirectoryError(f"{path} is no memwrit data directory")
    return Cluster(path).settings()
