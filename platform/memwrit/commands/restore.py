"""`memwrit restore --from BACKUP`: both databases as they were, and then what must not be as it was.

Keys that rotations moved since are brought forward, what was erased since is erased again, and every log goes on under
a new origin, so that nobody takes it for the one that was lost. Nothing of the installation may run meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from tqdm import tqdm

from audit.origin import DIRECTORY
from audit.sequencer.rows import LEASE_SECONDS
from audit.services import sequence
from audit.services.recover import behind, recover
from foundation.kernel.problems import InProgress
from foundation.kernel.scope import tenant_scope
from foundation.keyring import copies
from governance import erasure_ledger
from governance.services.erase_again import erase_again
from memwrit import dumps
from memwrit.commands import migrate
from memwrit.commands.backup import DUMPS, MANIFEST, url
from memwrit.commands.telling import Refused, tell
from memwrit.upkeep import tenants

OWNERS = {"memwrit.dump": "DATABASE_OWNER_URL", "keyring.dump": "KEYRING_OWNER_URL"}


def run(arguments: argparse.Namespace) -> int:
    """0 once everything is as it should be. May be run again after it was cut off, with `--replace`."""
    folder = Path(getattr(arguments, "from"))
    made_at = _checked(folder)
    targets = {name: url(setting) for name, setting in OWNERS.items()}
    if not arguments.replace and not all(dumps.empty(target) for target in targets.values()):
        raise Refused("the databases are not empty: --replace drops what is in them")
    for name, target in targets.items():
        _say(arguments, f"restoring {name}")
        dumps.clear(target)
        dumps.restore(target, folder / name)
    migrate.run(arguments)
    told = {
        "made_at": made_at,
        "tenants": str(len(list(tenants()))),
        "key shards brought forward": str(_each(arguments, "keys", lambda _: copies.apply())),
        "logs begun anew": str(_logs(arguments)),
        "records erased again": str(_erasures(arguments)),
    }
    sequence.drain()
    tell(arguments, told)
    return 0


def _checked(folder: Path) -> str:
    """When the backup was made; `Refused` unless its files are the ones its manifest names."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="ascii"))
        for name in DUMPS:
            with open(folder / name, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != manifest["files"][name]["sha256"]:
                    raise Refused(f"{name} is not what was backed up")
        return str(manifest["made_at"])
    except (OSError, ValueError, KeyError) as error:
        raise Refused(f"{folder} is no whole backup ({type(error).__name__})") from None


def _logs(arguments: argparse.Namespace) -> int:
    """Begin every log anew whose pin the database cannot meet, the directory's last."""
    lost = [tenant for tenant in (*tenants(), DIRECTORY) if behind(tenant)]
    for tenant in _shown(arguments, "logs", lost):
        _recover(tenant)
    return len(lost)


def _recover(tenant: UUID) -> None:
    """Once the lease has ended that the dump brought along, or a sequencer that was killed."""
    until = time.monotonic() + 2 * LEASE_SECONDS
    while True:
        try:
            recover(tenant)
            return
        except InProgress:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _erasures(arguments: argparse.Namespace) -> int:
    known = set(tenants())
    entries = [entry for entry in erasure_ledger.entries() if entry.tenant in known]
    return sum(erase_again(entry) for entry in _shown(arguments, "erasures", entries))


def _each(arguments: argparse.Namespace, step: str, act: Callable[[UUID], int]) -> int:
    done = 0
    for tenant in _shown(arguments, step, list(tenants())):
        with tenant_scope(tenant):
            done += act(tenant)
    return done


def _shown(arguments: argparse.Namespace, step: str, items: list) -> tqdm:  # type: ignore[type-arg]
    return tqdm(items, desc=step, disable=arguments.json or not sys.stderr.isatty())


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.json:
        print(text, file=sys.stderr)
